"""A worker at full speed for minutes on end: does its memory stay flat, and is its output right in the end?

    python -m benchmarks.soak [--minutes 10]

Input is produced all the time, just ahead of the worker. Event time runs fast, some days a second, and users come and
go: after the window of 8 days nothing of those who went may be left (dislikes here exclude for 30 days at most, as
state that has no end would only show that users add up). So once event time has passed window and dislikes, users and
state stay as many, and memory must be flat, but for what buffers still add when they are fuller than ever before:
Python does not give their memory back, so they ratchet. Hence a warm-up, at least a third of the run; printed are
the curve, and how the rest slopes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count
from statistics import fmean
from typing import Final, NamedTuple

from msgspec.structs import replace

from benchmarks import outcome
from benchmarks.backlog import Sample, flush, open_producer, produce, send_watermarks
from benchmarks.harness import Bench, main
from benchmarks.ours import lost
from benchmarks.processes import Worker, rss_mb, wait_until
from benchmarks.workload import Pair
from streamer.city.city import City
from streamer.events import DAY_MS, Dislike, Feedback, encode
from streamer.producing import topics
from streamer.settings import Settings

_USERS: Final = 3_000
_DAYS: Final = 2
"""Days of a round."""
_EVENTS: Final = 20_000
"""Events of a round."""
_GONE: Final = 300
"""Users who come, and who go, a round."""
_WINDOW_DAYS: Final = 8
_REMEMBERED_DAYS: Final = _WINDOW_DAYS + 30
"""Of event time, after which nothing is left of a user who went."""
_LONG_AGO_DAYS: Final = 6_000
_AHEAD: Final = 30_000
"""Events produced and not yet processed, at most: enough for full speed, and few of what may be in buffers."""
_CHUNK: Final = 1_000
_LOOK_S: Final = 5.0
_SAMPLED: Final = 8_000
_FLAT: Final = 0.05
"""How much memory may grow in ten minutes, of what it is."""
_BARS: Final = "▁▂▃▄▅▆▇█"


class Look(NamedTuple):
    """A worker at one moment."""

    at_s: float
    events: int
    waiting: int
    users: int
    state_mb: float
    rss_mb: float

    @property
    def days(self) -> float:
        """Event time that has passed."""
        return self.events / _EVENTS * _DAYS


def run(bench: Bench, minutes: float = 10.0) -> None:
    """Takes the figures."""
    settings = bench.settings(window_days=_WINDOW_DAYS)
    topics.create(settings)
    sample = Sample(_SAMPLED)
    began_ms = (time.time_ns() // 1_000_000 // DAY_MS - _LONG_AGO_DAYS) * DAY_MS
    worker = Worker(settings, bench.logs / f"{settings.group}.log")
    worker.wait_recovered()
    looks, sent, end_ms = _feed(bench, settings, worker, _rounds(began_ms), sample, 60 * minutes)
    sealed_ms = end_ms + DAY_MS
    records = sent + send_watermarks(settings, sealed_ms)
    wait_until("all is processed", lambda: worker.processed() >= records, worker.child, 300)
    metrics = worker.metrics()
    worker.stop()
    _print_curve(looks)
    bench.check("every event processed, none late or rejected", lost(metrics, records))
    wrong = outcome.disagreements(settings, sample.events, sealed_ms)
    bench.check(f"{len(sample)} users' documents against the oracle", wrong)
    warm = [look for look in looks if look.days > _REMEMBERED_DAYS and look.at_s > looks[-1].at_s / 3]
    if len(warm) < len(looks) // 3:
        bench.wrong.append(f"soak: {looks[-1].days:.0f} event days are too few, state still grew: take more minutes")
        return
    per_s = _slope([(look.at_s, look.rss_mb) for look in warm])
    middle_mb = fmean(look.rss_mb for look in warm)
    starved = sum(look.waiting == 0 for look in looks[1:])
    seconds = looks[-1].at_s - looks[0].at_s
    bench.figure("events", "M", (looks[-1].events - looks[0].events) / 1e6)
    bench.figure("events/s", "events/s", (looks[-1].events - looks[0].events) / seconds)
    bench.figure("event time that passed", "days", looks[-1].days)
    bench.figure("looks at which the worker had nothing to do", "", starved)
    bench.figure("users with state at the end", "users", looks[-1].users)
    bench.figure("its state after the warm-up", "MB/min", 60 * _slope([(look.at_s, look.state_mb) for look in warm]))
    bench.figure("memory at the end", "MB RSS", looks[-1].rss_mb)
    bench.figure("memory after the warm-up", "MB/min", 60 * per_s)
    bench.figure("that in ten minutes, of the mean", "", 600 * per_s / middle_mb, _FLAT)
    verdict = "flat" if 600 * per_s <= _FLAT * middle_mb else "NOT FLAT"
    print(f"{verdict}: {60 * per_s:+.2f} MB/min at {middle_mb:.0f} MB, over {warm[-1].at_s - warm[0].at_s:.0f} s")


def _feed(
    bench: Bench, settings: Settings, worker: Worker, events: Iterator[Pair], sample: Sample, seconds: float
) -> tuple[list[Look], int, int]:
    """Produces for so long; returns what was seen of the worker, how much was sent, and the newest event time."""
    producer = open_producer(settings)
    began = time.monotonic()
    looks: list[Look] = []
    sent = processed = newest_ms = 0
    while (at_s := time.monotonic() - began) < seconds:
        if sent - processed < _AHEAD:
            for _, (topic, event) in zip(range(_CHUNK), events, strict=False):
                produce(producer, settings.topic_prefix + topic, encode(event), event.user_id.encode())
                sample.see(event)
                newest_ms = event.ts
            sent += _CHUNK
            producer.poll(0)
        else:
            time.sleep(0.05)
        if sent - processed >= _AHEAD or at_s - (looks[-1].at_s if looks else -_LOOK_S) >= _LOOK_S:
            metrics = worker.metrics()
            processed = int(metrics["streamer_events_total"])
            if not looks or at_s - looks[-1].at_s >= _LOOK_S:
                users, state_mb = int(metrics["streamer_state_users"]), metrics["streamer_state_bytes"] / 1e6
                looks.append(Look(at_s, processed, sent - processed, users, state_mb, rss_mb(worker.child)))
                if len(looks) % 6 == 0:
                    bench.say(f"{processed:,} events, {users:,} users, {looks[-1].rss_mb:.0f} MB")
    flush(producer)
    return looks, sent, newest_ms


def _rounds(began_ms: int) -> Iterator[Pair]:
    """The same days over and over, each time later and by somewhat different users; ts ascending, without end."""
    city = City(_USERS, _DAYS, seed=4, end_ms=_DAYS * DAY_MS, events=_EVENTS)
    block = [pair for pair in map(_passing, city.events()) if pair is not None]
    numbers = [int(event.user_id.removeprefix("user-")) for _, event in block]
    for number in count():
        later_ms, gone = began_ms + number * _DAYS * DAY_MS, number * _GONE
        for (topic, event), user in zip(block, numbers, strict=True):
            session = None if event.session_id is None else f"{event.session_id}-{number}"
            yield (
                topic,
                replace(event, ts=event.ts + later_ms, user_id=f"user-{user + gone:07d}", session_id=session),
            )


def _passing(pair: Pair) -> Pair | None:
    """Nothing that is remembered for ever, or for half a year."""
    topic, event = pair
    if isinstance(event, Feedback) and "follow" in (event.kind, event.of):
        return None
    if isinstance(event, Dislike) and event.action != "undo":
        return topic, replace(event, action="hide")
    return pair


def _print_curve(looks: Sequence[Look]) -> None:
    most = max(look.rss_mb for look in looks)
    print("".join(_BARS[min(len(_BARS) - 1, int(len(_BARS) * look.rss_mb / most))] for look in looks), f"{most:.0f} MB")
    print(f"{'s':>6} {'events':>12} {'waiting':>8} {'users':>8} {'MB state':>8} {'MB RSS':>7}")
    for look in looks[:: max(1, len(looks) // 30)]:
        print(
            f"{look.at_s:6.0f} {look.events:12,} {look.waiting:8,} {look.users:8,} {look.state_mb:8.1f} "
            f"{look.rss_mb:7.0f}"
        )


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line through the points with the least squares."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    asked, sys.argv[1:] = parser.parse_args(), []
    main({"soak": lambda bench: run(bench, asked.minutes)}, "soak")

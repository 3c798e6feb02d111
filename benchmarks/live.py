"""CPU per event at real-time pace: a user's events come one a slice.

    python -m benchmarks.live [--quick]

Users with a history of W visit the app now. At life's own speed a visitor does something every 18 s or so; when
measuring begins visits are under way, others begin, those of half an hour ago are closed and those of an hour and a
half ago sealed, all at the same rate, with the settings of production but for `allowed_lag`. Rates that would take more
people than a machine can make up in a minute have people ten times as fast, with sessions that seal after 13 s: a
user's events still come one a slice, but several to a checkpoint, so bytes are not counted then.

The cost of the job itself, by events of different users that come a thousand at a time and not through Kafka, is the
first figure (`benchmarks.live_in_memory`): the target in docs/performance.md is about that.

What the worker takes when idle is a figure of its own, and not counted in the others. Rates go up until the worker is
more than half busy. Also what an event adds to changelog and outbox, with 5 s checkpoints.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from benchmarks import live_in_memory, outcome
from benchmarks.backlog import Backlog, fill
from benchmarks.harness import Bench, main
from benchmarks.ours import changelog_bytes, lost, stored_bytes
from benchmarks.processes import Worker, cpu, wait_until
from benchmarks.stream import Stream, date_by_broker, too_late
from benchmarks.workload import Pair, Workload, moved
from streamer.events import DAY_MS, Event
from streamer.settings import Settings

_TARGET_BYTES: Final = 100.0
_HISTORY: Final = 6
"""Events a user has before, in the mean; a third of them have any."""
_USERS: Final = 30
"""Per event and second: so many people are there at once, or were half an hour or an hour and a half ago."""
_LAG_S: Final = 1.0
_HURRY: Final = 10.0
_IN_A_HURRY: Final = {"session_gap": 10.0, "grace": 2.0}
_CATCH_UP_S: Final = 0.3
"""Per event and second."""
_LONGEST_CATCH_UP_S: Final = 120.0
_WARM_UP_S: Final = 12.0
"""So that the checkpoint that saves the past is not measured: two intervals and some."""
_IDLE_S: Final = 3.0
_HALF: Final = 0.5
_MOST_LEFT_OUT: Final = 0.1

T = TypeVar("T")


class Scene(NamedTuple):
    """At how many events per second, by people how many times as fast as in life."""

    rate: int
    speed: float = 1.0

    @property
    def hurried(self) -> bool:
        """They are faster than in life."""
        return self.speed > 1.0

    @property
    def users(self) -> int:
        """How many there are."""
        return round(_USERS * self.rate / self.speed)


_QUICK: Final = [Scene(200), Scene(2_000, _HURRY)]
_WHOLE: Final = [Scene(200), Scene(1_000), Scene(4_000, _HURRY), Scene(10_000, _HURRY)]


class Pace(NamedTuple):
    """What was measured at one pace."""

    us: float
    busy: float
    idle: float
    changelog: float
    outbox: float
    per_slice: float


def run(bench: Bench) -> None:
    """Takes the figures."""
    live_in_memory.run(bench)
    seconds = 10.0 if bench.options.quick else 30.0
    found: dict[Scene, list[Pace]] = {}
    for number in bench.runs():
        for scene in _QUICK if bench.options.quick else _WHOLE:
            pace = _pace(bench, scene, seconds, number)
            found.setdefault(scene, []).append(pace)
            if pace.busy > _HALF:
                bench.say(f"at {scene.rate:,} events/s the worker is more than half busy: higher rates are left out")
                break
    bench.figure("an idle worker", "% of a core", [100 * pace.idle for paces in found.values() for pace in paces])
    for scene, paces in found.items():
        at = f"at {scene.rate:,} events/s"
        bench.figure(f"CPU per event {at}", "us", [pace.us for pace in paces], live_in_memory.TARGET_US)
        bench.figure(f"the worker {at}", "% of a core", [100 * pace.busy for pace in paces])
        bench.figure(f"events of a slice {at}", "events", [pace.per_slice for pace in paces])
        if not scene.hurried:
            bench.figure(f"changelog and journal {at}", "B/event", [pace.changelog for pace in paces], _TARGET_BYTES)
            bench.figure(f"outbox {at}", "B/event", [pace.outbox for pace in paces])


def _settings(bench: Bench, scene: Scene) -> Settings:
    return bench.settings(clock="wall", allowed_lag=_LAG_S, **(_IN_A_HURRY if scene.hurried else {}))


def _pace(bench: Bench, scene: Scene, seconds: float, seed: int) -> Pace:
    settings = _settings(bench, scene)
    rate = scene.rate
    yesterday = (time.time_ns() // 1_000_000 // DAY_MS - 1) * DAY_MS
    history = Backlog(Workload(_HISTORY * scene.users, scene.users, yesterday), settings, watermarks=False)
    date_by_broker(settings)
    closed_after_s = settings.session_gap + _LAG_S
    sealed_after_s = closed_after_s + settings.grace
    warm_up_s = _WARM_UP_S + (sealed_after_s if scene.hurried else 0.0)
    catch_up_s = min(_LONGEST_CATCH_UP_S, _CATCH_UP_S * rate)
    span_s = catch_up_s + warm_up_s + seconds
    (before, after), idle = _idle(
        bench, scene, lambda: _visits(history.workload, scene, span_s, (closed_after_s, sealed_after_s), seed)
    )
    begin_ms = time.time_ns() // 1_000_000
    before = moved(before, begin_ms)
    fill(settings, before)
    records = history.records + len(before)
    worker = Worker(settings, bench.logs / f"{settings.group}.log")
    wait_until("the past is processed", lambda: worker.processed() >= records, worker.child, _LONGEST_CATCH_UP_S)
    with Stream(settings, after, begin_ms if before else None) as stream:
        stream.wait_present()
        present = records + len(stream.sent)
        wait_until("the present is reached", lambda: worker.processed() >= present, worker.child, _LONGEST_CATCH_UP_S)
        time.sleep(warm_up_s)
        first = _Reading(bench, worker, settings)
        time.sleep(seconds)
        last = _Reading(bench, worker, settings)
    records += len(stream.sent)
    wait_until("all is processed", lambda: worker.processed() >= records, worker.child, 120)
    watermark = stream.sent[-1].ts
    if scene.hurried:  # else the worker may have sealed more than the oracle by then
        time.sleep(sealed_after_s + _LAG_S)
        watermark = time.time_ns() // 1_000_000 - round(1000 * _LAG_S)
    metrics, pace = worker.metrics(), last.since(first, idle)
    worker.stop()
    bench.check("every event processed, none late or rejected", lost(metrics, records))
    for _, event in before:
        history.sample.see(event)
    for event in stream.sent:
        history.sample.see(event)
    _compare(bench, settings, history, stream.sent, watermark)
    bench.say(f"{rate:,} events/s: {pace.us:.0f} us, busy {100 * pace.busy:.0f} %, idle {100 * idle:.1f} % of a core")
    return pace


def _visits(
    workload: Workload, scene: Scene, span_s: float, due_after_s: Sequence[float], seed: int
) -> tuple[list[Pair], list[Pair]]:
    """What happened before now, and what will; ts from 0."""
    span_ms = round(1000 * span_s)
    if scene.hurried:
        return [], workload.steady(span_ms, round(scene.rate * span_s), scene.speed, seed)
    return workload.present(span_ms, scene.rate, [round(1000 * after_s) for after_s in due_after_s], seed)


def _compare(bench: Bench, settings: Settings, history: Backlog, sent: Sequence[Event], watermark: int) -> None:
    """The sample's documents against the oracle's; without users whose events came too late for a seal to know them."""
    late = too_late(settings, sent[0].ts)
    known = {user: events for user, events in history.sample.events.items() if user not in late}
    left_out = len(history.sample) - len(known)
    if left_out:
        worst = max(late.values()) / 1000
        bench.say(f"{left_out} users left out: their events came up to {worst:.1f} s late, this machine is overloaded")
    problems = outcome.disagreements(settings, known, watermark)
    if left_out > _MOST_LEFT_OUT * len(history.sample):
        problems.append(f"{left_out} users' events came too late: the run shows nothing, repeat it")
    bench.check(f"{len(known)} users' documents against the oracle", problems)


class _Reading:
    """Everything that grows, read at one moment."""

    def __init__(self, bench: Bench, worker: Worker, settings: Settings) -> None:
        self._settings = settings
        self.at = time.monotonic()
        self.cpu_s = cpu(worker.child)
        self.metrics: Counter[str] = worker.metrics()
        self.changelog = changelog_bytes(bench, settings)
        self.outbox = stored_bytes(bench, settings, settings.topics.avoid_lists)

    def since(self, earlier: _Reading, idle: float) -> Pace:
        """Per event, from an earlier reading to this one; the changelog's bytes per event that checkpoints saved."""
        seconds = self.at - earlier.at
        cpu_s = self.cpu_s - earlier.cpu_s
        grown = {name: self.metrics[name] - earlier.metrics[name] for name in self.metrics}
        events = grown["streamer_events_total"]
        checkpoints = grown["streamer_checkpoint_seconds_count"] / self._settings.partitions
        saved = events / seconds * self._settings.checkpoint_interval * checkpoints
        return Pace(
            us=(cpu_s - idle * seconds) / events * 1e6,
            busy=cpu_s / seconds,
            idle=idle,
            changelog=(self.changelog - earlier.changelog) / saved if saved else math.nan,
            outbox=(self.outbox - earlier.outbox) / events,
            per_slice=grown["streamer_batch_events_sum"] / grown["streamer_batch_events_count"],
        )


def _idle(bench: Bench, scene: Scene, meanwhile: Callable[[], T]) -> tuple[T, float]:
    """What is done meanwhile, and the share of a core that a worker takes while nothing comes and nothing is due."""
    settings = _settings(bench, scene)
    worker = Worker(settings, bench.logs / f"{settings.group}.log")
    worker.wait_recovered()
    time.sleep(1.0)
    before, began = cpu(worker.child), time.monotonic()
    done = meanwhile()
    time.sleep(max(0.0, began + _IDLE_S - time.monotonic()))
    idle = (cpu(worker.child) - before) / (time.monotonic() - began)
    worker.stop()
    return done, idle


if __name__ == "__main__":
    main({"live": run}, "live")

"""CPU per event at real-time pace: about one event per user and batch, so that every event forms a document.

    python -m benchmarks.live [--quick]

People with a history of W visit the app now; things happen ten times as fast within a visit as in life, so that visits
begin, end and are sealed while it is measured (session gap 10 s). What the worker takes when idle is not counted.
Also what an event adds to changelog and outbox at this pace, with 5 s checkpoints.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Final, NamedTuple

from benchmarks import outcome
from benchmarks.backlog import Backlog
from benchmarks.harness import Bench, main
from benchmarks.ours import lost, stored_bytes
from benchmarks.processes import Worker, cpu, wait_until
from benchmarks.stream import Stream
from benchmarks.workload import Workload
from streamer.settings import DAY_MS, Settings

_TARGET_US: Final = 20.0
_TARGET_BYTES: Final = 100.0
_SPEED: Final = 10.0
_HISTORY: Final = 20
"""Events a user has before."""
_GAP_S, _GRACE_S, _LAG_S = 10, 2, 1.0
_WARM_UP_S: Final = 16.0
"""Visits that began before the stream end, and are sealed, within this time."""
_IDLE_S: Final = 4.0
_IDLE_SHARE: Final = 0.2


class Pace(NamedTuple):
    """What was measured at one pace."""

    us: float
    busy: float
    changelog: float
    outbox: float
    per_slice: float


def run(bench: Bench) -> None:
    """Takes the figures."""
    rates = [2_000] if bench.options.quick else [500, 2_000, 8_000]
    seconds = 12.0 if bench.options.quick else 40.0
    found: dict[int, list[Pace]] = {rate: [] for rate in rates}
    for number in bench.runs():
        for rate in rates:
            found[rate].append(_pace(bench, rate, seconds, number))
    for rate, paces in found.items():
        at = f"at {rate:,} events/s"
        bench.figure(f"CPU per event {at}", "us", [pace.us for pace in paces], _TARGET_US)
        bench.figure(f"the worker {at}", "% of a core", [100 * pace.busy for pace in paces])
        bench.figure(f"events of a slice {at}", "events", [pace.per_slice for pace in paces])
        bench.figure(f"changelog {at}", "B/event", [pace.changelog for pace in paces], _TARGET_BYTES)
        bench.figure(f"outbox {at}", "B/event", [pace.outbox for pace in paces])


def live_settings(bench: Bench, users: int) -> tuple[Settings, Backlog]:
    """A deployment on the wall clock whose users have a history that ended yesterday."""
    yesterday = (time.time_ns() // 1_000_000 // DAY_MS - 1) * DAY_MS
    settings = bench.settings(clock="wall", session_gap=_GAP_S, grace=_GRACE_S, allowed_lag=_LAG_S)
    return settings, Backlog(Workload(_HISTORY * users, users, yesterday), settings, watermarks=False)


def _pace(bench: Bench, rate: int, seconds: float, seed: int) -> Pace:
    settings, history = live_settings(bench, users=rate)
    length_s = _WARM_UP_S + seconds
    events = history.workload.steady(round(1000 * length_s), round(rate * length_s), _SPEED, seed)
    worker = Worker(settings, bench.logs / f"{settings.group}.log")
    wait_until("the history is processed", lambda: worker.processed() >= history.records, worker.child, 600)
    time.sleep(_GRACE_S)
    idle = _busy(worker, _IDLE_S)
    with Stream(settings, events) as stream:
        time.sleep(_WARM_UP_S)
        before = _Reading(bench, worker, settings)
        time.sleep(seconds - 1)
        after = _Reading(bench, worker, settings)
    records = history.records + len(stream.sent)
    wait_until("all is processed", lambda: worker.processed() >= records, worker.child, 120)
    last_ms = stream.sent[-1].ts
    sealed_ms = last_ms + 1000 * (_GAP_S + _GRACE_S + 1)
    time.sleep(max(0.0, sealed_ms / 1000 + 2 * _LAG_S + 1 - time.time()))
    wait_until("every session is sealed", lambda: _busy(worker, 0.5) < _IDLE_SHARE, worker.child, 120)
    metrics = worker.metrics()
    worker.stop()
    bench.check("every event processed, none late or rejected", lost(metrics, records))
    for event in stream.sent:
        history.sample.see(event)
    wrong = outcome.disagreements(settings, history.sample.events, sealed_ms)
    bench.check(f"{len(history.sample)} users' documents against the oracle", wrong)
    pace = after.since(before, idle)
    bench.say(f"{rate:,} events/s: {pace.us:.0f} us, idle {100 * idle:.1f} % of a core")
    return pace


class _Reading:
    """Everything that grows, read at one moment."""

    def __init__(self, bench: Bench, worker: Worker, settings: Settings) -> None:
        self.at = time.monotonic()
        self.cpu_s = cpu(worker.child)
        self.metrics: Counter[str] = worker.metrics()
        self.changelog = stored_bytes(bench, settings, settings.topics.state)
        self.outbox = stored_bytes(bench, settings, settings.topics.avoid_lists)

    def since(self, earlier: _Reading, idle: float) -> Pace:
        """Per event, from an earlier reading to this one."""
        seconds = self.at - earlier.at
        cpu_s = self.cpu_s - earlier.cpu_s
        grown = {name: self.metrics[name] - earlier.metrics[name] for name in self.metrics}
        events = grown["streamer_events_total"]
        return Pace(
            us=(cpu_s - idle * seconds) / events * 1e6,
            busy=cpu_s / seconds,
            changelog=(self.changelog - earlier.changelog) / events,
            outbox=(self.outbox - earlier.outbox) / events,
            per_slice=grown["streamer_batch_events_sum"] / grown["streamer_batch_events_count"],
        )


def _busy(worker: Worker, seconds: float) -> float:
    """Share of a core that a worker takes while nothing comes."""
    before = cpu(worker.child)
    time.sleep(seconds)
    return (cpu(worker.child) - before) / seconds


if __name__ == "__main__":
    main({"live": run}, "live")

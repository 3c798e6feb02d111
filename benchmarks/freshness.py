"""From an event produced to its list readable in Redis: explicit dislikes amid a stream at half load.

    python -m benchmarks.freshness [--quick]

A process of its own (`benchmarks/peers/probe.py`) sends dislikes with the SDK and asks Redis until each is in force. In
the same run and in turn with them, the same records go through the shortest possible chain: a plain aiokafka consumer
that sets a Redis key. "Half load" is the pace at which the worker is busy half of the time.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from benchmarks.backlog import Backlog, make_topic
from benchmarks.harness import Bench, main
from benchmarks.peers.runners import environment
from benchmarks.processes import Worker, cpu, wait_until
from benchmarks.stream import Stream
from benchmarks.workload import Workload
from streamer.embedded.child import Child
from streamer.events import DAY_MS
from streamer.settings import Settings

_P50_MS: Final = 25.0
_P99_MS: Final = 100.0
_SPEED: Final = 10.0
"""Ten times as fast as in life, so that visits are sealed while it is measured."""
_SHORT: Final = {"session_gap": 10, "grace": 2, "allowed_lag": 1.0}
_USERS: Final = 2_000
_HISTORY: Final = 20
_TRIAL: Final = 500
_TRIAL_S: Final = 6.0
_MOST: Final = 10_000
_PROBES_A_SECOND: Final = 20


def run(bench: Bench) -> None:
    """Takes the figures."""
    seconds = 15 if bench.options.quick else 60
    runs = [_freshness(bench, seconds, number) for number in bench.runs()]
    for name, share, target in (("p50", 0.5, _P50_MS), ("p99", 0.99, _P99_MS)):
        bench.figure(f"dislike to Redis, {name}", "ms", [_quantile(ours, share) for ours, _ in runs], target)
        bench.figure(f"a bare chain, {name}", "ms", [_quantile(bare, share) for _, bare in runs])


def _freshness(bench: Bench, seconds: int, seed: int) -> tuple[list[float], list[float]]:
    settings = bench.settings(clock="wall", redis_url=bench.redis.url, **_SHORT)
    yesterday = (time.time_ns() // 1_000_000 // DAY_MS - 1) * DAY_MS
    history = Backlog(Workload(_HISTORY * _USERS, _USERS, yesterday), settings, watermarks=False)
    bench.redis.flush()
    make_topic(settings, f"{settings.topic_prefix}bare")
    worker = Worker(settings, bench.logs / f"{settings.group}.log")
    publisher = Worker(settings, bench.logs / f"{settings.publisher_group}.log", "publisher")
    wait_until("the history is processed", lambda: worker.processed() >= history.records, worker.child, 600)
    with Stream(settings, history.workload.steady(60_000, _TRIAL * 60, _SPEED, seed)):
        time.sleep(_TRIAL_S / 2)
        busy = _busy(worker, _TRIAL_S / 2)
    rate = min(_MOST, round(_TRIAL / busy / 2))
    bench.say(f"at {_TRIAL} events/s the worker is busy {100 * busy:.0f} % of the time: half load is {rate:,} events/s")
    events = history.workload.steady(1000 * (seconds + 60), rate * (seconds + 60), _SPEED, seed)
    with Stream(settings, events):
        time.sleep(_TRIAL_S / 2)
        before, began = cpu(worker.child), time.monotonic()
        probe = _probe(settings, seconds * _PROBES_A_SECOND, bench.logs / f"probe-{seed}.log")
        busy = (cpu(worker.child) - before) / (time.monotonic() - began)
    worker.stop()
    publisher.stop()
    ours, bare = probe["ours"], probe["bare"]
    bench.say(f"{rate:,} events/s, worker busy {100 * busy:.0f} %: p50 {_quantile(ours, 0.5):.0f} ms")
    bench.check("every probe's dislike in force for a reader", probe["wrong"])
    return ours, bare


def _probe(settings: Settings, count: int, log: Path) -> dict[str, list[float]]:
    arguments = [settings.brokers, settings.topic_prefix, settings.redis_url, str(count), str(_PROBES_A_SECOND)]
    command = [sys.executable, "-m", "benchmarks.peers.probe", *arguments]
    child = Child(command, log=log, environment=environment({}))
    if child.wait(count / _PROBES_A_SECOND + 120) != 0:
        raise RuntimeError(f"the probe failed:\n{child.tail()}")
    said: dict[str, list[float]] = orjson.loads(log.read_text().splitlines()[-1])
    return said


def _busy(worker: Worker, seconds: float) -> float:
    before = cpu(worker.child)
    time.sleep(seconds)
    return (cpu(worker.child) - before) / seconds


def _quantile(values: list[float], share: float) -> float:
    return float(np.quantile(values, share))


if __name__ == "__main__":
    main({"freshness": run}, "freshness")

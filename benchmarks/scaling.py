"""CPU seconds per million events of several workers of one group, of more partitions, and of more users: flat.

    python -m benchmarks.scaling [--quick]

The workers share the partitions before the events come, so that joining the group is not counted. On a machine with
fewer cores than workers, events per second say nothing; CPU per event does.
"""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Final

from confluent_kafka import ConsumerGroupState

from benchmarks import outcome
from benchmarks.backlog import Backlog, open_admin, pour
from benchmarks.harness import Bench, main
from benchmarks.ours import lost
from benchmarks.processes import Worker, cpu, life, stop_together, wait_until
from benchmarks.workload import Workload
from streamer.producing import topics
from streamer.settings import Settings

_FLAT: Final = 1.2
_TIMEOUT_S: Final = 3600.0
_SETTLE_S: Final = 1.5
"""What a worker takes to recover empty partitions."""


def run(bench: Bench) -> None:
    """Takes the figures."""
    backlog = bench.backlog()
    counts = (1, 2) if bench.options.quick else (1, 2, 4)
    runs = [{workers: _per_million(bench, backlog, workers) for workers in counts} for _ in bench.runs()]
    for workers in counts:
        bench.figure(f"{workers} worker{'s' * (workers > 1)}", "CPU s/M", [run[workers] for run in runs])
    for workers in counts[1:]:
        bench.figure(f"CPU per event, {workers} workers to 1", "x", [run[workers] / run[1] for run in runs], _FLAT)
    if not bench.options.quick:
        wide = _per_million(bench, bench.backlog(partitions=32), 1)
        bench.figure("CPU per event, 32 partitions to 8", "x", wide / runs[-1][1], _FLAT)
        few = Workload(bench.options.events // 10, bench.options.users // 10)
        bench.figure(
            "CPU per event, all users to a tenth", "x", runs[-1][1] / _per_million(bench, bench.backlog(few), 1), _FLAT
        )


def _per_million(bench: Bench, backlog: Backlog, count: int) -> float:
    settings = bench.settings(partitions=backlog.settings.partitions)
    topics.create(settings)
    with life() as whole:
        workers = _start(bench, settings, count)
        at_start = sum(cpu(worker.child) for worker in workers)
        pour(backlog.settings, settings)
        everything = partial(_processed, workers, backlog.records)
        wait_until("all is processed", everything, workers[0].child, _TIMEOUT_S)
        metrics = Counter[str]()
        for worker in workers:
            metrics.update(worker.metrics())
        stop_together(workers)
    per_million = (whole.cpu_s - at_start) / backlog.events.total() * 1e6
    bench.say(f"{count} workers, {settings.partitions} partitions: {per_million:.1f} CPU s/M")
    bench.check("every event processed, none late or rejected", lost(metrics, backlog.records))
    wrong = outcome.disagreements(settings, backlog.sample.events, backlog.workload.sealed_ms)
    bench.check(f"{len(backlog.sample)} users' documents against the oracle", wrong)
    return per_million


def _start(bench: Bench, settings: Settings, count: int) -> list[Worker]:
    """Workers that share the partitions, with nothing to do yet."""
    workers = [Worker(settings, bench.logs / f"{settings.group}-{number}.log") for number in range(count)]
    for worker in workers:
        worker.wait_recovered()
    wait_until("the partitions are shared", partial(_shared, settings, count), workers[0].child, 60)
    time.sleep(_SETTLE_S)
    return workers


def _shared(settings: Settings, count: int) -> bool:
    admin = open_admin(settings)
    group = admin.describe_consumer_groups([settings.group])[settings.group].result(10)
    busy = [member for member in group.members if member.assignment.topic_partitions]
    return group.state == ConsumerGroupState.STABLE and len(busy) == len(group.members) == count


def _processed(workers: list[Worker], records: int) -> bool:
    return sum(worker.processed() for worker in workers) >= records


if __name__ == "__main__":
    main({"scaling": run}, "scaling")

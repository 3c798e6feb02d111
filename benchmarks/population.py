"""What the population costs: the same backlog with and without it, in turn; and how fast the agent counts.

    python -m benchmarks.population [--quick]

The worker tells what its seals change, and nobody announces a snapshot, so that both do the same job otherwise. Bytes
are those on the broker's disk. The agent's table is fed W's own deltas in memory.
"""

from __future__ import annotations

import asyncio
import copy
import time
from typing import Final

from benchmarks.backlog import Backlog
from benchmarks.harness import Bench, main
from benchmarks.ours import Processed, idle_life, process, stored_bytes
from streamer.engine.announcement import Announcement, announce
from streamer.engine.compacted import PARTITION
from streamer.engine.records import Record
from streamer.engine.scan import scan
from streamer.engine.totals import TotalsTable
from streamer.producing import topics
from streamer.settings import Settings

_TARGET: Final = 1.1


def run(bench: Bench) -> None:
    """Takes the figures."""
    without = bench.backlog()
    with_it, with_half = _with_population(without, share=1.0), _with_population(without, share=0.5)
    idle_cpu_s = idle_life(bench)
    cpu: list[float] = []
    of_half: list[float] = []
    stored: list[float] = []
    for _ in bench.runs():
        plain = process(bench, without, idle_cpu_s)
        of_half.append(process(bench, with_half, idle_cpu_s).spent.per_million / plain.spent.per_million)
        told = process(bench, with_it, idle_cpu_s)
        cpu.append(told.spent.per_million / plain.spent.per_million)
        own = _stored(bench, told.settings)
        stored.append(1 + own / (told.changelog + told.outbox))
    bench.figure("worker's CPU per event, with the population to without", "x", cpu, _TARGET)
    bench.figure("the same, population_share = 0.5", "x", of_half, _TARGET)
    bench.figure("bytes written per event, with the population to without", "x", stored, _TARGET)
    deltas = _deltas(told)
    bench.figure("deltas", "B/event", own / told.spent.events)
    bench.figure("deltas", "records/event", len(deltas) / told.spent.events)
    _agent(bench, deltas)


def _with_population(backlog: Backlog, share: float) -> Backlog:
    found = copy.copy(backlog)
    found.settings = backlog.settings.model_copy(update={"population": True, "population_share": share})
    topics.create(found.settings)
    return found


def _stored(bench: Bench, settings: Settings) -> int:
    return stored_bytes(bench, settings.model_copy(update={"partitions": 1}), settings.topics.population)


def _deltas(done: Processed) -> list[Record]:
    async def read() -> list[Record]:
        topic = done.settings.topics.population
        return [record async for some in scan(done.settings, topic, {PARTITION: 0}) for record in some.records]

    return asyncio.run(read())


def _agent(bench: Bench, deltas: list[Record]) -> None:
    table = TotalsTable()
    began = time.process_time()
    table.count(deltas)
    bench.figure("deltas counted by the agent", "us", 1e6 * (time.process_time() - began) / len(deltas))
    settings = Settings()
    for what in ("first", "second"):
        began = time.process_time()
        made = announce(table.totals, Announcement(), 1_760_000_000_000, settings)
        took = time.process_time() - began
        bench.figure(f"{what} round of {len(table.totals):,} keys", "ms", 1000 * took)
    bench.check("the agent names keys", [] if made.population.tags else ["none"])


if __name__ == "__main__":
    main({"population": run}, "population")

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
_SHARE: Final = Settings().population_share
_ALL: Final = 1.0


def run(bench: Bench) -> None:
    """Takes the figures."""
    without = bench.backlog()
    counting = {share: _with_population(without, share) for share in (_SHARE, _ALL)}
    idle_cpu_s, idle_counting_s = idle_life(bench), idle_life(bench, population=True)
    cpu: dict[float, list[float]] = {share: [] for share in counting}
    stored: dict[float, list[float]] = {share: [] for share in counting}
    for _ in bench.runs():
        plain = process(bench, without, idle_cpu_s)
        for share, backlog in counting.items():
            told = process(bench, backlog, idle_counting_s)
            cpu[share].append(told.spent.per_million / plain.spent.per_million)
            own = _stored(bench, told.settings)
            stored[share].append(1 + own / (told.changelog + told.outbox))
    for share, target in ((_SHARE, _TARGET), (_ALL, None)):
        users = "all users counted" if target is None else f"{share:.0%} of users counted, as by default"
        bench.figure(f"worker's CPU per event, with the population to without, {users}", "x", cpu[share], target)
        bench.figure(f"bytes written per event, with the population to without, {users}", "x", stored[share], target)
    deltas = _deltas(told)
    bench.figure("deltas, all users counted", "B/event", own / told.spent.events)
    bench.figure("deltas, all users counted", "records/event", len(deltas) / told.spent.events)
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

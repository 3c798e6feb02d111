"""What the population costs: the same backlog with and without it, in turn; and how fast the agent counts.

    python -m benchmarks.population [--quick]

The worker tells what its seals change, and nobody announces a snapshot, so that both do the same job otherwise. Bytes
are those on the broker's disk. The agent's table is fed W's own deltas in memory.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections import deque
from typing import Final

from benchmarks.backlog import Backlog
from benchmarks.harness import Bench, main
from benchmarks.ours import Processed, idle_life, process, stored_bytes
from streamer.engine.kafka.compacted import PARTITION
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import scan
from streamer.engine.population.announcement import Announcement, announce
from streamer.engine.population.totals import TotalsTable
from streamer.population.telling import decode_told
from streamer.producing import topics
from streamer.settings import Settings

_TARGET: Final = 1.1
_SHARE: Final = Settings().population_share
_ALL: Final = 1.0
_NOBODY: Final = 0.0


def run(bench: Bench) -> None:
    """Takes the figures."""
    without = bench.backlog()
    backlogs = {_NOBODY: without} | {share: _with_population(without, share) for share in (_SHARE, _ALL)}
    idle = {share: idle_life(bench, population=share != _NOBODY) for share in (_NOBODY, _SHARE)}
    cpu: dict[float, list[float]] = {share: [] for share in backlogs}
    stored: dict[float, list[float]] = {share: [] for share in backlogs}
    deltas: list[Record] = []
    for number in bench.runs():
        order = deque(backlogs)
        order.rotate(number)  # what comes first or last is not always the same
        for share in order:
            done = process(bench, backlogs[share], idle[min(share, _SHARE)])
            cpu[share].append(done.spent.per_million)
            own = 0 if share == _NOBODY else _stored(bench, done.settings)
            stored[share].append((own + done.changelog + done.outbox) / done.spent.events)
            if share == _ALL:
                deltas, of_deltas, events = _deltas(done), own, done.spent.events
    for share, target in ((_SHARE, _TARGET), (_ALL, None)):
        users = "all users counted" if target is None else f"{share:.0%} of users counted, as of many by default"
        ratios = [of / plain for of, plain in zip(cpu[share], cpu[_NOBODY], strict=True)]
        bench.figure(f"worker's CPU per event, with the population to without, {users}", "x", ratios, target)
        ratios = [of / plain for of, plain in zip(stored[share], stored[_NOBODY], strict=True)]
        bench.figure(f"bytes written per event, with the population to without, {users}", "x", ratios, target)
    bench.figure("deltas, all users counted", "B/event", of_deltas / events)
    bench.figure("deltas, all users counted", "keys/event", _keys(deltas) / events)
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


def _keys(deltas: list[Record]) -> int:
    return sum(len(decode_told(record.value or b"").deltas) for record in deltas)


def _agent(bench: Bench, deltas: list[Record]) -> None:
    table = TotalsTable()
    began = time.process_time()
    table.count(deltas)
    bench.figure("a key's delta counted by the agent", "us", 1e6 * (time.process_time() - began) / _keys(deltas))
    settings = Settings()
    for what in ("first", "second"):
        began = time.process_time()
        made = announce(table.totals, Announcement(), 1_760_000_000_000, settings)
        took = time.process_time() - began
        bench.figure(f"{what} round of {len(table.totals):,} keys", "ms", 1000 * took)
    bench.check("the agent names keys", [] if made.priors.tags else ["none"])


if __name__ == "__main__":
    main({"population": run}, "population")

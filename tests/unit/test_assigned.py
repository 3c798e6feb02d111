"""A partition that goes while a timer's checkpoint still waits for its turn."""

from __future__ import annotations

import asyncio

import pytest

from streamer.engine.assigned import AssignedPartition, Tools
from streamer.engine.metrics import Metrics
from streamer.engine.store import MemoryStore
from streamer.profile import Rules
from streamer.settings import Settings


class Touched(Exception):
    """Something was written, read or said of a partition that is no longer ours."""


class Untouchable:
    def __getattr__(self, name: str) -> object:
        raise Touched(name)


class Deltas(Untouchable):
    waiting: object = None


def test_a_partition_that_has_gone_is_neither_processed_nor_saved_nor_written_again() -> None:
    settings = Settings()
    never = Untouchable()
    tools = Tools(settings, Rules(settings), Metrics(), never, never, never, Deltas(), never, lambda: 0)  # type: ignore[arg-type]
    assigned = AssignedPartition(0, tools)
    assigned.recovered(MemoryStore(), 100)

    async def late() -> None:
        await assigned.checkpoint()
        await assigned.rewrite(7)
        await assigned.slice()

    with pytest.raises(Touched):
        asyncio.run(late())
    assigned.close()
    asyncio.run(late())

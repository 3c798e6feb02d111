"""Partitions that are let go: nothing of them may still be written afterwards."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import ProducerFenced

from streamer.engine.metrics import Metrics
from streamer.engine.worker import Engine
from streamer.settings import Settings


class Fenced:
    """Another worker has claimed it already."""

    is_leaving = False

    async def checkpoint(self) -> None:
        raise ProducerFenced

    def close(self) -> None:
        """Nothing to forget."""


class Slow(Fenced):
    """Nobody else has claimed it, and the broker takes its time."""

    def __init__(self) -> None:
        self.ended = False

    async def checkpoint(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        self.ended = True


class Tools:
    """Deltas and consumer of a worker that writes nothing more."""

    def __init__(self) -> None:
        self.consumer = self.deltas = self
        self.forgot = False

    def stop_flow(self) -> None:
        """Nothing is fetched."""

    def forget(self) -> None:
        self.forgot = True


def test_when_one_partition_is_fenced_the_others_checkpoints_end_before_they_are_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def crash(_: BaseException) -> None: ...

    async def revoked() -> None:
        await engine._before_revoked(set())
        assert slow.ended

    engine = Engine(Settings(), Metrics(), crash)
    slow, tools = Slow(), Tools()
    engine._tools = tools  # type: ignore[assignment]
    engine._assigned = {0: Fenced(), 1: slow}  # type: ignore[dict-item]
    asyncio.run(revoked())
    assert tools.forgot
    assert slow.is_leaving
    assert "partitions go unsaved" in caplog.text

"""Partitions that are let go: nothing of them may still be written afterwards."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import ProducerFenced
from faust.types import TP

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


class WorkerContext:
    """The consumer of a worker that writes nothing more."""

    def __init__(self) -> None:
        self.consumer = self

    def stop_flow(self) -> None:
        """Nothing is fetched."""


def test_when_one_partition_is_fenced_the_others_checkpoints_end_before_they_are_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def crash(_: BaseException) -> None: ...

    async def revoked() -> None:
        await engine._before_revoked(set())
        assert slow.ended

    engine = Engine(Settings(), Metrics(), crash)
    slow, context = Slow(), WorkerContext()
    engine._context = engine._consumer = context  # type: ignore[assignment]
    engine._assigned = {0: Fenced(), 1: slow}  # type: ignore[dict-item]
    asyncio.run(revoked())
    assert slow.is_leaving
    assert "partitions go unsaved" in caplog.text


def test_a_worker_that_has_stopped_takes_no_partitions_that_another_leaves_to_it() -> None:
    crashes: list[BaseException] = []

    async def crash(error: BaseException) -> None:
        crashes.append(error)

    async def run() -> None:
        await engine.stop()
        await engine._before_assigned({TP(topic, 0) for topic in (*topics.sources, topics.erasures)})
        await asyncio.gather(*filter(None, [engine._recovering]))

    settings = Settings()
    topics = settings.topics
    engine = Engine(settings, Metrics(), crash)
    engine._context = WorkerContext()  # type: ignore[assignment]
    asyncio.run(run())
    assert engine._assigned == {}
    assert not crashes

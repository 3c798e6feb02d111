"""Many callers and few connections: who finds none free waits for one, and in time is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import redis

from streamer.embedded import EmbeddedRedis
from streamer.errors import RedisUnavailable, SettingsError
from streamer.scoring.document import encode
from streamer.serving import AsyncAvoidListReader, AvoidListReader
from streamer.serving.gate import AsyncGate, Gate
from tests.avoid_lists import document

CALLERS = 200
POOL = 7
PATIENT_S = 60.0


@pytest.fixture
def store(embedded_redis: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(embedded_redis.url) as client:
        client.set("avoid:u1", encode(document()))
        yield client


def connections(store: redis.Redis) -> int:
    """How many there have ever been."""
    return int(store.info("stats")["total_connections_received"])


def test_hundreds_of_threads_share_a_few_connections(embedded_redis: EmbeddedRedis, store: redis.Redis) -> None:
    before = connections(store)
    together = Barrier(CALLERS)
    with (
        AvoidListReader(embedded_redis.url, pool=POOL, timeout=PATIENT_S, defaults_seconds=0) as reader,
        ThreadPoolExecutor(CALLERS) as threads,
    ):

        def get(_number: int) -> str:
            together.wait(PATIENT_S)
            return reader.get("u1").source

        assert list(threads.map(get, range(CALLERS))) == ["user"] * CALLERS
        assert 1 <= connections(store) - before <= POOL


def test_hundreds_of_tasks_share_a_few_connections(embedded_redis: EmbeddedRedis, store: redis.Redis) -> None:
    before = connections(store)

    async def run() -> list[str]:
        async with AsyncAvoidListReader(embedded_redis.url, pool=POOL, timeout=PATIENT_S) as reader:
            return [found.source for found in await asyncio.gather(*(reader.get("u1") for _ in range(CALLERS)))]

    assert asyncio.run(run()) == ["user"] * CALLERS
    assert 1 <= connections(store) - before <= POOL


def test_who_waits_too_long_is_told_what_to_do() -> None:
    gate = Gate(2, 0.01)
    told = r"all 2 connections .* in use for 0\.01 s: give it more \(pool\)"
    with gate.passed(), gate.passed(), pytest.raises(RedisUnavailable, match=told), gate.passed():
        pass
    with gate.passed(), gate.passed():
        pass

    async def run() -> None:
        gate = AsyncGate(1, 0.01)
        async with gate.passed():
            with pytest.raises(RedisUnavailable, match="give it more"):
                await gate.passed().__aenter__()
        async with gate.passed():
            pass

    asyncio.run(run())


def test_a_reader_whose_connections_are_all_in_use_raises_or_serves_without(
    embedded_redis: EmbeddedRedis, store: redis.Redis
) -> None:
    """Redis answers nobody for a while, so of two callers that share one connection each is told."""
    with (
        AvoidListReader(embedded_redis.url, pool=1, timeout=0.2, on_unavailable="empty") as empty,
        AvoidListReader(embedded_redis.url, pool=1, timeout=0.2) as raising,
        ThreadPoolExecutor(6) as threads,
    ):
        assert (empty.get("u1").source, raising.get("u1").source) == ("user", "user")
        store.execute_command("CLIENT", "PAUSE", 60_000, "ALL")
        try:
            served = [threads.submit(empty.get, "u1") for _ in range(3)]
            refused = [threads.submit(raising.get, "u1") for _ in range(3)]
            assert [each.result().source for each in served] == ["none"] * 3
            errors = [each.exception() for each in refused]
        finally:
            embedded_redis.kill()
        assert all(isinstance(error, RedisUnavailable) and error.reason == "slow" for error in errors)


def test_a_pool_of_nothing_cannot_work() -> None:
    with pytest.raises(SettingsError, match="pool: must be >= 1"):
        AvoidListReader("redis://localhost", pool=0)

"""The population's figures in Redis: whatever was there before, exactly the newest are there in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest
import redis

from streamer.embedded import EmbeddedRedis
from streamer.errors import RedisUnavailable
from streamer.scoring.priors import Priors
from streamer.sinks.population import Figures, PopulationWriter, figures_of
from tests.backends.ports import free_port

FIRST = figures_of(
    Priors(version=1, tags={"gore": 0.2, "fun": 0.01}, creators={"bait": 0.4}),
    {b"~all": b"all", b"~cohort:de": b"de"},
    {b"bait": b"flagged"},
)
SECOND = figures_of(Priors(version=2, tags={"gore": 0.1}), {b"~all": b"all", b"~cohort:fr": b"fr"}, {})


@pytest.fixture
def store(embedded_redis: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(embedded_redis.url) as client:
        yield client


def there(store: redis.Redis) -> dict[bytes, object]:
    return {
        key: {b"string": store.get, b"hash": store.hgetall, b"set": store.smembers}[store.type(key)](key)
        for key in store.scan_iter("*")
    }


def write(url: str, *steps: Figures | str, store: redis.Redis) -> list[int | None]:
    """Writes figures one after another; `flush` is somebody's FLUSHALL in between."""

    async def run() -> list[int]:
        counts: list[int | None] = []
        async with PopulationWriter(url) as writer:
            for step in steps:
                if isinstance(step, str):
                    store.flushall()
                else:
                    counts.append(await writer.write(step))
        return counts

    return asyncio.run(run())


def test_figures_are_strings_and_hashes(store: redis.Redis, embedded_redis: EmbeddedRedis) -> None:
    write(embedded_redis.url, FIRST, store=store)
    found = there(store)
    assert found.pop(b"population:written") == {b"avoid:~all", b"avoid:~cohort:de", b"creator:bait"}
    assert found.pop(b"population:as_of") == b"0"
    assert b'"version":1' in found.pop(b"population:rates")  # type: ignore[operator]
    assert found == {
        b"avoid:~all": b"all",
        b"avoid:~cohort:de": b"de",
        b"creator:bait": b"flagged",
        b"population:tags": {b"gore": b"0.2", b"fun": b"0.01"},
        b"population:creators": {b"bait": b"0.4"},
    }


@pytest.mark.parametrize("steps", [(FIRST, SECOND), (FIRST, "flush", SECOND), (SECOND,)], ids=["after", "lost", "new"])
def test_the_newest_stand_alone_whatever_was_before(
    store: redis.Redis, embedded_redis: EmbeddedRedis, steps: tuple[Figures | str, ...]
) -> None:
    write(embedded_redis.url, SECOND, store=store)
    expected = there(store)
    store.flushall()
    write(embedded_redis.url, FIRST, store=store)  # another process, which knew of other lists
    write(embedded_redis.url, *steps, store=store)
    assert there(store) == expected


def test_only_differences_are_written(store: redis.Redis, embedded_redis: EmbeddedRedis) -> None:
    assert write(embedded_redis.url, FIRST, FIRST, store=store)[1] == 0


def test_users_lists_and_others_keys_are_left_alone(store: redis.Redis, embedded_redis: EmbeddedRedis) -> None:
    store.mset({"avoid:u1": b"mine", "creator:somebody-elses": b"theirs"})
    write(embedded_redis.url, FIRST, SECOND, store=store)
    assert (store.get("avoid:u1"), store.get("creator:somebody-elses")) == (b"mine", b"theirs")


def test_older_figures_do_not_replace_newer_ones(store: redis.Redis, embedded_redis: EmbeddedRedis) -> None:
    newer = SECOND._replace(as_of=200)
    write(embedded_redis.url, newer, store=store)
    expected = there(store)
    assert write(embedded_redis.url, FIRST._replace(as_of=100), store=store) == [None]
    assert there(store) == expected
    assert write(embedded_redis.url, FIRST._replace(as_of=201), store=store) != [None]


def test_an_agent_that_is_frozen_while_it_writes_writes_nothing_more_once_another_has(
    store: redis.Redis, embedded_redis: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.sinks.population._AT_ONCE", 2)
    expected: dict[bytes, object] = {}

    async def run() -> int | None:
        async with PopulationWriter(embedded_redis.url) as zombie, PopulationWriter(embedded_redis.url) as other:
            run_at_once, batches = zombie._run_at_once, 0

            async def freezing(commands: Sequence[tuple[str | bytes, ...]], as_of: int) -> None:
                nonlocal batches
                batches += 1
                if batches == 3:
                    await other.write(SECOND._replace(as_of=200))
                    expected.update(there(store))
                await run_at_once(commands, as_of)

            monkeypatch.setattr(zombie, "_run_at_once", freezing)
            return await zombie.write(FIRST._replace(as_of=100))

    assert asyncio.run(run()) is None
    assert there(store) == expected != {}


def test_a_redis_that_is_away_is_told() -> None:
    async def run() -> None:
        async with PopulationWriter(f"redis://127.0.0.1:{free_port()}/0", timeout=0.5) as writer:
            await writer.write(FIRST)

    with pytest.raises(RedisUnavailable):
        asyncio.run(run())

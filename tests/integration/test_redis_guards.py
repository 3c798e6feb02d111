"""Guards: of two documents Redis keeps the newer, whichever log of the outbox each is of, whoever brings it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import redis

from lab.simulation.redis import Redis
from streamer.embedded import EmbeddedRedis
from streamer.sinks.keys import Keys
from streamer.sinks.redis import AvoidListWriter
from streamer.sinks.updates import Update, Written


@pytest.fixture
def store(embedded_redis: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(embedded_redis.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def url(embedded_redis: EmbeddedRedis, store: redis.Redis) -> str:
    return embedded_redis.url


def write(url: str, *batches: list[Update]) -> list[Written]:
    async def all_of_them() -> list[Written]:
        async with AvoidListWriter(url) as writer:
            return [await writer.write(batch) for batch in batches]

    return asyncio.run(all_of_them())


def at(term: int, partition: int, offset: int, document: bytes | None = b"doc") -> Update:
    return Update("u1", document, offset, partition=partition, term=term)


@pytest.mark.parametrize(
    ("there", "coming", "wins"),
    [
        pytest.param(at(5, 0, 900), at(6, 0, 1), True, id="the outbox was made anew"),
        pytest.param(at(6, 0, 1), at(5, 0, 900), False, id="a zombie publisher has one of the old outbox"),
        pytest.param(at(5, 3, 900), at(6, 1, 1), True, id="the user moved to another partition"),
        pytest.param(at(5, 0, 7), at(5, 0, 8), True, id="a newer offset of the same log"),
        pytest.param(at(5, 0, 8), at(5, 0, 7), False, id="an older offset of the same log"),
        pytest.param(at(999, 0, 1), at(1000, 0, 1), True, id="terms are compared as numbers"),
        pytest.param(at(2**53 - 2, 0, 1), at(2**53 - 1, 0, 1), True, id="the greatest terms"),
        pytest.param(at(5, 0, 8), at(0, 0, 9), True, id="a worker from before has taken over"),
        pytest.param(at(5, 0, 8), at(0, 0, 7), False, id="an older document of a worker from before"),
        pytest.param(at(5, 0, 8), at(0, 1, 9), False, id="one of another log of before"),
        pytest.param(at(6, 0, 1, None), at(5, 0, 900), False, id="a tombstone keeps older ones out"),
        pytest.param(at(5, 0, 900), at(6, 0, 1, None), True, id="a tombstone of a newer log deletes"),
    ],
)
def test_the_newer_log_wins_then_the_newer_offset(
    url: str, store: redis.Redis, there: Update, coming: Update, wins: bool
) -> None:
    write(url, [there])
    model = Redis()
    model.compare_and_set(there)
    assert write(url, [coming]) == [Written(applied=int(wins), stale=int(not wins))]
    assert model.compare_and_set(coming) == int(wins)
    stays = coming if wins else there
    assert store.get("avoid:u1") == stays.document


def test_a_guard_of_a_worker_from_before_keeps_its_term_and_counts_on(url: str, store: redis.Redis) -> None:
    write(url, [at(5, 2, 8)], [at(0, 2, 9)])
    assert store.get(Keys().guard("u1")) == b"5/2/9"
    assert write(url, [at(5, 2, 8)], [at(6, 2, 1)]) == [Written(stale=1), Written(applied=1)]


def test_what_a_publisher_from_before_has_stored_is_superseded_and_not_taken_back(url: str, store: redis.Redis) -> None:
    def stored_before() -> None:
        store.set("avoid:u1", b"stored")
        store.set("{avoid:u1}:at", b"900")

    stored_before()
    assert write(url, [at(0, 3, 899)], [at(0, 3, 900)]) == [Written(stale=1), Written(stale=1)]
    assert write(url, [at(0, 3, 901)]) == [Written(applied=1)]
    stored_before()
    assert write(url, [at(1_760_000_000_000, 3, 0)]) == [Written(applied=1)]
    assert store.get("{avoid:u1}:at") == b"1760000000000/3/0"


def test_a_lost_document_is_restored_by_the_same_record(url: str, store: redis.Redis) -> None:
    write(url, [at(5, 1, 8)])
    store.delete("avoid:u1")
    assert write(url, [at(5, 1, 8)]) == [Written(applied=1)]


def test_of_two_logs_in_a_batch_the_newer_is_written(url: str, store: redis.Redis) -> None:
    assert write(url, [at(5, 0, 9, b"old"), at(6, 0, 1, b"new"), at(5, 0, 10, b"older")]) == [
        Written(applied=1, coalesced=2)
    ]
    assert store.get("avoid:u1") == b"new"

"""Markers move on only over what is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from redis import Redis

from streamer.embedded import EmbeddedRedis
from streamer.sinks.keys import Keys
from streamer.sinks.markers import Span
from streamer.sinks.redis import AvoidListWriter
from streamer.sinks.updates import Update

KEY = Keys().markers


def advanced(redis: EmbeddedRedis, *steps: dict[int, Span]) -> list[Mapping[int, Span]]:
    """What was missing at each step."""

    async def run() -> list[Mapping[int, Span]]:
        async with AvoidListWriter(redis.url, timeout=5) as writer:
            return [await writer.look(step) for step in steps]

    return asyncio.run(run())


def at(redis: EmbeddedRedis) -> dict[bytes, bytes]:
    with Redis.from_url(redis.url) as client:
        return client.hgetall(KEY)  # type: ignore[return-value]


def store(redis: EmbeddedRedis, marker: bytes) -> None:
    with Redis.from_url(redis.url) as client:
        client.hset(KEY, "avoid-lists/0", marker)


def test_what_follows_on_what_is_there_is_noted(embedded_redis: EmbeddedRedis) -> None:
    steps = [{0: Span(0, 5), 1: Span(0, 2, 7)}, {0: Span(5, 9)}, {0: Span(5, 7)}, {1: Span(2, 2)}]
    assert advanced(embedded_redis, *steps) == [{}] * len(steps)
    assert at(embedded_redis) == {b"avoid-lists/0": b"0/9", b"avoid-lists/1": b"7/2"}


def test_what_is_missing_is_told_until_it_is_there(embedded_redis: EmbeddedRedis) -> None:
    steps = [{0: Span(0, 5)}, {0: Span(7, 9)}, {0: Span(9, 9)}, {0: Span(5, 9)}, {0: Span(9, 9)}]
    assert advanced(embedded_redis, *steps) == [{}, {0: Span(5, 7)}, {0: Span(5, 9)}, {}, {}]


def test_after_a_loss_all_is_missing(embedded_redis: EmbeddedRedis) -> None:
    advanced(embedded_redis, {0: Span(0, 5)})
    with Redis.from_url(embedded_redis.url) as client:
        client.flushall()
    assert advanced(embedded_redis, {0: Span(5, 6)}) == [{0: Span(0, 5)}]
    assert at(embedded_redis) == {}
    assert advanced(embedded_redis, {0: Span(0, 6)}) == [{}]


def test_documents_and_what_is_noted_of_them_are_one_round_trip(embedded_redis: EmbeddedRedis) -> None:
    async def reads() -> int:
        async with AvoidListWriter(embedded_redis.url) as writer:
            await writer.write([Update("warm-up", b"x", 0)], {0: Span(0, 1)})
            with Redis.from_url(embedded_redis.url) as client:
                before = client.info("stats")["total_reads_processed"]
                await writer.write([Update("u1", b"x", 1)], {0: Span(1, 2)})
                return int(client.info("stats")["total_reads_processed"] - before - 1)  # the asking itself

    assert asyncio.run(reads()) == 1
    assert at(embedded_redis) == {b"avoid-lists/0": b"0/2"}


# --- an outbox that was made anew ------------------------------------------------------------------------------------

#   old log, term 5   0 ───────────────── 900 marker: 5/900
#   new log, term 6   0 ── 10


def test_a_marker_of_a_log_that_is_gone_does_not_hide_a_loss(embedded_redis: EmbeddedRedis) -> None:
    assert advanced(embedded_redis, {0: Span(0, 900, 5)}, {0: Span(0, 10, 6)}) == [{}, {}]
    assert at(embedded_redis) == {b"avoid-lists/0": b"6/10"}
    store(embedded_redis, b"5/900")  # a replica is promoted that has not heard of the new one
    assert advanced(embedded_redis, {0: Span(10, 11, 6)}) == [{0: Span(0, 10, 6)}]
    store(embedded_redis, b"5/900")
    assert advanced(embedded_redis, {0: Span(10, 10, 6)}) == [{0: Span(0, 10, 6)}]


def test_a_worker_that_takes_over_begins_no_other_log(embedded_redis: EmbeddedRedis) -> None:
    assert advanced(embedded_redis, {0: Span(0, 900, 5)}, {0: Span(900, 910, 6)}, {0: Span(880, 900, 5)}) == [{}] * 3
    assert at(embedded_redis) == {b"avoid-lists/0": b"6/910"}


def test_a_marker_of_before_there_were_terms_counts(embedded_redis: EmbeddedRedis) -> None:
    store(embedded_redis, b"5")
    assert advanced(embedded_redis, {0: Span(3, 4, 7)}, {0: Span(5, 6, 7)}) == [{}, {}]
    assert at(embedded_redis) == {b"avoid-lists/0": b"7/6"}


# --- what is nobody's marker -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("marker", [b"\xff\xfe", b"", b"-1", b"1e3", b"5/", b"/5", b"nan"])
def test_a_garbled_marker_is_none(embedded_redis: EmbeddedRedis, marker: bytes) -> None:
    store(embedded_redis, marker)
    assert advanced(embedded_redis, {0: Span(5, 6)}, {0: Span(0, 6)}) == [{0: Span(0, 5)}, {}]
    assert at(embedded_redis) == {b"avoid-lists/0": b"0/6"}


def test_a_value_of_another_type_is_none(embedded_redis: EmbeddedRedis) -> None:
    with Redis.from_url(embedded_redis.url) as client:
        client.set(KEY, b"\xff")
    assert advanced(embedded_redis, {0: Span(0, 6)}) == [{}]
    assert at(embedded_redis) == {b"avoid-lists/0": b"0/6"}

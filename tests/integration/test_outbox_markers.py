"""Markers move on only over what is whole."""

from __future__ import annotations

import asyncio

from redis import Redis

from streamer.embedded import EmbeddedRedis
from streamer.sinks.markers import KEY, OutboxMarkers, Span


def advanced(redis: EmbeddedRedis, *steps: dict[int, Span]) -> list[dict[int, Span]]:
    async def run() -> list[dict[int, Span]]:
        async with OutboxMarkers(redis.url, "avoid-lists", timeout=5) as markers:
            return [await markers.advance(step) for step in steps]

    return asyncio.run(run())


def at(redis: EmbeddedRedis) -> dict[bytes, bytes]:
    with Redis.from_url(redis.url) as client:
        return client.hgetall(KEY)  # type: ignore[return-value]


def test_what_follows_on_what_is_there_is_noted(embedded_redis: EmbeddedRedis) -> None:
    steps = [{0: Span(0, 5), 1: Span(0, 2)}, {0: Span(5, 9)}, {0: Span(5, 7)}, {1: Span(2, 2)}]
    assert advanced(embedded_redis, *steps) == [{}] * len(steps)
    assert at(embedded_redis) == {b"avoid-lists/0": b"9", b"avoid-lists/1": b"2"}


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

"""Tries what a publisher does to Redis, with the very commands, on a key of its own; and what may lose documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from redis.exceptions import RedisError

from streamer.sinks.address import RedisAddress
from streamer.sinks.connection import CLIENT_ERRORS, SyncClient, advice
from streamer.sinks.expiry import MARGIN_MS
from streamer.sinks.keys import PREFIX, document_key, guard_key
from streamer.sinks.markers import KEY as MARKERS
from streamer.sinks.script import COMPARE_AND_SET, SHA

PUBLISHER_RIGHTS: Final = (
    f"~{PREFIX}* ~{{* ~{MARKERS} +evalsha +eval +script|load +get +set +del +exists +pexpireat +hget +hset +ping +scan"
    " +unlink"
)
"""Rights, as ``ACL SETUSER`` takes them, of a publisher and of ``streamer rebuild-redis``."""
READER_RIGHTS: Final = f"~{PREFIX}* +get +mget +ping"
"""Rights of a reader."""
POPULATION_RIGHTS: Final = (
    f"~population:* ~creator:* ~{PREFIX}~* +eval +get +set +unlink +hset +hdel +sadd +srem +smembers +ping"
)
"""Rights of a population agent."""

_USER: Final = "~check"
"""Nobody's id: names of this kind are those of default lists."""
_EXPIRES_AT: Final = 1 << 42
"""A time that no clock is past, ms since 1970: nothing is to expire here."""


def problems(address: RedisAddress) -> Iterator[str]:
    """What a publisher could not do; nothing: all is well.

    Raises:
        RedisUnavailable: it does not answer at all.
    """
    try:
        with address.connect() as client:
            client.ping()
            try:
                _write(client)
            except RedisError as error:
                yield f"a publisher cannot write at {address} ({error}): {advice(error)}"
    except CLIENT_ERRORS as error:
        raise address.unavailable(error) from error


def oddities(address: RedisAddress) -> Iterator[str]:
    """What may lose documents some day, as far as Redis tells this user."""
    try:
        with address.connect() as client:
            memory = client.info("memory")
    except CLIENT_ERRORS:
        return
    nodes = memory.values() if address.is_cluster else [memory]
    for policy in sorted({node.get("maxmemory_policy", "") for node in nodes if node.get("maxmemory", 0)}):
        if policy.startswith("allkeys"):
            yield (
                f"its maxmemory-policy is {policy}: when it is full it drops lists, blocks too, which come back only"
                " with their user's next change, or  streamer rebuild-redis; noeviction lets publishers wait instead"
            )
        elif policy.startswith("volatile"):
            yield (
                f"its maxmemory-policy is {policy}: when it is full it drops lists that would expire, which come back"
                " only with their user's next change, or  streamer rebuild-redis"
            )


def _write(client: SyncClient) -> None:
    document, guard = document_key(_USER), guard_key(_USER)
    client.script_load(COMPARE_AND_SET)
    for value in (b"{}", b""):
        client.evalsha(SHA, 2, document, guard, value, "0", "0", str(1 + (not value)), str(_EXPIRES_AT), str(MARGIN_MS))
    client.unlink(guard)

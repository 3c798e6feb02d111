"""Tries what a publisher does to Redis, with the very commands, on a key of its own; and what may lose documents."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Final

import redis
from redis.exceptions import NoPermissionError, RedisError

from streamer.sinks.address import RedisAddress
from streamer.sinks.connection import CLIENT_ERRORS, SyncClient, cause_of
from streamer.sinks.expiry import MARGIN_MS
from streamer.sinks.keys import Keys
from streamer.sinks.owner import shared
from streamer.sinks.script import COMPARE_AND_SET

_SCRIPTS: Final = "+evalsha +script|load"


def publisher_rights(prefix: str = "") -> str:
    """Rights, as ``ACL SETUSER`` takes them, of a publisher and of ``streamer rebuild-redis``.

    Args:
        prefix: `[redis_prefix]`.
    """
    keys = Keys(prefix)
    return (
        f"~{keys.documents}* ~{{{keys.documents}* ~{{*}}{keys.documents}* ~{prefix}outbox:* ~{{*}}{keys.markers} "
        f"{_SCRIPTS} +get +set +del +exists +pexpireat +hget +hset +ping +scan +unlink"
    )


def reader_rights(prefix: str = "") -> str:
    """Rights of a reader."""
    return f"~{Keys(prefix).documents}* +get +mget +ping"


def population_rights(prefix: str = "") -> str:
    """Rights of a population agent."""
    keys = Keys(prefix)
    return (
        f"~{prefix}population:* ~{prefix}creator:* ~{keys.documents}~* ~{keys.owner} {_SCRIPTS}"
        " +get +set +unlink +hset +hdel +sadd +srem +smembers +ping"
    )


CLUSTER_RIGHTS: Final = "+cluster|slots +command"
"""What each needs besides, of a Cluster."""

_USER: Final = "~check"
"""Nobody's id: names of this kind are those of default lists."""
_EXPIRES_AT: Final = 1 << 42
"""A time that no clock is past, ms since 1970: nothing is to expire here."""


def problems(address: RedisAddress, keys: Keys, owner: str) -> Iterator[str]:
    """What a publisher could not do; nothing: all is well.

    Args:
        address: where Redis is.
        keys: the deployment's.
        owner: its outbox (:func:`streamer.producing.outbox.outbox_of`); empty: not known, so nobody asks whose it is.

    Raises:
        RedisUnavailable: it does not answer at all.
    """
    try:
        with address.connect() as client:
            client.ping()
            try:
                _write(client, keys)
            except RedisError as error:
                yield f"a publisher cannot write at {address} ({error}): {cause_of(error).advice}"
                return
            try:
                yield from _shared(client, keys, owner)
            except RedisError as error:
                yield f"a publisher cannot see what it has written at {address} ({error}): {cause_of(error).advice}"
    except CLIENT_ERRORS as error:
        raise address.unavailable(error) from error


def oddities(address: RedisAddress, keys: Keys, topic: str) -> Iterator[str]:
    """What may lose documents some day, or is another deployment's, as far as Redis tells this user.

    Args:
        address: where Redis is.
        keys: the deployment's.
        topic: its outbox.

    Raises:
        RedisUnavailable: it does not answer.
    """
    try:
        with address.connect() as client:
            with contextlib.suppress(NoPermissionError):
                yield from _strangers(client, keys, topic)
            with contextlib.suppress(NoPermissionError):
                yield from _eviction(_policies(client))
    except CLIENT_ERRORS as error:
        raise address.unavailable(error) from error


def _eviction(policies: Iterable[str]) -> Iterator[str]:
    """What it means for lists that Redis, when it is full, does by these policies."""
    for policy in sorted(set(policies)):
        if policy.startswith("allkeys"):
            yield (
                f"its maxmemory-policy is {policy}: when it is full it drops lists, blocks too, which come back only"
                " with their user's next change, or  streamer rebuild-redis; noeviction lets publishers wait instead"
            )
        elif policy.startswith("volatile"):
            yield (
                f"its maxmemory-policy is {policy}: when it is full it drops lists that would expire, which come back"
                " only with their user's next change, or  streamer rebuild-redis; noeviction lets publishers wait"
                " instead"
            )


def _policies(client: SyncClient) -> list[str]:
    """The policies of those servers that have a limit."""
    if isinstance(client, redis.RedisCluster):
        nodes = list(client.info("memory", target_nodes=redis.RedisCluster.PRIMARIES).values())
    else:
        nodes = [client.info("memory")]
    return [str(node.get("maxmemory_policy", "")) for node in nodes if node.get("maxmemory", 0)]


def _write(client: SyncClient, keys: Keys) -> None:
    document, guard = keys.document(_USER), keys.guard(_USER)
    client.script_load(COMPARE_AND_SET.text)
    for value in (b"{}", b""):
        position = ("0", "0", str(1 + (not value)))
        client.evalsha(
            COMPARE_AND_SET.sha, 2, document, guard, value, *position, str(_EXPIRES_AT), str(MARGIN_MS)
        )  # fmt: skip
    client.unlink(guard)


def _shared(client: SyncClient, keys: Keys, owner: str) -> Iterator[str]:
    stored = client.get(keys.owner)
    client.hget(keys.markers, _USER)
    if owner and isinstance(stored, bytes) and stored != owner.encode():
        yield str(shared(keys, stored))


def _strangers(client: SyncClient, keys: Keys, topic: str) -> Iterator[str]:
    """Outboxes besides our own whose documents were written under our keys."""
    fields = client.hkeys(keys.markers)
    known = (field.decode(errors="replace") if isinstance(field, bytes) else field for field in fields)
    found = {field.rpartition("/")[0] for field in known} - {topic, ""}
    if found:
        names = ", ".join(sorted(found))
        yield (
            f"lists of another deployment were written under the same keys (outbox {names}): fine if it is no more, or"
            " this one took over from it; to delete what is not in this outbox:  streamer rebuild-redis --clear;"
            " if it is still in use, give it a redis_prefix of its own"
        )

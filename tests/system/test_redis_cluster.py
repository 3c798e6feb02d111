"""A real Redis Cluster whose primaries die and whose replicas take over without the last writes: nothing stays lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from redis import Redis, RedisCluster
from redis.crc import key_slot

from streamer.scoring.document import encode
from streamer.scoring.priors import Priors
from streamer.serving import AvoidListReader
from streamer.sinks.address import RedisAddress
from streamer.sinks.keys import Keys
from streamer.sinks.markers import Span
from streamer.sinks.population import PopulationWriter, figures_of
from streamer.sinks.redis import AvoidListWriter
from streamer.sinks.trial import (
    CLUSTER_RIGHTS,
    oddities,
    population_rights,
    problems,
    publisher_rights,
    reader_rights,
)
from streamer.sinks.updates import Update
from tests.avoid_lists import document
from tests.backends.redis_cluster import RedisClusterServers

USERS = [f"u{n}" for n in range(60)] + ["{a}b", "}{", "a}b{c}"]
LIST = encode(document())
NOTED = Span(0, len(USERS), 5)


@pytest.fixture(scope="module")
def _servers(redis_program: str) -> Iterator[RedisClusterServers]:
    with RedisClusterServers(primaries=3, replicas=1, program=redis_program) as found:
        yield found


@pytest.fixture
def cluster(_servers: RedisClusterServers) -> RedisClusterServers:
    _servers.flush()
    return _servers


def updates(document: bytes = LIST, first: int = 0) -> list[Update]:
    return [Update(user, document, first + at, term=5) for at, user in enumerate(USERS)]


def as_user(cluster: RedisClusterServers, rights: str) -> str:
    for server in cluster.servers:
        with Redis.from_url(server.url) as client:
            words = [*rights.split(), *CLUSTER_RIGHTS.split()]
            client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">secret", *words)
    return cluster.url.replace("://", "://limited:secret@", 1)


def test_every_primary_has_a_marker_and_a_node_that_lost_its_own_is_told(cluster: RedisClusterServers) -> None:
    async def run() -> None:
        async with AvoidListWriter(cluster.url) as writer:
            assert await writer.look({0: Span(0, 0)}) == {}
            written = await writer.write(updates(), {0: NOTED})
            assert (written.applied, written.missing) == (len(USERS), {})
            for server in cluster.primaries:
                with Redis.from_url(server.url) as client:
                    (marker,) = client.keys("{*}outbox:at")
                    assert client.hgetall(marker) == {b"avoid-lists/0": b"5/%d" % len(USERS)}
                    client.hset(marker, "avoid-lists/0", "5/17")  # as a replica that had heard of no more
                    asked = Span(len(USERS), len(USERS), 5)
                    assert await writer.look({0: asked}) == {0: Span(17, len(USERS), 5)}
                    client.delete(marker)
                    assert await writer.look({0: asked}) == {0: Span(0, len(USERS), 5)}
                    assert await writer.look({0: NOTED}) == {}

    asyncio.run(run())


def test_moved_slots_are_told_as_a_loss_not_overlooked(cluster: RedisClusterServers) -> None:
    """The least slot of a primary goes to another one: the marker in the next slot is not there yet."""

    def give(slot: int, source: int, target: int) -> None:
        with Redis.from_url(cluster.servers[source].url) as one, Redis.from_url(cluster.servers[target].url) as other:
            names = [each.execute_command("CLUSTER", "MYID").decode() for each in (one, other)]
            other.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
            one.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
            while keys := one.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
                for key in keys:
                    one.execute_command("MIGRATE", "127.0.0.1", cluster.servers[target].port, key, 0, 5000)
            for each in (other, one):
                each.execute_command("CLUSTER", "SETSLOT", slot, "NODE", names[1])
        cluster.await_owner(slot, cluster.servers[target])

    async def run() -> None:
        async with AvoidListWriter(cluster.url) as writer:
            await writer.look({})
            await writer.write(updates(), {0: NOTED})
            await asyncio.to_thread(give, 0, 0, 1)
            try:
                found = await writer.look({0: Span(len(USERS), len(USERS), 5)})
                assert found == {0: Span(0, len(USERS), 5)}
                assert await writer.look({0: NOTED}) == {}
            finally:
                await asyncio.to_thread(give, 0, 1, 0)

    asyncio.run(run())


def test_with_a_prefix_a_cluster_has_two_deployments(cluster: RedisClusterServers) -> None:
    async def run() -> int:
        async with (
            AvoidListWriter(cluster.url, prefix="eu:") as one,
            AvoidListWriter(cluster.url) as other,
        ):
            for writer in (one, other):
                await writer.look({})
                await writer.write(updates(), {0: NOTED})
            return await one.clear()

    assert asyncio.run(run()) == 2 * len(USERS)
    with AvoidListReader(cluster.url) as own, AvoidListReader(cluster.url, prefix="eu:") as cleared:
        assert {found.source for found in own.get_many(USERS).values()} == {"user"}
        assert {found.source for found in cleared.get_many(USERS).values()} == {"none"}
    with RedisCluster.from_url(cluster.url.replace("+cluster", "")) as client:
        assert list(client.scan_iter("*eu:*")) == []
        client.disconnect_connection_pools()


def test_these_rights_are_enough_on_a_cluster(cluster: RedisClusterServers) -> None:
    async def run() -> None:
        async with AvoidListWriter(as_user(cluster, publisher_rights())) as writer:
            await writer.look({})
            assert (await writer.write(updates(), {0: NOTED})).missing == {}
            assert await writer.clear() == 2 * len(USERS)
            await writer.write(updates(), {0: NOTED})
        async with PopulationWriter(as_user(cluster, population_rights())) as figures:
            assert await figures.write(figures_of(Priors(version=1, as_of=1), {b"~all": LIST}, {b"c": b"{}"}))

    asyncio.run(run())
    assert list(problems(RedisAddress(as_user(cluster, publisher_rights()), 2), Keys(), "")) == []
    with AvoidListReader(as_user(cluster, reader_rights())) as reader:
        assert {found.source for found in reader.get_many([*USERS, "nobody"]).values()} == {"user", "default"}


def test_check_tells_what_a_cluster_lacks(cluster: RedisClusterServers) -> None:
    address = RedisAddress(cluster.url, 2)
    assert list(problems(address, Keys(), "us")) == []
    assert list(oddities(address, Keys(), "avoid-lists")) == []
    (problem,) = problems(RedisAddress(as_user(cluster, reader_rights()), 2), Keys(), "us")
    assert "give its user the right" in problem
    servers = [Redis.from_url(server.url) for server in cluster.primaries]
    try:
        servers[1].config_set("maxmemory", "200mb")
        servers[1].config_set("maxmemory-policy", "allkeys-lru")
        (oddity,) = oddities(address, Keys(), "avoid-lists")
        assert "allkeys-lru" in oddity
        for server in servers:
            server.config_set("maxmemory", "1")
            server.config_set("maxmemory-policy", "noeviction")
        (problem,) = problems(address, Keys(), "us")
        assert "raise its maxmemory" in problem
    finally:
        for server in servers:
            server.config_set("maxmemory", "0")
            server.close()


@pytest.mark.timeout(300)
def test_a_replica_that_takes_over_without_the_last_writes_is_noticed_and_served_all(
    cluster: RedisClusterServers,
) -> None:
    """Last in this file: a primary of the Cluster is gone in the end."""
    primary, (replica,) = cluster.primaries[1], cluster.replicas_of(1)
    lost = [user for user in USERS if 5461 <= key_slot(Keys().document(user).encode()) <= 10921]
    newer = encode(document(as_of=document().as_of + 1))
    assert lost

    async def run() -> None:
        async with AvoidListWriter(cluster.url) as writer:
            await writer.look({})
            await writer.write(updates(), {0: NOTED})
            with Redis.from_url(primary.url) as client:
                assert client.wait(1, 10_000) == 1
                client.execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
                client.execute_command("CLIENT", "KILL", "TYPE", "REPLICA")  # it hears of nothing more
            await writer.write(updates(newer, len(USERS)), {0: Span(len(USERS), 2 * len(USERS), 5)})
            primary.kill()
            await asyncio.to_thread(cluster.await_primary, replica)
            end = 2 * len(USERS)
            asked = {0: Span(end, end, 5)}
            done = await writer.write_until_done([], asyncio.Event(), spans=asked, first_wait=0.05)
            assert done.missing == {0: Span(len(USERS), end, 5)}
            again = {0: Span(len(USERS), end, 5)}
            done = await writer.write_until_done(updates(newer, len(USERS)), asyncio.Event(), spans=again)
            assert (done.applied, done.missing) == (len(lost), {})

    asyncio.run(run())
    with AvoidListReader(cluster.url, timeout=5) as reader:
        found = {user: each.document for user, each in reader.get_many(USERS).items()}
    assert {each and each.as_of for each in found.values()} == {document().as_of + 1}

"""Writer and reader against a real Redis that dies and comes back, and against a real Cluster."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator

import pytest
from redis import Redis, RedisCluster

from streamer.errors import RedisUnavailable
from streamer.scoring.document import encode
from streamer.scoring.priors import Priors
from streamer.serving import AsyncAvoidListReader, AvoidListReader
from streamer.sinks.population import PopulationWriter, figures_of
from streamer.sinks.redis import AvoidListWriter
from streamer.sinks.updates import Update, Written
from tests.avoid_lists import document
from tests.backends.choose import RealRedis
from tests.backends.ports import free_port, wait_until
from tests.backends.redis import RedisServer


@pytest.mark.kills("redis_server")
def test_a_batch_waits_until_redis_is_back(redis_server: RealRedis) -> None:
    redis_server.flush()

    async def across_a_crash() -> tuple[Written, int]:
        async with AvoidListWriter(redis_server.url) as writer:
            assert await writer.write([Update("u1", b"one", 1)]) == Written(applied=1)
            redis_server.kill()
            failed = asyncio.Event()
            failures = 0

            def note(_reason: str) -> None:
                nonlocal failures
                failures += 1
                failed.set()

            task = asyncio.create_task(
                writer.write_until_done([Update("u1", b"two", 2)], asyncio.Event(), on_error=note, first_wait=0.02)
            )
            await failed.wait()
            await asyncio.to_thread(redis_server.start)
            return await task, failures

    written, failures = asyncio.run(across_a_crash())
    assert written == Written(applied=1)
    assert failures >= 1
    with Redis.from_url(redis_server.url) as client:
        assert client.get("avoid:u1") == b"two"


@pytest.mark.kills("redis_server")
def test_readers_outlive_a_restart(redis_server: RealRedis) -> None:
    with (
        AvoidListReader(redis_server.url) as raising,
        AvoidListReader(redis_server.url, on_unavailable="empty") as empty,
    ):
        for reader in (raising, empty):
            assert reader.get("nobody").source == "none"
        redis_server.kill()
        with pytest.raises(RedisUnavailable):
            raising.get("u1")
        assert empty.get("u1").source == "none"
        redis_server.start()
        with Redis.from_url(redis_server.url) as client:
            client.set("avoid:u1", encode(document()))
        assert [reader.get("u1").source for reader in (raising, empty)] == ["user", "user"]


# --- Cluster ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Two nodes that share the slots."""
    if shutil.which("redis-server") is None and os.environ.get("CI") != "true":
        pytest.skip("redis-server is not installed: no Cluster")
    options = {"cluster-enabled": "yes", "cluster-node-timeout": "2000"}
    buses = [str(free_port()) for _ in range(2)]  # else they are port + 10000, where outgoing connections may be
    nodes = [RedisServer({**options, "cluster-port": bus}) for bus in buses]
    with nodes[0] as one, nodes[1] as two:
        with Redis.from_url(one.url) as first, Redis.from_url(two.url) as second:
            first.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
            second.execute_command("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
            second.execute_command("CLUSTER", "SET-CONFIG-EPOCH", 2)
            first.execute_command("CLUSTER", "MEET", "127.0.0.1", two.port, buses[1])

            def is_formed() -> bool:
                states = [node.execute_command("CLUSTER", "INFO") for node in (first, second)]
                return all(b"cluster_state:ok" in state and b"cluster_known_nodes:2" in state for state in states)

            wait_until(is_formed, lambda: one.running and two.running, 20, lambda: "the Cluster does not form")
        yield one.url.replace("redis://", "redis+cluster://").removesuffix("/0")


USERS = [f"u{n}" for n in range(60)] + ["{a}b", "}{", "a}b{c}", "{}x", "{"]


def test_a_cluster_is_written_and_read_like_one_server(cluster: str) -> None:
    documents = {user: document(user_id=user) for user in USERS}
    batch = [Update(user, encode(documents[user]), 5) for user in USERS]

    async def write() -> list[Written]:
        async with AvoidListWriter(cluster) as writer:
            assert await writer.look({}) == {}
            stale = [Update(user, b"old", 4) for user in USERS]
            return [await writer.write(batch), await writer.write(stale), await writer.write([Update("u0", None, 6)])]

    assert asyncio.run(write()) == [Written(applied=65), Written(stale=65), Written(applied=1)]
    documents.pop("u0")

    async def read() -> dict[str, object]:
        async with AsyncAvoidListReader(cluster) as reader:
            return {user: lists.document for user, lists in (await reader.get_many(USERS)).items()}

    with AvoidListReader(cluster) as reader:
        found = {user: lists.document for user, lists in reader.get_many(USERS).items()}
    assert found == asyncio.run(read()) == {"u0": None, **documents}


def test_a_cluster_is_cleared(cluster: str) -> None:
    async def fill_and_clear() -> int:
        async with AvoidListWriter(cluster) as writer:
            await writer.write([Update(user, b"x", 9) for user in USERS])
            return await writer.clear()

    assert asyncio.run(fill_and_clear()) == 2 * len(USERS)
    with RedisCluster.from_url(cluster.replace("+cluster", "")) as client:
        assert list(client.scan_iter()) == []
        client.disconnect_connection_pools()


def test_a_cluster_has_the_populations_figures_and_exactly_the_newest(cluster: str) -> None:
    first = figures_of(Priors(version=1, tags={"gore": 0.2}), {b"~all": b"1", b"~cohort:de": b"1"}, {b"c": b"1"})
    second = figures_of(Priors(version=2), {b"~all": b"2"}, {})

    async def run() -> None:
        async with PopulationWriter(cluster) as writer:
            await writer.write(first)
            await writer.write(second)

    asyncio.run(run())
    with RedisCluster.from_url(cluster.replace("+cluster", "")) as client:
        keys = ("avoid:~all", "avoid:~cohort:de", "creator:c", "population:tags")
        assert [client.exists(key) for key in keys] == [1, 0, 0, 0]

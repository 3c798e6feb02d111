"""Redis fails over, behind one address or as Sentinels tell: writers and readers follow by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from redis import Redis
from tenacity import AsyncRetrying, stop_after_delay, wait_fixed

from streamer.errors import RedisUnavailable
from streamer.scoring.document import encode
from streamer.scoring.priors import Priors
from streamer.serving import AsyncAvoidListReader, AvoidListReader
from streamer.sinks.population import PopulationWriter, figures_of
from streamer.sinks.redis import AvoidListWriter
from streamer.sinks.updates import Update
from tests.avoid_lists import document
from tests.backends.ports import wait_until
from tests.backends.proxy import Proxy
from tests.backends.redis import RedisServer
from tests.backends.sentinel import WatchedRedis

LIST = encode(document())


@pytest.fixture
def pair() -> Iterator[tuple[RedisServer, RedisServer]]:
    with RedisServer() as primary, RedisServer() as replica:
        make_replica(replica, primary)
        yield primary, replica


@pytest.fixture
def watched() -> Iterator[WatchedRedis]:
    found = WatchedRedis()
    try:
        found.start()
        yield found
    finally:
        found.close()


def make_replica(of: RedisServer, primary: RedisServer) -> None:
    with Redis.from_url(of.url) as client:
        client.replicaof("127.0.0.1", primary.port)
        wait_until(lambda: client.info("replication")["master_link_status"] == "up", lambda: of.running, 30, lambda: "")


def test_behind_one_address_writers_leave_a_primary_that_has_become_a_replica(
    pair: tuple[RedisServer, RedisServer],
) -> None:
    old, new = pair

    async def test() -> None:
        with Proxy(old.port) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}/0"
            async with AvoidListWriter(url) as writer, PopulationWriter(url) as population:
                await writer.write([Update("u1", LIST, 1)])
                await population.write(figures_of(Priors(version=1, as_of=1), {}, {}))
                await asyncio.to_thread(fail_over, old, new)
                proxy.lead_to(new.port)  # connections that are open stay at the old one
                done = await writer.write_until_done([Update("u2", LIST, 2)], asyncio.Event(), first_wait=0.01)
                assert done.applied == 1
                newer = figures_of(Priors(version=2, as_of=2), {}, {})
                with pytest.raises(RedisUnavailable, match="it is a replica"):
                    await population.write(newer)
                assert await population.write(newer) is not None

    def fail_over(old: RedisServer, new: RedisServer) -> None:
        with Redis.from_url(new.url) as client:
            client.replicaof("NO", "ONE")
        make_replica(old, new)

    asyncio.run(test())
    with Redis.from_url(new.url) as client:
        assert client.get("avoid:u2") == LIST
        assert client.get("population:as_of") == b"2"


def test_sentinels_lead_writers_and_readers_to_the_new_primary(watched: WatchedRedis) -> None:
    async def test() -> None:
        async with AvoidListWriter(watched.url) as writer, AsyncAvoidListReader(watched.url) as reader:
            await writer.write([Update("u1", LIST, 1)])
            assert (await reader.get("u1")).source == "user"
            await asyncio.to_thread(watched.fail_over)
            done = await writer.write_until_done([Update("u2", LIST, 2)], asyncio.Event(), first_wait=0.05)
            assert done.applied == 1
            async for attempt in AsyncRetrying(stop=stop_after_delay(30), wait=wait_fixed(0.05), reraise=True):
                with attempt:
                    assert (await reader.get("u2")).source == "user"

    asyncio.run(test())
    with AvoidListReader(watched.url, timeout=5, on_unavailable="empty") as reader:
        wait_until(lambda: reader.get("u2").source == "user", lambda: True, 30, lambda: "")

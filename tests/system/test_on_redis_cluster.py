"""A whole deployment on a Redis Cluster, of which a primary dies and a replica without the last lists takes over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis, RedisCluster
from typer.testing import CliRunner

from streamer.cli.app import app
from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.serving import AvoidListReader
from streamer.settings import Settings
from streamer.sinks.keys import Keys
from tests.backends.choose import Kafka
from tests.backends.redis_cluster import RedisClusterServers
from tests.deployment import newest_in_outbox, settings_of
from tests.processes import environment_of, start, wait_for

USERS = [f"u{number}" for number in range(40)] + ["{a}b", "}{"]


@pytest.fixture
def cluster() -> Iterator[RedisClusterServers]:
    with RedisClusterServers(primaries=3, replicas=1) as found:
        yield found


@pytest.fixture
def settings(kafka: Kafka, cluster: RedisClusterServers, prefix: str, tmp_path: Path) -> Settings:
    given = {"clock": "wall", "population": True, "population_interval": 1.0, "redis_prefix": "eu:"}
    found = settings_of(prefix, kafka.bootstrap, cluster.url, tmp_path, **given)
    topics.create(found)
    return found


@pytest.fixture
def stored(cluster: RedisClusterServers) -> Iterator[RedisCluster]:
    client = RedisCluster.from_url(cluster.url.replace("+cluster", ""))
    yield client
    client.disconnect_connection_pools()


def block(settings: Settings, creator: str) -> None:
    with SignalProducer(settings) as producer:
        for user in USERS:
            ts = time.time_ns() // 1_000_000
            producer.send(Dislike(user_id=user, ts=ts, action="block", scope="creator", creator_id=creator))


def all_block(settings: Settings, creator: str) -> bool:
    with AvoidListReader(settings.redis_url, prefix=settings.redis_prefix, timeout=5, on_unavailable="empty") as reader:
        lists = reader.get_many(USERS).values()
        return all(found.document is not None and creator in found.document.avoid.creators for found in lists)


def command(settings: Settings, *arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, env={**environment_of(settings), "COLUMNS": "1000"})
    return result.output


def test_documents_are_the_outboxs_after_a_failover_and_every_command_works(
    settings: Settings, cluster: RedisClusterServers, stored: RedisCluster
) -> None:
    keys = Keys(settings.redis_prefix)
    primary, (replica,) = cluster.primaries[1], cluster.replicas_of(1)
    with ExitStack() as stack:
        kinds = ("worker", "publisher", "population")
        children = {kind: start(kind, settings, settings.data_dir / f"{kind}.log") for kind in kinds}  # type: ignore[arg-type]
        for child in children.values():
            stack.callback(child.kill)
        publisher = children["publisher"]

        block(settings, "heard of")
        wait_for("it is served", lambda: all_block(settings, "heard of"), publisher)
        with Redis.from_url(primary.url) as client:
            assert client.wait(1, 10_000) == 1
            client.execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
            client.execute_command("CLIENT", "KILL", "TYPE", "REPLICA")
        block(settings, "unheard of")
        wait_for("it is served", lambda: all_block(settings, "unheard of"), publisher)
        primary.kill()
        cluster.await_primary(replica)
        wait_for("it is served again", lambda: all_block(settings, "unheard of"), publisher)
        block(settings, "after")
        wait_for("it is served", lambda: all_block(settings, "after"), publisher)
        newest = newest_in_outbox(settings)
        assert {user: stored.get(keys.document(user)) for user in USERS} == {user: newest[user] for user in USERS}
        wait_for("figures are there", lambda: bool(stored.exists(keys.as_of)), children["population"])

        assert "takes a publisher's writes" in command(settings, "check")
        assert '"after"' in command(settings, "inspect", "u1", "--json")
        assert "Redis: deleted" in command(settings, "erase", "u1", "--timeout", "60")
        assert stored.get(keys.document("u1")) is None
        stored.set(keys.document("stranger"), b"{}")
        assert "records" in command(settings, "rebuild-redis", "--clear")
        assert not stored.exists(keys.document("stranger"))
        rest = {user: raw for user, raw in newest.items() if user != "u1"}

        def all_are_there() -> bool:
            return all(stored.get(keys.document(user)) == raw for user, raw in rest.items())

        wait_for("all are there", all_are_there, publisher)

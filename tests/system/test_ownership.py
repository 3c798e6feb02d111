"""Topics and the state in them belong to one group, and to one number of partitions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from kafka import KafkaAdminClient
from typer.testing import CliRunner, Result

from streamer.cli.app import app
from streamer.embedded.child import Child
from streamer.engine.kafka.records import Record
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.deployment import records_in, saved_documents, settings_of
from tests.processes import HANGS_AFTER_S, Progress, environment_of, start, wait_for

USERS = [f"user{number}" for number in range(12)]


class Spawn(Protocol):
    """Starts a worker that does not outlive its test."""

    def __call__(self, settings: Settings) -> Child: ...


@pytest.fixture
def settings(kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path) -> Settings:
    redis_server.flush()
    found = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, partitions=2, clock="wall")
    topics.create(found)
    return found


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    children: list[Child] = []

    def spawned(settings: Settings) -> Child:
        children.append(start("worker", settings, tmp_path / f"worker{len(children)}.log"))
        return children[-1]

    yield spawned
    for child in children:
        child.kill()


def block(settings: Settings, creator: str) -> None:
    """Every user blocks a creator."""
    with SignalProducer(settings) as producer:
        for user in USERS:
            now_ms = time.time_ns() // 1_000_000
            producer.dislike(user_id=user, ts=now_ms, action="block", scope="creator", creator_id=creator)


def await_saved(settings: Settings, worker: Child) -> None:
    progress = Progress(settings, settings.group, (*settings.topics.sources, settings.topics.erasures))
    wait_for("all is saved", progress.done, worker)
    progress.close()


def await_end(worker: Child) -> str:
    wait_for("it ends", lambda: not worker.running, None)
    return worker.tail(500)


def blocked(settings: Settings) -> set[tuple[str, ...]]:
    """What the saved state has of the users, each kind once."""
    found = saved_documents(settings)
    return {found[user].avoid.creators if user in found else () for user in USERS}


def written(settings: Settings) -> list[Record]:
    """All that workers write."""
    names = settings.topics
    partitions = range(settings.partitions)
    topics_of_workers = (names.state, names.journal, names.avoid_lists)
    return [r for name in topics_of_workers for p in partitions for r in records_in(settings, name, [p])]


def check(settings: Settings) -> Result:
    return CliRunner().invoke(app, ["check"], env={**environment_of(settings), "COLUMNS": "1000"})


def test_a_second_group_is_refused_before_it_harms_the_first(settings: Settings, spawn: Spawn) -> None:
    owner = spawn(settings)
    block(settings, "before")
    await_saved(settings, owner)
    second = settings.model_copy(update={"group": settings.group + "-try", "data_dir": settings.data_dir / "try"})
    worker = spawn(second)
    told = await_end(worker)
    assert f"these topics belong to group '{settings.group}'" in told
    assert worker.exit_code not in (None, 0)
    block(settings, "after")
    await_saved(settings, owner)
    assert owner.running
    assert blocked(settings) == {("after", "before")}
    assert f"belongs to group {settings.group}" in check(settings).output
    refused = check(second)
    assert (refused.exit_code, "these topics belong to group" in refused.output) == (1, True)


def test_a_renamed_group_takes_over_for_good(settings: Settings, spawn: Spawn) -> None:
    former = spawn(settings)
    block(settings, "before")
    await_saved(settings, former)
    renamed = settings.model_copy(
        update={"group": settings.group + "-new", "former_group": settings.group, "data_dir": settings.data_dir / "new"}
    )
    heir = spawn(renamed)
    block(settings, "after")
    await_saved(renamed, heir)
    assert "another process has taken over" in await_end(former)
    assert "these topics belong to group" in await_end(spawn(settings))
    assert heir.running
    heir.stop(HANGS_AFTER_S)
    assert blocked(renamed) == {("after", "before")}
    without = renamed.model_copy(update={"former_group": ""})
    heir = spawn(without)
    block(settings, "later")
    await_saved(without, heir)


def test_partitions_raised_afterwards_are_refused_and_nothing_is_written(settings: Settings, spawn: Spawn) -> None:
    worker = spawn(settings)
    block(settings, "before")
    await_saved(settings, worker)
    worker.stop(HANGS_AFTER_S)
    admin = KafkaAdminClient(bootstrap_servers=settings.brokers)
    admin.create_partitions(dict.fromkeys(topics.wanted(settings), 4))
    admin.close()
    (problem,) = topics.check(settings)
    assert "partitions must not be raised" in problem
    assert "set it to 4" not in problem
    raised = settings.model_copy(update={"partitions": 4})
    there = written(raised)
    assert "written for 2 partitions, the topics have 4" in await_end(spawn(raised))
    assert written(raised) == there
    refused = check(raised)
    assert (refused.exit_code, "written for 2 partitions" in refused.output) == (1, True)

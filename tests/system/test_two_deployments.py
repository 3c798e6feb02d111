"""Two deployments on one Kafka and one Redis, with a prefix and without."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamer.cli.app import app
from streamer.events import Dislike
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.deployment import served, settings_of
from tests.processes import environment_of, running, wait_for

USERS = ["u1", "u2"]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def deployment(kafka: Kafka, redis: RealRedis, prefix: str, folder: Path, **given: str) -> Settings:
    folder.mkdir()
    found = settings_of(prefix, kafka.bootstrap, redis.url, folder, clock="wall", **given)
    topics.create(found)
    return found


def block(settings: Settings, creator: str) -> None:
    with SignalProducer(settings) as producer:
        for user in USERS:
            ts = time.time_ns() // 1_000_000
            producer.send(Dislike(user_id=user, ts=ts, action="block", scope="creator", creator_id=creator))


def blocked(settings: Settings) -> set[str]:
    found = served(settings, USERS)
    return {creator for document in found.values() for creator in document.avoid.creators} if len(found) == 2 else set()


def command(settings: Settings, *arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, env={**environment_of(settings), "COLUMNS": "1000"})
    return result.output


def test_with_a_prefix_each_has_its_own_lists_and_a_rebuild_of_one_leaves_the_others(
    kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path, stack: ExitStack
) -> None:
    redis_server.flush()
    one = deployment(kafka, redis_server, f"{prefix}a-", tmp_path / "a")
    other = deployment(kafka, redis_server, f"{prefix}b-", tmp_path / "b", redis_prefix="try:")
    for settings, creator in ((one, "mine"), (other, "theirs")):
        block(settings, creator)
        with running("worker", settings, settings.data_dir / "worker.log"):
            publisher = stack.enter_context(running("publisher", settings, settings.data_dir / "publisher.log"))
            wait_for("it is served", lambda at=settings, to=creator: blocked(at) == {to}, publisher)  # type: ignore[misc]
    assert blocked(one) == {"mine"}
    assert "deleted 4 keys first" in command(one, "rebuild-redis", "--clear")
    assert (blocked(one), blocked(other)) == ({"mine"}, {"theirs"})
    for settings in (one, other):
        assert "takes a publisher's writes" in (told := command(settings, "check"))
        assert "another deployment" not in told


def test_without_one_the_second_publisher_waits_and_says_why_and_so_does_check(
    kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path, stack: ExitStack
) -> None:
    redis_server.flush()
    one, other = (deployment(kafka, redis_server, f"{prefix}{name}-", tmp_path / name) for name in "ab")
    first = stack.enter_context(running("publisher", one, tmp_path / "first.log"))
    for settings, creator in ((one, "mine"), (other, "theirs")):
        block(settings, creator)
        stack.enter_context(running("worker", settings, settings.data_dir / "worker.log"))
        if settings is one:
            wait_for("the first one's are served", lambda: blocked(one) == {"mine"}, first)
    second = stack.enter_context(running("publisher", other, tmp_path / "second.log"))
    wait_for("it says why it waits", lambda: f"topic {prefix}a-avoid-lists" in second.tail(200), second)
    assert "RedisShared" in second.tail(200)
    assert blocked(one) == {"mine"}
    assert "another deployment" in command(other, "check")
    assert "another deployment" in command(other, "rebuild-redis", "--clear")
    assert blocked(one) == {"mine"}
    first.stop()
    wait_for("the first one is gone, so the second goes on", lambda: "theirs" in blocked(other), second)

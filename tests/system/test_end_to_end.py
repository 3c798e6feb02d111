"""All of a deployment, as somebody with a managed Kafka and Redis has it: SASL_SSL and ACLs, Redis with its ACL.

Every process comes as a user of its own that has the documented rights and no others. Half-way Kafka is killed and
comes back, and Redis fails over; in the end documents are the oracle's.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streamer.cli.app import app
from streamer.embedded.child import Child
from streamer.errors import RedisUnavailable
from streamer.events import Event
from streamer.producing import AsyncSignalProducer, SignalProducer, topics
from streamer.producing.acls import COMMANDS, PROCESSES, needed
from streamer.serving import AsyncAvoidListReader, AvoidListReader
from streamer.settings import Settings
from tests.backends.acls import grant
from tests.backends.protected_redis import Alone, AsCluster, BySentinel, ProtectedRedis, url_of
from tests.backends.secured import SecuredKafka
from tests.deployment import Story, settings_of, story_of, wrong_anywhere
from tests.processes import Kind, Progress, environment_of, start, wait_for

PATIENCE_S = 300.0
"""Until a test gives up; no claim."""


class Whole:
    """A deployment, and who is who in it."""

    def __init__(self, kafka: SecuredKafka, redis: ProtectedRedis, prefix: str, folder: Path) -> None:
        self.kafka, self.redis, self._folder = kafka, redis, folder
        given = {
            "population": True,
            "population_interval": 86_400.0,  # the constants stay in force, by which the oracle judges
            "labels": True,
            "worker_timeout": 6.0,
            "broker_timeout": 30.0,
        }
        self.owner = settings_of(prefix, kafka.server.bootstrap, redis.url, folder / "data", **given)
        topics.create(self.owner)
        grant(kafka.server.bootstrap, needed(self.owner, (*PROCESSES, *COMMANDS)))
        names = self.owner.topics
        self.source = Progress(self.owner, self.owner.group, (*names.sources, names.erasures))
        self.outbox = Progress(self.owner, self.owner.publisher_group, (names.avoid_lists,))
        self._children: list[Child] = []

    def of(self, user: str, in_redis: str = "publisher", **more: object) -> Settings:
        """The settings of a process that comes to Kafka as this user, and to Redis as another."""
        return self.kafka.as_user(self.owner, user, "SASL_SSL", redis_url=url_of(self.redis, in_redis), **more)

    def spawn(self, kind: Kind, **more: object) -> Child:
        in_redis = "population" if kind == "population" else "publisher"
        log = self._folder / f"{kind}{len(self._children)}.log"
        self._children.append(start(kind, self.of(kind, in_redis, **more), log))
        return self._children[-1]

    def command(self, *arguments: str) -> Result:
        """Runs a command as the user that has its rights."""
        settings = self.of(arguments[0], "rebuild-redis" if arguments[0] == "rebuild-redis" else "publisher")
        return CliRunner().invoke(app, arguments, env={**environment_of(settings), "COLUMNS": "300"})

    def close(self) -> None:
        for child in self._children:
            child.kill()
        self.source.close()
        self.outbox.close()


@pytest.fixture(params=[Alone, BySentinel, AsCluster], ids=lambda kind: kind.name)
def whole(request: pytest.FixtureRequest, secured: SecuredKafka, prefix: str, tmp_path: Path) -> Iterator[Whole]:
    with request.param(tmp_path) as redis:
        found = Whole(secured, redis, prefix, tmp_path)
        try:
            yield found
        finally:
            found.close()


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Something that goes on while the block runs, and must end well."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "what went on meanwhile did not end"
    assert not failed, f"{failed[0]!r}"


def send(settings: Settings, events: Sequence[tuple[str, Event]]) -> None:
    with SignalProducer(settings, delivery_timeout=PATIENCE_S) as producer:
        for _, event in events:
            producer.send(event)
        producer.watermark(events[-1][1].ts)


def send_async(settings: Settings, events: Sequence[tuple[str, Event]], going: threading.Event) -> None:
    """By the asyncio twin, in many small shares; says when the first is there."""

    async def run() -> None:
        async with AsyncSignalProducer(settings, delivery_timeout=PATIENCE_S) as producer:
            for number, (_, event) in enumerate(events):
                await producer.send(event)
                if number % 100 == 99:
                    await producer.flush(PATIENCE_S)
                    going.set()

    asyncio.run(run())


def test_documents_are_the_oracle_s_through_the_failovers_of_both(whole: Whole) -> None:
    story = story_of(users=12, days=3)
    half = len(story.events) // 2
    worker, publisher, agent = (whole.spawn(kind) for kind in ("worker", "publisher", "population"))
    send(whole.of("producer"), story.events[:half])
    wait_for("the first half is counted", whole.source.done, worker, PATIENCE_S)
    wait_for("the first half is served", whole.outbox.done, publisher, PATIENCE_S)

    going = threading.Event()
    with meanwhile(lambda: send_async(whole.of("producer"), story.events[half:], going)):
        assert going.wait(PATIENCE_S)
        whole.kafka.server.kill()
        whole.redis.fail_over()
        whole.kafka.server.start()
    with SignalProducer(whole.of("producer")) as producer:
        producer.watermark(story.end)
    wait_for("everything is counted", whole.source.done, worker, PATIENCE_S)
    wait_for("everything is served", whole.outbox.done, publisher, PATIENCE_S)
    wait_for("documents are the oracle's", lambda: not wrong(whole, story), publisher, PATIENCE_S)
    read(whole, story)
    use_commands(whole, sorted(story.truth))
    for child in (worker, publisher, agent):
        assert child.stop(PATIENCE_S) == 0, child.tail()
        assert "uthoriz" not in child.tail(5000), child.tail(50)
        assert "has-1" not in child.tail(5000), "a password stands in the log"
    announce(whole)


def wrong(whole: Whole, story: Story) -> dict[str, list[str]]:
    """Whose state, outbox or Redis is not the oracle's; while Redis catches up, somebody's may not be."""
    return wrong_anywhere(whole.owner, story.truth, story.users, {"~claim"})


def read(whole: Whole, story: Story) -> None:
    """Readers, plain and asyncio, have what the oracle has."""
    url, users = url_of(whole.redis, "reader"), sorted(story.truth)
    with AvoidListReader(url, timeout=5) as reader:
        found = {user: reader.get(user) for user in users}

    async def read_async() -> dict[str, str]:
        async with AsyncAvoidListReader(url, timeout=5) as reader:
            return {user: (await reader.get(user)).source for user in users}

    assert (
        {user: each.source for user, each in found.items()} == asyncio.run(read_async()) == dict.fromkeys(users, "user")
    )
    with (
        AvoidListReader(url.replace("has-1", "has-2"), timeout=5) as stranger,
        pytest.raises(RedisUnavailable) as error,
    ):
        stranger.get(users[0])
    assert "has-2" not in str(error.value)


def use_commands(whole: Whole, users: Sequence[str]) -> None:
    """The command line, each command as a user with its rights alone."""
    erased, kept = users[0], users[-1]
    checked = whole.command("check")
    assert "belongs to group" in checked.output, checked.output
    assert "takes a publisher's writes" in checked.output, checked.output
    for arguments in (["explain", kept, "loud-7"], ["rejects", "count"], ["labels", "stats"], ["erase", erased]):
        done = whole.command(*arguments)
        assert done.exit_code == 0, f"{arguments}: {done.output}"
    assert "confirmed" in done.output
    with AvoidListReader(url_of(whole.redis, "reader"), timeout=5) as reader:
        assert reader.get(erased).source != "user"
        assert reader.get(kept).source == "user"


def announce(whole: Whole) -> None:
    """The population agent, started again, goes on from its totals, and has its figures in Redis."""
    agent = whole.spawn("population", population_interval=1.0)
    wait_for("figures are announced", lambda: "snapshot 1" in agent.tail(500), agent, PATIENCE_S)
    assert agent.stop(PATIENCE_S) == 0, agent.tail()
    checked = whole.command("check")
    assert "snapshot 1" in checked.output, checked.output
    assert whole.command("rebuild-redis").exit_code == 0

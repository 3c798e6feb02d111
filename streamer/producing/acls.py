"""The rights that each process needs on a Kafka with an authorizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from streamer.settings import Settings

Process: TypeAlias = Literal["worker", "publisher", "population", "producer"]
Resource: TypeAlias = Literal["topic", "group", "transactional-id", "cluster"]
Operation: TypeAlias = Literal["Read", "Write", "Describe", "DescribeConfigs", "Delete"]

PROCESSES: Final[tuple[Process, ...]] = ("worker", "publisher", "population", "producer")


class Acl(NamedTuple):
    """What one process may do to one resource.

    Attributes:
        process: who.
        resource: the kind of resource.
        name: the resource's.
        operations: what is allowed.
        prefixed: the name is what names begin with.
    """

    process: Process
    resource: Resource
    name: str
    operations: tuple[Operation, ...]
    prefixed: bool = False

    def command(self, brokers: str, principal: str) -> str:
        """What gives a user this right, with Kafka's own tool.

        >>> Acl("publisher", "group", "g", ("Read",)).command("b:9092", "User:p")
        'kafka-acls --bootstrap-server b:9092 --add --allow-principal User:p --operation Read --group g'
        """
        operations = " ".join(f"--operation {each}" for each in self.operations)
        what = "--cluster" if self.resource == "cluster" else f"--{self.resource} {self.name}"
        pattern = " --resource-pattern-type prefixed" if self.prefixed else ""
        return (
            f"kafka-acls --bootstrap-server {brokers} --add --allow-principal {principal} {operations} {what}{pattern}"
        )


def needed(settings: Settings) -> list[Acl]:
    """All rights that a deployment's processes need, no more."""
    return [*_worker(settings), *_publisher(settings), *_population(settings), *_producer(settings)]


def _worker(settings: Settings) -> Iterator[Acl]:
    topics = settings.topics
    for topic in (*topics.sources, topics.erasures):
        yield Acl("worker", "topic", topic, ("Read",))
    yield Acl("worker", "topic", topics.state, ("Read", "Write"))
    yield Acl("worker", "topic", topics.journal, ("Read", "Write", "Delete"))
    yield Acl("worker", "topic", topics.avoid_lists, ("Read", "Write"))
    yield Acl("worker", "topic", topics.rejects, ("Write",))
    if settings.labels:
        yield Acl("worker", "topic", topics.labels, ("Write",))
    if settings.population:
        yield Acl("worker", "topic", topics.population, ("Write",))
        yield Acl("worker", "topic", topics.snapshots, ("Read",))
    yield Acl("worker", "group", settings.group, ("Read",))
    yield Acl("worker", "transactional-id", f"{topics.state}/", ("Describe", "Write"), prefixed=True)
    yield Acl("worker", "cluster", "kafka-cluster", ("DescribeConfigs",))


def _publisher(settings: Settings) -> Iterator[Acl]:
    yield Acl("publisher", "topic", settings.topics.avoid_lists, ("Read",))
    yield Acl("publisher", "topic", settings.topics.rejects, ("Read",))
    yield Acl("publisher", "group", settings.publisher_group, ("Read",))


def _population(settings: Settings) -> Iterator[Acl]:
    if not settings.population:
        return
    topics = settings.topics
    yield Acl("population", "topic", topics.population, ("Read",))
    for topic in (topics.totals, topics.snapshots, topics.default_lists, topics.creator_health):
        yield Acl("population", "topic", topic, ("Read", "Write"))
    yield Acl("population", "group", settings.population_group, ("Read",))
    yield Acl("population", "transactional-id", f"{topics.totals}/", ("Describe", "Write"), prefixed=True)
    yield Acl("population", "cluster", "kafka-cluster", ("DescribeConfigs",))


def _producer(settings: Settings) -> Iterator[Acl]:
    for topic in (*settings.topics.sources, settings.topics.erasures):
        yield Acl("producer", "topic", topic, ("Write",))

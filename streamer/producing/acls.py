"""The rights that each process, and each command, needs on a Kafka with an authorizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from streamer.settings import Settings

Process: TypeAlias = Literal[
    "worker", "publisher", "population", "producer", "check", "erase", "explain", "labels", "rebuild-redis", "rejects"
]
Resource: TypeAlias = Literal["topic", "group", "transactional-id", "cluster"]
Operation: TypeAlias = Literal["Read", "Write", "Describe", "DescribeConfigs", "Delete", "IdempotentWrite", "Create"]

PROCESSES: Final[tuple[Process, ...]] = ("worker", "publisher", "population", "producer")
COMMANDS: Final[tuple[Process, ...]] = ("check", "erase", "explain", "labels", "rebuild-redis", "rejects")
"""Those that need less than a process, or something else; ``streamer replay`` is a producer."""
CLUSTER: Final = "kafka-cluster"


class Acl(NamedTuple):
    """What one process or command may do to one resource.

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


def needed(settings: Settings, processes: Iterable[Process] = PROCESSES) -> list[Acl]:
    """All rights that a deployment's processes need, no more.

    >>> [acl.name for acl in needed(Settings(), ["publisher"])]
    ['avoid-lists', 'rejects', 'streamer-publisher']
    """
    rows: dict[Process, Callable[[Settings], Iterator[Acl]]] = {
        "worker": _worker,
        "publisher": _publisher,
        "population": _population,
        "producer": _producer,
        "check": _check,
        "erase": _erase,
        "explain": _explain,
        "labels": _labels,
        "rebuild-redis": _rebuild_redis,
        "rejects": _rejects,
    }
    return [acl for process in processes for acl in rows[process](settings)]


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
    yield Acl("worker", "cluster", CLUSTER, ("DescribeConfigs",))


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
    yield Acl("population", "cluster", CLUSTER, ("DescribeConfigs",))


def _producer(settings: Settings) -> Iterator[Acl]:
    for topic in (*settings.topics.sources, settings.topics.erasures):
        yield Acl("producer", "topic", topic, ("Write",))


def _check(settings: Settings) -> Iterator[Acl]:
    topics = settings.topics
    announced = (topics.snapshots, topics.default_lists, topics.creator_health) if settings.population else ()
    for topic in (topics.state, topics.rejects, *announced):
        yield Acl("check", "topic", topic, ("Read",))
    if settings.population:
        yield Acl("check", "topic", topics.population, ("Describe",))


def _erase(settings: Settings) -> Iterator[Acl]:
    topics = settings.topics
    for topic in topics.sources:
        yield Acl("erase", "topic", topic, ("Describe",))
    yield Acl("erase", "topic", topics.erasures, ("Write",))
    for topic in (topics.state, topics.journal, topics.avoid_lists):
        yield Acl("erase", "topic", topic, ("Read",))


def _explain(settings: Settings) -> Iterator[Acl]:
    topics = settings.topics
    for topic in (topics.state, topics.journal, *([topics.snapshots] if settings.population else [])):
        yield Acl("explain", "topic", topic, ("Read",))


def _labels(settings: Settings) -> Iterator[Acl]:
    for topic in (settings.topics.labels, settings.topics.erasures) if settings.labels else ():
        yield Acl("labels", "topic", topic, ("Read",))


def _rebuild_redis(settings: Settings) -> Iterator[Acl]:
    topics = settings.topics
    figures = (topics.snapshots, topics.default_lists, topics.creator_health) if settings.population else ()
    for topic in (topics.avoid_lists, *figures):
        yield Acl("rebuild-redis", "topic", topic, ("Read",))


def _rejects(settings: Settings) -> Iterator[Acl]:
    yield Acl("rejects", "topic", settings.topics.rejects, ("Read",))
    for topic in (*settings.topics.sources, settings.topics.erasures):
        yield Acl("rejects", "topic", topic, ("Write",))

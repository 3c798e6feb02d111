"""A deployment's consumer groups: who is in them, what they have read, whether another deployment uses them too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kafka.errors import GroupAuthorizationFailedError

from streamer.errors import TopicsError
from streamer.producing.connection import connect
from streamer.producing.coordinators import Membership
from streamer.settings import Settings


class Group(NamedTuple):
    """A consumer group of a deployment.

    Attributes:
        setting: that names it.
        name: its name.
        topics: what its members read.
    """

    setting: str
    name: str
    topics: Sequence[str]


def groups_of(settings: Settings) -> list[Group]:
    """The groups of workers, publishers and, with the population on, its agents."""
    topics = settings.topics
    found = [
        Group("group", settings.group, (*topics.sources, topics.erasures)),
        Group("publisher_group", settings.publisher_group, (topics.avoid_lists, topics.rejects)),
    ]
    if settings.population:
        found.append(Group("population_group", settings.population_group, (topics.population,)))
    return found


class Checked(NamedTuple):
    """What was found out about groups, one line each.

    Attributes:
        problems: what is wrong.
        oddities: what may be meant so.
        hidden: groups that this user may not look at.
    """

    problems: list[str]
    oddities: list[str]
    hidden: list[str]


def check(settings: Settings) -> Checked:
    """What is wrong with the groups, and what is odd about them.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    found = Checked([], [], [])
    with connect(settings) as cluster:
        if cluster.embedded:  # it cannot tell
            return found
        for group in groups_of(settings):
            try:
                membership, offsets = cluster.membership(group.name), cluster.committed(group.name)
            except GroupAuthorizationFailedError:
                found.hidden.append(f"{group.setting} {group.name!r}: this user may not see who is in it")
                continue
            found.problems.extend(_shared(group, membership))
            strange = _strange(group, {topic for topic, _ in offsets})
            if strange and not membership.topics:
                found.oddities.append(
                    f"{group.setting} {group.name!r} has also read {', '.join(strange)}: fine if that deployment is no "
                    f"more, else give it a {group.setting} of its own"
                )
    return found


def require(settings: Settings, name: str) -> None:
    """Makes sure that no other deployment's processes are in a group that one is about to join.

    Args:
        name: the group's.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
        TopicsError: they are; says what to do.
    """
    with connect(settings) as cluster:
        if cluster.embedded:
            return
        for group in groups_of(settings):
            if group.name == name:
                try:
                    problems = _shared(group, cluster.membership(name))
                except GroupAuthorizationFailedError:
                    told = f"group {name}: this user has no right to it (Read needed): see  streamer topics acls"
                    raise TopicsError([told]) from None
                if problems:
                    raise TopicsError(problems)


def running(settings: Settings) -> list[str]:
    """Groups that write the deployment's state and still have members, one line each.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    with connect(settings) as cluster:
        if cluster.embedded:
            return []
        return [
            f"{group.setting} {group.name!r} has {members} running: stop them (one that was killed counts as running "
            f"for worker_timeout, {settings.worker_timeout:g} s)"
            for group in groups_of(settings)
            if group.setting != "publisher_group" and (members := cluster.membership(group.name).members)
        ]


def committed(settings: Settings) -> dict[tuple[str, int], int]:
    """Up to where those who write state have read: by topic and partition, the offset of the next record.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    found: dict[tuple[str, int], int] = {}
    with connect(settings) as cluster:
        for group in groups_of(settings):
            if group.setting != "publisher_group":
                there, asked = cluster.committed(group.name), _partitions(settings, group)
                found |= {place: there.get(place, 0) for place in asked}
    return found


def _partitions(settings: Settings, group: Group) -> list[tuple[str, int]]:
    count = 1 if group.setting == "population_group" else settings.partitions
    return [(topic, partition) for topic in group.topics for partition in range(count)]


def _shared(group: Group, membership: Membership) -> list[str]:
    strange = _strange(group, membership.topics)
    if not strange:
        return []
    return [
        f"{group.setting} {group.name!r} has members that read {', '.join(strange)}: another deployment uses this "
        f"group. Give each deployment a {group.setting} of its own, or stop the other one"
    ]


def _strange(group: Group, topics: frozenset[str] | set[str]) -> list[str]:
    return sorted(topics - set(group.topics))

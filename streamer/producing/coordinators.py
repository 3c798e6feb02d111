"""What the coordinator of a consumer group says of it. It is looked up for every question: a cluster moves it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.errors import CoordinatorNotAvailableError, for_code
from kafka.protocol.admin import DescribeGroupsRequest
from kafka.protocol.consumer import OffsetFetchRequest
from kafka.protocol.metadata import FindCoordinatorRequest

_NONE: Final = 69
"""GROUP_ID_NOT_FOUND."""


@dataclass(frozen=True)
class Membership:
    """Who is in a consumer group.

    Attributes:
        members: how many processes.
        topics: what any of them reads.
        operations: numbers of the ACL operations that who asks may do to it; None: the broker does not say.
    """

    members: int
    topics: frozenset[str]
    operations: frozenset[int] | None = None


def membership(client: KafkaAdminClient, group: str) -> Membership:
    """Who is in a group; nobody, if there is none.

    Raises:
        KafkaError: the coordinator cannot tell now, or not this client. That is no empty group.
    """
    request = DescribeGroupsRequest(groups=[group], include_authorized_operations=True)
    (told,) = _asked(client, group, request).groups
    if told.error_code not in (0, _NONE):
        raise for_code(told.error_code)(f"of group {group}")
    operations = getattr(told, "authorized_operations", None)
    read = {topic for member in told.members for topic in subscribed(member.member_metadata or b"")}
    return Membership(len(told.members), frozenset(read), None if operations is None else frozenset(operations))


def committed(
    client: KafkaAdminClient, group: str, partitions: Iterable[tuple[str, int]] | None = None
) -> dict[tuple[str, int], int]:
    """The offsets that a group goes on from, by topic and partition; those without one are left out.

    Args:
        client: connected.
        group: its name.
        partitions: of which; None: of all, of which the embedded broker tells none.

    Raises:
        KafkaError: the coordinator cannot tell now, or not this client. That is no group without offsets.
    """
    asked = None if partitions is None else _by_topic(partitions)
    answer = _asked(client, group, OffsetFetchRequest(group_id=group, topics=asked, min_version=2, max_version=5))
    topics = answer.topics or ()
    errors = [answer.error_code, *(each.error_code for topic in topics for each in topic.partitions)]
    for code in filter(None, errors):
        raise for_code(code)(f"of the offsets of group {group}")
    found = {(topic.name, each.partition_index): each.committed_offset for topic in topics for each in topic.partitions}
    return {place: offset for place, offset in found.items() if offset >= 0}


def _by_topic(partitions: Iterable[tuple[str, int]]) -> list[OffsetFetchRequest.OffsetFetchRequestTopic]:
    numbers: dict[str, list[int]] = {}
    for topic, partition in partitions:
        numbers.setdefault(topic, []).append(partition)
    return [
        OffsetFetchRequest.OffsetFetchRequestTopic(name=topic, partition_indexes=each)
        for topic, each in numbers.items()
    ]


def _asked(client: KafkaAdminClient, group: str, request: object) -> Any:
    manager = client._manager  # noqa: SLF001 - the client remembers a coordinator that is none any more
    where = manager.run(manager.send, FindCoordinatorRequest(key=group, key_type=0, max_version=3))
    if where.error_code:
        raise for_code(where.error_code)(f"of group {group}")
    if where.node_id not in {broker.node_id for broker in manager.cluster.brokers()}:
        raise CoordinatorNotAvailableError(f"of group {group}: it is at broker {where.node_id}, of which nobody knows")
    return manager.run(manager.send, request, where.node_id)


def subscribed(metadata: bytes) -> list[str]:
    """The topics of a member's subscription: a version, the count of topics, then of each its size and name.

    >>> subscribed(b"\\x00\\x04\\x00\\x00\\x00\\x02\\x00\\x05plays\\x00\\x08feedback")
    ['plays', 'feedback']
    """
    found: list[str] = []
    rest = metadata[6:]
    for _ in range(int.from_bytes(metadata[2:6])):
        size = int.from_bytes(rest[:2])
        found.append(rest[2 : 2 + size].decode(errors="replace"))
        rest = rest[2 + size :]
        if not rest:
            break
    return found

"""Whether this client may do what the processes do. The broker is asked, and nothing is changed by it.

Of topics and groups brokers say what one may do (KIP-430, Kafka 2.3). Of a transactional id they do not: there a
transaction of a producer that nobody has is given up, which is refused either way, and why tells whether one may write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from kafka.admin import ACLOperation
from kafka.errors import GroupAuthorizationFailedError
from kafka.protocol.admin import CreateTopicsRequest, DescribeConfigsRequest
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.producer import EndTxnRequest, InitProducerIdRequest
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from streamer.producing.acls import CLUSTER, Acl, Operation, Process, needed
from streamer.producing.connection import Cluster, connect
from streamer.settings import Settings

_NOBODY: Final = -1
_NO_TOPIC, _NO_CLUSTER, _NO_TRANSACTION = 29, 31, 53
_PASSING: Final = (14, 15, 16, 51)
"""A coordinator loads, is away or elsewhere, or is at something else."""
_BROKER: Final = 4
_AGAIN_S: Final = 0.2
_NUMBERS: Final[dict[Operation, int]] = {
    "Read": ACLOperation.READ,
    "Write": ACLOperation.WRITE,
    "Create": ACLOperation.CREATE,
    "Delete": ACLOperation.DELETE,
    "Describe": ACLOperation.DESCRIBE,
    "DescribeConfigs": ACLOperation.DESCRIBE_CONFIGS,
    "IdempotentWrite": ACLOperation.IDEMPOTENT_WRITE,
}
Allowed: TypeAlias = frozenset[int] | None
"""Numbers of operations; None: the broker does not say."""


class Missing(NamedTuple):
    """What a process needs and this client may not do, or nobody knows.

    Attributes:
        acl: that gives it: of the operations that are missing alone.
        is_known: the broker refuses it; else it does not say.
        is_optional: the process works without.
    """

    acl: Acl
    is_known: bool = True
    is_optional: bool = False


def missing(settings: Settings, processes: Iterable[Process]) -> list[Missing]:
    """What these processes need and this client may not do; empty if all is well.

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    rows = needed(settings, processes)
    with connect(settings) as cluster:
        if cluster.embedded:  # it has no rights
            return []
        topics = _of_topics(cluster, sorted({acl.name for acl in rows if acl.resource == "topic"}))
        found = []
        for acl in rows:
            match acl.resource:
                case "topic":
                    found += _lacking(acl, topics[acl.name])
                case "group":
                    found += _lacking(acl, _of_group(cluster, acl.name))
                case "transactional-id":
                    found += _lacking(acl, _of_transactions(cluster, f"{acl.name}0", settings.broker_timeout))
                case "cluster":
                    found += _lacking(acl, _of_brokers(cluster), is_optional=True)
        return found + _idempotence(cluster, rows, topics, settings.broker_timeout)


def creating(settings: Settings, topics: Sequence[str]) -> list[Missing]:
    """Whether this client may make topics that are not there, as processes do at their start (``declare_topics``).

    Raises:
        BrokerUnavailable: no broker answered within ``broker_timeout``.
    """
    if not topics or not settings.declare_topics:
        return []
    with connect(settings) as cluster:
        if cluster.embedded:
            return []
        asked = [
            CreateTopicsRequest.CreatableTopic(
                name=topic, num_partitions=1, replication_factor=1, assignments=[], configs=[]
            )
            for topic in topics
        ]
        answer = cluster.ask(CreateTopicsRequest(topics=asked, timeout_ms=10_000, validate_only=True))
    denied = any(topic.error_code in (_NO_TOPIC, _NO_CLUSTER) for topic in answer.topics)
    return [Missing(Acl("worker", "cluster", CLUSTER, ("Create",)))] if denied else []


def _lacking(acl: Acl, allowed: Allowed, is_optional: bool = False) -> list[Missing]:
    if allowed is None:
        return [Missing(acl, is_known=False, is_optional=True)]
    lacking = tuple(each for each in acl.operations if _NUMBERS[each] not in allowed)
    return [Missing(acl._replace(operations=lacking), is_optional=is_optional)] if lacking else []


def _of_topics(cluster: Cluster, topics: Sequence[str]) -> dict[str, Allowed]:
    named = [MetadataRequest.MetadataRequestTopic(name=topic) for topic in topics]
    answer = cluster.ask(
        MetadataRequest(topics=named, allow_auto_topic_creation=False, include_topic_authorized_operations=True)
    )
    return {
        topic.name: frozenset() if topic.error_code == _NO_TOPIC else _told(topic.authorized_operations)
        for topic in answer.topics
    }


def _told(operations: Iterable[int] | None) -> Allowed:
    return None if operations is None else frozenset(operations)


def _of_group(cluster: Cluster, group: str) -> Allowed:
    try:
        return cluster.membership(group).operations
    except GroupAuthorizationFailedError:
        return frozenset()


def _of_transactions(cluster: Cluster, transactional_id: str, timeout_s: float) -> Allowed:
    request = EndTxnRequest(
        transactional_id=transactional_id, producer_id=_NOBODY, producer_epoch=0, committed=False, max_version=3
    )
    code = _settled(cluster, request, (), timeout_s)
    return frozenset() if code == _NO_TRANSACTION else frozenset(_NUMBERS.values())


def _of_brokers(cluster: Cluster) -> Allowed:
    node = cluster.ask(MetadataRequest(topics=[])).brokers[0].node_id
    resource = DescribeConfigsRequest.DescribeConfigsResource(
        resource_type=_BROKER, resource_name=str(node), configuration_keys=["producer.id.expiration.ms"]
    )
    (told,) = cluster.ask(DescribeConfigsRequest(resources=[resource]), node).results
    if told.error_code == _NO_CLUSTER:
        return frozenset()
    return None if told.error_code else frozenset(_NUMBERS.values())


def _idempotence(cluster: Cluster, rows: Sequence[Acl], topics: dict[str, Allowed], timeout_s: float) -> list[Missing]:
    """Brokers before 2.8 want a right of its own; later ones let whoever may write to any topic."""
    writers = [acl for acl in rows if acl.resource == "topic" and "Write" in acl.operations]
    may_write = any(_NUMBERS["Write"] in (topics[acl.name] or ()) for acl in writers)
    if not may_write:  # it has been said
        return []
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000)
    if _settled(cluster, request, _PASSING, timeout_s) != _NO_CLUSTER:
        return []
    processes = dict.fromkeys(acl.process for acl in writers)
    return [Missing(Acl(process, "cluster", CLUSTER, ("IdempotentWrite",))) for process in processes]


def _settled(cluster: Cluster, request: object, passing: Sequence[int], timeout_s: float) -> int:
    """The error code of an answer, asked for again while it is one of those that pass."""
    again = Retrying(
        retry=retry_if_result(lambda code: code in passing),
        stop=stop_after_delay(timeout_s),
        wait=wait_fixed(_AGAIN_S),
        retry_error_callback=_last_code,
    )
    return again(lambda: int(cluster.ask(request).error_code))


def _last_code(state: RetryCallState) -> int:
    assert state.outcome is not None
    return int(state.outcome.result())

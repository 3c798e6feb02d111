"""Reaching the broker: one clear error within the timeout, and what kind of broker answered."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypedDict

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    NotCoordinatorError,
)
from kafka.protocol.metadata import MetadataRequest
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from streamer.engine.kafka.connecting import bootstrap
from streamer.engine.kafka.connecting.security import Security
from streamer.producing import coordinators
from streamer.producing.coordinators import Membership
from streamer.producing.reaching import Heard, ensure_reachable, reach, unusable
from streamer.settings import Settings

PROTOCOL: Final = (2, 3)
"""Newest protocol asked for, as a Kafka version: all that is needed here, and all the embedded broker speaks."""

_EMBEDDED_CLUSTER: Final = "mockCluster"
_UNKNOWN_TOPIC: Final = 3
_NO_RIGHT: Final = 29
_PASSING: Final = (
    KafkaConnectionError,
    NodeNotReadyError,
    CoordinatorNotAvailableError,
    CoordinatorLoadInProgressError,
    NotCoordinatorError,
)
"""What is asked again: a broker has just gone, or a cluster has just been started and has no coordinator yet."""
_AGAIN_S: Final = 0.2
_ASKED_MS: Final = 2_000
"""How long one broker may take to answer, where others may answer instead."""


@dataclass(frozen=True)
class TopicError:
    """Why the broker did not make a topic: Kafka's error code and its words."""

    code: int
    text: str


class _PartitionMetadata(TypedDict):
    replica_nodes: list[int]


class _TopicMetadata(TypedDict):
    name: str
    error_code: int
    partitions: list[_PartitionMetadata]


class Cluster:
    """What Streamer asks of a Kafka cluster. Opened by :func:`connect`.

    A broker that has just gone is named by the others for some seconds, so it may be asked: then it is another's turn.

    Args:
        client: connected.
        timeout: s until brokers that cannot be reached are an error.

    Attributes:
        id: which it is.
        embedded: whether it is the one for trying out.
    """

    def __init__(self, client: KafkaAdminClient, timeout: float) -> None:
        self._client = client
        self._again = Retrying(
            retry=retry_if_exception_type(_PASSING),
            stop=stop_after_delay(timeout),
            wait=wait_fixed(_AGAIN_S),
            reraise=True,
        )
        about = self._again(client.describe_cluster)
        self.id: Final = str(about["cluster_id"])
        self.embedded: Final = self.id.startswith(_EMBEDDED_CLUSTER)

    def partitions(self, topics: list[str]) -> dict[str, int]:
        """Partition counts of those topics that exist, and that this client may know of."""
        found: list[_TopicMetadata] = self._again(self._client.describe_topics, topics)
        return {
            topic["name"]: len(topic["partitions"])
            for topic in found
            if topic["error_code"] not in (_UNKNOWN_TOPIC, _NO_RIGHT)
        }

    def hidden(self, topics: list[str]) -> list[str]:
        """Those topics that this client has no right to, whether they exist or not."""
        found: list[_TopicMetadata] = self._again(self._client.describe_topics, topics)
        return [topic["name"] for topic in found if topic["error_code"] == _NO_RIGHT]

    def is_written(self, topic: str, partitions: int) -> bool:
        """Whether a topic has, or had, a record in one of its partitions."""
        return any(end > 0 for end in self.ends((topic, partition) for partition in range(partitions)).values())

    def ends(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The offsets after the newest record of partitions that exist, by topic and partition."""
        asked = {TopicPartition(*each): OffsetSpec.LATEST for each in partitions}
        found = self._again(self._client.list_partition_offsets, asked)
        return {(tp.topic, tp.partition): each.offset for tp, each in found.items()}

    def replicas(self, topics: list[str]) -> dict[str, int]:
        """How many replicas those topics have that exist: of each its partition with the fewest."""
        found: list[_TopicMetadata] = self._again(self._client.describe_topics, topics)
        return {
            topic["name"]: min(len(partition["replica_nodes"]) for partition in topic["partitions"])
            for topic in found
            if topic["error_code"] == 0 and topic["partitions"]
        }

    def configs(self, topics: list[str], names: list[str]) -> dict[str, dict[str, str]]:
        """Values in force of some configs of topics that exist. The embedded broker cannot tell."""
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(names)) for topic in topics]
        told = self._again(self._client.describe_configs, asked, config_filter="all")
        found: dict[str, dict[str, dict[str, str]]] = told["topic"]
        return {topic: {name: config["value"] for name, config in configs.items()} for topic, configs in found.items()}

    def create(self, topics: dict[str, dict[str, str]], partitions: int, replication: int) -> dict[str, TopicError]:
        """Makes topics with the given configs; returns those that the broker did not make, and why."""
        asked = {
            topic: {"num_partitions": partitions, "replication_factor": replication, "configs": configs}
            for topic, configs in topics.items()
        }
        answer = self._again(self._client.create_topics, asked, raise_errors=False)["topics"]
        return {
            topic["name"]: TopicError(topic["error_code"], str(topic["error_message"]))
            for topic in answer
            if topic["error_code"] != 0
        }

    def membership(self, group: str) -> Membership:
        """Who is in a group; nobody, if there is none. The embedded broker cannot tell.

        Raises:
            GroupAuthorizationFailedError: this client may not know.
        """
        return self._again(coordinators.membership, self._client, group)

    def committed(self, group: str, partitions: Iterable[tuple[str, int]] | None = None) -> dict[tuple[str, int], int]:
        """The offsets that a group goes on from, by topic and partition; those without one are left out.

        Args:
            group: its name.
            partitions: of which; None: of all, of which the embedded broker tells none.

        Raises:
            GroupAuthorizationFailedError: this client may not know.
        """
        return self._again(coordinators.committed, self._client, group, partitions)

    def ask(self, request: object, broker: int | None = None) -> Any:
        """The answer to one request of Kafka's protocol, as one broker gives it, whatever it is.

        Args:
            broker: which one, and it alone, for a short time; None: any.
        """
        manager = self._client._manager  # noqa: SLF001 - the client chooses whom it asks
        if broker is not None:
            return manager.run(manager.send, request, broker, _ASKED_MS)
        return self._again(manager.run, manager.send, request)

    def known_everywhere(self, topics: list[str]) -> bool:
        """Whether every broker that answers knows these topics, and who leads them; else who asks it is misled."""
        brokers = [broker["broker_id"] for broker in self._again(self._client.describe_cluster)["brokers"]]
        return all(self._knows(broker, topics) for broker in brokers)

    def _knows(self, broker: int, topics: list[str]) -> bool:
        named = [MetadataRequest.MetadataRequestTopic(name=topic) for topic in topics]
        request = MetadataRequest(topics=named, allow_auto_topic_creation=False)
        try:
            found = self.ask(request, broker).to_dict()["topics"]
        except KafkaError:
            return True
        return all(
            topic["error_code"] == 0
            and all(each["error_code"] == 0 and each["leader_id"] >= 0 for each in topic["partitions"])
            for topic in found
        )


@contextmanager
def connect(settings: Settings) -> Iterator[Cluster]:
    """A connection for asking about topics, closed at the end of the block.

    Raises:
        BrokerUnavailable: nobody answers at ``brokers``, or stops answering, within ``broker_timeout``.
    """
    security = Security(settings)
    servers = reach(settings, security)
    timeout_ms = int(settings.broker_timeout * 1000)
    client = None
    heard, log = Heard(), logging.getLogger("kafka")
    log.addHandler(heard)
    try:
        client = KafkaAdminClient(
            bootstrap_servers=servers,
            api_version=PROTOCOL,
            bootstrap_timeout_ms=timeout_ms,
            request_timeout_ms=timeout_ms,
            **security.of_kafka_python(),
        )
        yield Cluster(client, settings.broker_timeout)
    except KafkaError as error:
        if isinstance(error, _PASSING) and client is not None:
            named = [f"{broker.host}:{broker.port}" for broker in client._manager.cluster.brokers()]  # noqa: SLF001
            ensure_reachable(settings, security, named)
        raise unusable(settings, error, heard) from error
    finally:
        log.removeHandler(heard)
        if client is not None:
            client.close()


def open_producer(
    settings: Settings, delivery_timeout: float, auto_create: bool, linger: float = 0.005
) -> KafkaProducer:
    """A producer that waits for all replicas and keeps order and count through retries.

    Args:
        settings: which brokers, and how long a call may block.
        delivery_timeout: s until an event that the broker has not taken is an error.
        auto_create: let topics appear by use; true only for the embedded broker.
        linger: s an event waits for others to share a request with.
    """
    security = Security(settings)
    return KafkaProducer(
        bootstrap_servers=bootstrap.answering(settings.brokers, settings.broker_timeout, security.context),
        api_version=PROTOCOL,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=round(linger * 1000),
        batch_size=256 * 1024,
        max_block_ms=int(settings.broker_timeout * 1000),
        delivery_timeout_ms=int(delivery_timeout * 1000),
        request_timeout_ms=int(min(30.0, delivery_timeout * 0.9) * 1000),
        allow_auto_create_topics=auto_create,
        **security.of_kafka_python(),
    )

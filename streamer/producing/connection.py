"""Reaching the broker: one clear error within the timeout, and what kind of broker answered."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypedDict

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import KafkaError

from streamer.errors import BrokerUnavailable
from streamer.settings import Settings

PROTOCOL: Final = (2, 3)
"""Newest protocol asked for, as a Kafka version: all that is needed here, and all the embedded broker speaks."""

_EMBEDDED_CLUSTER: Final = "mockCluster"
_UNKNOWN_TOPIC: Final = 3


@dataclass(frozen=True)
class TopicError:
    """Why the broker did not make a topic: Kafka's error code and its words."""

    code: int
    text: str


class _TopicMetadata(TypedDict):
    name: str
    error_code: int
    partitions: list[object]


class Cluster:
    """What Streamer asks of a Kafka cluster. Opened by :func:`connect`."""

    def __init__(self, client: KafkaAdminClient) -> None:
        self._client = client
        self.embedded: Final[bool] = str(client.describe_cluster()["cluster_id"]).startswith(_EMBEDDED_CLUSTER)

    def partitions(self, topics: list[str]) -> dict[str, int]:
        """Partition counts of those topics that exist."""
        found: list[_TopicMetadata] = self._client.describe_topics(topics)
        return {topic["name"]: len(topic["partitions"]) for topic in found if topic["error_code"] != _UNKNOWN_TOPIC}

    def is_written(self, topic: str, partitions: int) -> bool:
        """Whether a topic has, or had, a record in one of its partitions."""
        asked = {TopicPartition(topic, partition): OffsetSpec.LATEST for partition in range(partitions)}
        return any(found.offset > 0 for found in self._client.list_partition_offsets(asked).values())

    def configs(self, topics: list[str], names: list[str]) -> dict[str, dict[str, str]]:
        """Values in force of some configs of topics that exist. The embedded broker cannot tell."""
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(names)) for topic in topics]
        found: dict[str, dict[str, dict[str, str]]] = self._client.describe_configs(asked, config_filter="all")["topic"]
        return {topic: {name: config["value"] for name, config in configs.items()} for topic, configs in found.items()}

    def create(self, topics: dict[str, dict[str, str]], partitions: int, replication: int) -> dict[str, TopicError]:
        """Makes topics with the given configs; returns those that the broker did not make, and why."""
        asked = {
            topic: {"num_partitions": partitions, "replication_factor": replication, "configs": configs}
            for topic, configs in topics.items()
        }
        answer = self._client.create_topics(asked, raise_errors=False)["topics"]
        failed = {
            topic["name"]: TopicError(topic["error_code"], str(topic["error_message"]))
            for topic in answer
            if topic["error_code"] != 0
        }
        self._client.wait_for_topics([topic for topic in topics if topic not in failed])
        return failed


@contextmanager
def connect(settings: Settings) -> Iterator[Cluster]:
    """A connection for asking about topics, closed at the end of the block.

    Raises:
        BrokerUnavailable: nobody answers at ``brokers``, or stops answering, within ``broker_timeout``.
    """
    _reach(settings)
    timeout_ms = int(settings.broker_timeout * 1000)
    client = None
    try:
        client = KafkaAdminClient(
            bootstrap_servers=settings.brokers,
            api_version=PROTOCOL,
            bootstrap_timeout_ms=timeout_ms,
            request_timeout_ms=timeout_ms,
        )
        yield Cluster(client)
    except KafkaError as error:
        raise BrokerUnavailable(
            f"what answers at {settings.brokers} does not answer as a Kafka broker should ({error}): "
            "check brokers (STREAMER_BROKERS)"
        ) from error
    finally:
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
    return KafkaProducer(
        bootstrap_servers=settings.brokers,
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
    )


def _reach(settings: Settings) -> None:
    """Waits until one of the brokers accepts a connection.

    Kafka's clients would find out too, but say only that a timeout passed.
    """
    deadline = time.monotonic() + settings.broker_timeout
    reason = "no address given"
    while True:
        for address in settings.brokers.split(","):
            host, _, port = address.strip().rpartition(":")
            try:
                with socket.create_connection(
                    (host.strip("[]"), int(port)), timeout=max(0.1, deadline - time.monotonic())
                ):
                    return
            except ValueError:
                reason = f"{address.strip()!r} is not host:port"
            except OSError as error:
                reason = f"{address.strip()}: {error.strerror or error}"
        if time.monotonic() >= deadline:
            raise BrokerUnavailable(
                f"no Kafka broker answered within {settings.broker_timeout:g} s ({reason}): "
                "start Kafka, or set brokers (STREAMER_BROKERS) to where it is"
            )
        time.sleep(0.1)

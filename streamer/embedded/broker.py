"""A Kafka broker inside this process: librdkafka's mock cluster, as confluent-kafka ships it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from streamer.errors import BrokerUnavailable, DependencyMissing

if TYPE_CHECKING:
    from confluent_kafka import Producer

_PROBE: Final = "streamer-embedded"


class EmbeddedBroker:
    """A Kafka broker for trying Streamer out, and for quick tests. Not for data you care about.

    It speaks Kafka's protocol over TCP on 127.0.0.1, so workers, publishers and producers in other processes
    connect to :attr:`bootstrap`. It lives in threads of this process, keeps everything in memory, and is gone
    with :meth:`close`, or when the process ends.

    Its limits, as measured with librdkafka 2.16:

    - Topics appear when first used, always with 4 partitions (:attr:`partitions`), and cannot be created,
      configured, compacted or deleted: ``declare_topics`` must be false.
    - A partition keeps its newest 5 MB or 100,000 records, and forgets older ones whether read or not.
    - A consumer group works with one member: a second one fails to join. The first join takes 3 s, one after the
      only member left or died 5 to 60 s. Offsets are committed and kept.
    - Clients must not speak a newer protocol than Kafka 2.3's: kafka-python needs ``api_version=(2, 3)``,
      as `streamer.producing` sets it; aiokafka and librdkafka find out by themselves.
    - Idempotent producers, headers, compression and record batches work. Record timestamps come back as the
      producer set them, the acknowledgement's does not.

    Raises:
        DependencyMissing: confluent-kafka is not installed.
        BrokerUnavailable: it did not start within 10 s.
    """

    def __init__(self) -> None:
        try:
            from confluent_kafka import KafkaException, Producer  # noqa: PLC0415 (optional extra)
        except ImportError:
            raise DependencyMissing("confluent-kafka, which holds the embedded broker,", "embedded") from None
        self._cluster: Producer | None = Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "set-by-the-mock-cluster", "log_level": 3}
        )
        try:
            found = self._cluster.list_topics(_PROBE, timeout=10)
        except KafkaException as error:
            raise BrokerUnavailable(f"the embedded broker did not start: {error}") from None
        self._bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in found.brokers.values())
        self._partitions = len(found.topics[_PROBE].partitions)

    @property
    def bootstrap(self) -> str:
        """Address for clients, ``host:port``."""
        return self._bootstrap

    @property
    def partitions(self) -> int:
        """How many partitions every topic has."""
        return self._partitions

    def close(self) -> None:
        """Ends it; everything in it is gone."""
        self._cluster = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

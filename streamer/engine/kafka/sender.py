"""One connection to the brokers for record batches: what it is opened with, and the ids that it sends with.

Faust seam: none (``engine/kafka/identities.py``).

What must hold for it to be right: it waits for all replicas, and what is sent twice is appended once (idempotence).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.codec import has_zstd
from aiokafka.errors import KafkaConnectionError

from streamer.engine.kafka.connecting import bootstrap
from streamer.engine.kafka.connecting.security import Security
from streamer.engine.kafka.connecting.worker_security import of_aiokafka
from streamer.engine.kafka.identities import Identities
from streamer.engine.kafka.positions import METADATA_MAX_AGE_MS
from streamer.engine.kafka.pulse import Pulse, guard
from streamer.errors import BrokerUnavailable
from streamer.settings import Settings

BUILDER_BYTES: Final = 16 << 20
"""Most bytes of a batch, uncompressed: what the topics take that we make (``producing/topics.py``)."""
CODEC: Final = "zstd" if has_zstd() else None
"""aiokafka packs lz4 at its slowest level. Changelog batches of 420 KB, zstd against lz4: 261 against 35 MB/s, 23 % of
the size left against 27 %; of 46 KB: 160 against 46 MB/s, 27 % against 31 %; the outbox likewise. aiokafka has either
both codecs or none, so there is nothing to fall back on between zstd and plain bytes."""


class Sender(NamedTuple):
    """One connection, and the ids it sends with."""

    producer: AIOKafkaProducer
    identities: Identities


async def open_sender(settings: Settings, pulse: Pulse, codec: str | None = CODEC) -> Sender:
    """Connects; nothing is sent once ``pulse`` knows that the process was frozen.

    Args:
        codec: how batches are packed; None: not at all.

    Raises:
        BrokerUnavailable: no broker answered in time.
    """
    security = Security(settings)
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.brokers,
        acks="all",
        enable_idempotence=True,
        compression_type=codec,
        max_batch_size=BUILDER_BYTES,
        max_request_size=BUILDER_BYTES,
        request_timeout_ms=round(max(settings.broker_timeout, 10.0) * 1000),
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        **of_aiokafka(security),
    )
    identities = Identities.of(producer)
    guard(producer.client, pulse)
    bootstrap.choose(producer.client, settings.broker_timeout, security.context)
    try:
        await producer.start()
    except KafkaConnectionError as error:
        raise BrokerUnavailable(
            f"no Kafka broker at {settings.brokers}: {error}. Start it, or set STREAMER_BROKERS"
        ) from None
    return Sender(producer, identities)

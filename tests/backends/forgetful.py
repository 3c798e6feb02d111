"""A Kafka that remembers claims for seconds, where by default it is seven days and one."""

from __future__ import annotations

from typing import Final

from tests.backends.kafka import KafkaServer

REMEMBERED_S: Final = 8.0


def forgetful_kafka() -> KafkaServer:
    """One broker, not started yet, that forgets a claim `REMEMBERED_S` after it last heard of it."""
    remembered_ms = str(round(REMEMBERED_S * 1000))
    return KafkaServer(
        {
            "transactional.id.expiration.ms": remembered_ms,
            "transaction.remove.expired.transaction.cleanup.interval.ms": "500",
            "producer.id.expiration.ms": remembered_ms,
            "producer.id.expiration.check.interval.ms": "500",
        }
    )

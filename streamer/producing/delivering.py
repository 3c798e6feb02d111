"""Events of which whoever sends them hears what became of each: sent, and waited for, until one deadline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.producer.future import FutureRecordMetadata

from streamer.errors import DeliveryError
from streamer.producing.deliveries import Deliveries
from streamer.producing.kafka_python import await_partitions

_NOT_SENT: Final = "this event was not sent, as the time was up: check the broker, then send it again"
_NOT_ACKED: Final = (
    "the broker has not said in time that it has this event, and may take it yet: check the broker, then send it again"
)


class Record(NamedTuple):
    """What is sent for an event: one record; for an erasure one to each partition."""

    topic: str
    partition: int
    key: bytes
    value: bytes


def deliver(
    kafka: KafkaProducer, deliveries: Deliveries, events: Sequence[Sequence[Record]], until: float
) -> list[DeliveryError | None]:
    """Sends the records of each event, and says of each event whether the broker has all of them (None) or why not.

    Failures are told here alone: nothing of them is left with ``deliveries``, which others are told of.

    Args:
        kafka: sends them.
        deliveries: has room for so many under way.
        events: the records of each.
        until: when to stop sending and waiting, on the monotonic clock (s).
    """
    sent = [[_sent(kafka, deliveries, record, until) for record in records] for records in events]
    return [_outcome(each, until) for each in sent]


def _sent(
    kafka: KafkaProducer, deliveries: Deliveries, record: Record, until: float
) -> FutureRecordMetadata | DeliveryError:
    left = until - time.monotonic()
    if left <= 0 or not deliveries.has_room(left):
        return DeliveryError(_NOT_SENT)
    try:
        await_partitions(kafka, record.topic, until - time.monotonic())
        future = kafka.send(record.topic, record.value, record.key, partition=record.partition)
    except KafkaError as error:
        deliveries.arrived(None)
        return DeliveryError(f"this event was not sent ({error}): check the broker, then send it again")
    except BaseException:
        deliveries.arrived(None)
        raise
    future.add_both(deliveries.arrived)
    return future


def _outcome(sent: Sequence[FutureRecordMetadata | DeliveryError], until: float) -> DeliveryError | None:
    """The first error of an event's records; those after it are not waited for."""
    errors = (each if isinstance(each, DeliveryError) else _error(each, until) for each in sent)
    return next((error for error in errors if error is not None), None)


def _error(future: FutureRecordMetadata, until: float) -> DeliveryError | None:
    try:
        future.get(timeout=max(0.0, until - time.monotonic()))
    except KafkaError as error:
        if not future.failed():
            return DeliveryError(_NOT_ACKED)
        return DeliveryError(f"this event was not taken by the broker ({error}): check the broker, then send it again")
    return None

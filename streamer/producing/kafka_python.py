"""What a producer needs of kafka-python's that is not public, in one place.

``tests/unit/producing/test_kafka_python.py`` finds a release that takes one of these names away.
"""

from __future__ import annotations

from kafka import KafkaProducer
from kafka.producer.transaction_manager import TransactionState


def is_broken(kafka: KafkaProducer) -> bool:
    """Whether nothing can be sent with it any more, however long one waits.

    kafka-python 3.0 ends so after any error of a broker that is not to be retried, as when a right is missing for a
    second. It does, too, once a batch has expired that had been sent before: it drops its producer id, and never asks
    for another. And after its end.
    """
    manager = kafka._transaction_manager  # noqa: SLF001
    dropped = manager._current_state == TransactionState.READY and not manager.has_producer_id()  # noqa: SLF001
    return bool(manager.has_fatal_error() or dropped or not kafka._sender.is_alive())  # noqa: SLF001


def await_partitions(kafka: KafkaProducer, topic: str, timeout: float) -> None:
    """Waits until a topic's partitions are known: ``send`` would wait for them, too, but as long as it likes.

    Args:
        kafka: is to know them.
        topic: whose.
        timeout: s to wait at most.

    Raises:
        KafkaError: they are not known in time, or may not be.
    """
    kafka._wait_on_metadata(topic, max(0.0, timeout) * 1000)  # noqa: SLF001


def give_up(kafka: KafkaProducer) -> None:
    """Lets events under way fail, so that it can be closed: kafka-python 3.0 waits for them first."""
    kafka._sender.force_close()  # noqa: SLF001

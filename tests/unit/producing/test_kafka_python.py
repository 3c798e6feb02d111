"""When a producer of kafka-python's is past use, by its own transaction manager; and the names that it takes exist."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest
from kafka import KafkaProducer
from kafka.errors import TopicAuthorizationFailedError
from kafka.producer.sender import Sender
from kafka.producer.transaction_manager import ProducerIdAndEpoch, TransactionManager, TransactionState

from streamer.producing.connection import PROTOCOL
from streamer.producing.kafka_python import is_broken


@pytest.fixture
def manager() -> TransactionManager:
    """That of a producer which has not asked for its id yet."""
    return TransactionManager(api_version=PROTOCOL)


def broken(manager: TransactionManager, alive: bool = True) -> bool:
    sender = SimpleNamespace(is_alive=lambda: alive)
    return is_broken(SimpleNamespace(_transaction_manager=manager, _sender=sender))


def begin(manager: TransactionManager) -> None:
    manager.init_producer_id()
    assert not broken(manager)
    manager.set_producer_id_and_epoch(ProducerIdAndEpoch(7, 0))
    manager._transition_to(TransactionState.READY)


def test_one_that_waits_for_its_id_or_has_it_is_whole(manager: TransactionManager) -> None:
    assert not broken(manager)
    begin(manager)
    assert not broken(manager)
    assert broken(manager, alive=False)


def test_an_error_that_is_not_to_be_retried_breaks_it(manager: TransactionManager) -> None:
    begin(manager)
    error = TopicAuthorizationFailedError()
    assert manager.classify_batch_error(error, None) == TransactionManager.ERROR_CLASS_FATAL
    manager.transition_to_fatal_error(error)
    assert broken(manager)


def test_one_that_dropped_its_id_never_asks_for_another(manager: TransactionManager) -> None:
    begin(manager)
    manager.reset_producer_id()
    manager.init_producer_id()  # the sender does so at each turn
    assert not manager.has_producer_id()
    assert broken(manager)


def test_the_installed_release_has_every_name() -> None:
    made = inspect.getsource(KafkaProducer.__init__)
    assert "self._transaction_manager =" in made
    assert "self._sender =" in made
    assert list(inspect.signature(KafkaProducer._wait_on_metadata).parameters) == ["self", "topic", "max_wait_ms"]
    assert callable(Sender.force_close)
    assert hasattr(TransactionManager(), "_current_state")

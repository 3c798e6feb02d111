"""Every attribute of Faust and aiokafka that the engine uses and that is not public, in one place.

Faust seam: all of them; what each module replaces by them, and what it gains, is told at its head.

What must hold for it to be right: whoever reaches for another one names it here. A release that takes one away is found
by ``tests/unit/engine/test_faust_seams.py``, not by a worker that quietly commits the wrong thing.
"""

from __future__ import annotations

import inspect
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.producer.sender import Sender
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.protocol.fetch import FetchRequest
from faust.transport.consumer import Consumer
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as DriverConsumer
from faust.transport.drivers.aiokafka import Producer as DriverProducer


class Seam(NamedTuple):
    """An attribute that must exist: where, its name, and what the engine does with it."""

    owner: object
    name: str
    use: str


SEAMS: Final = (
    Seam(TRANSPORTS, "aliases", "registers the URL scheme of the batch transport"),
    Seam(DriverConsumer, "_new_consumer_thread", "overridden: our consumer thread"),
    Seam(DriverProducer, "_new_producer", "overridden: it bootstraps from servers that answer"),
    Seam(Consumer, "getmany", "overridden: one message per topic and fetch; called by _drain_messages"),
    Seam(Consumer, "_drain_messages", "calls getmany, and _add_gap when batches leave gaps"),
    Seam(Consumer, "_wait_next_records", "called: fetches, and waits while the flow is stopped"),
    Seam(Consumer, "_getmany", "overridden: gives the fetch thread a copy of the active partitions"),
    Seam(Consumer, "_add_gap", "overridden: nothing, as batches leave gaps by nature"),
    Seam(Consumer, "_new_offset", "overridden: what may be committed"),
    Seam(Consumer, "_acked", "partitions in it are asked for their _new_offset at a commit"),
    Seam(Consumer, "verify_event_path", "overridden: nothing, an alarm that crashes without a position"),
    Seam(Consumer, "_should_commit", "overridden: also lower offsets, in a log that was rewritten"),
    Seam(Consumer, "_read_offset", "messages below it are dropped"),
    Seam(Consumer, "_get_active_partitions", "the set of partitions fetched, for hold and release"),
    Seam(Consumer, "_buffered_partitions", "partitions whose stream queue is full"),
    Seam(AIOKafkaConsumerThread, "_create_worker_consumer", "overridden: a shorter fetch wait"),
    Seam(AIOKafkaConsumerThread, "_fetch_records", "overridden: adds positions, highwaters and the generation"),
    Seam(AIOKafkaConsumerThread, "getmany", "overridden: one coroutine in its thread instead of a queue of methods"),
    Seam(AIOKafkaConsumerThread, "seek_to_committed", "overridden: to the beginning without a commit"),
    Seam(AIOKafkaConsumerThread, "_ensure_consumer", "called when it has started"),
    Seam(AIOKafkaConsumer, "_max_poll_records", "handed to _fetch_records"),
    Seam(AIOKafkaConsumer, "_fetcher", "given the next"),
    Seam(Fetcher, "_proc_fetch_request", "replaced: how a broker is asked"),
    Seam(Fetcher, "_proc_offset_request", "replaced: looks up leaders after an error"),
    Seam(Fetcher, "_client", "whose metadata that is"),
    Seam(FetchRequest, "build", "overridden: a request of a session"),
    Seam(FetchRequest, "_topics", "the partitions that it names"),
    Seam(Fetcher, "_records", "answers not yet unpacked"),
    Seam(FetchResult, "_partition_records", "the records of one, replaced: Unpacked"),
    Seam(PartitionRecords, "_consumer_record", "replaced: makes a plain Record"),
    Seam(PartitionRecords, "_unpack_records", "called by that"),
    Seam(PartitionRecords, "_records", "replaced, once it has failed: the batches that are left"),
    Seam(AIOKafkaConsumer, "_fetch_max_wait_ms", "set before start"),
    Seam(AIOKafkaConsumer, "_subscription", "positions and highwaters, read in the fetch thread"),
    Seam(AIOKafkaConsumer, "_client", "bootstraps from servers that answer"),
    Seam(AIOKafkaAdminClient, "_client", "likewise"),
    Seam(AIOKafkaClient, "_bootstrap_servers", "those that answer"),
    Seam(AIOKafkaProducer, "_txn_manager", "its ids: replaced by Identities"),
    Seam(AIOKafkaProducer, "_message_accumulator", "asks for the ids of a batch"),
    Seam(AIOKafkaProducer, "_sender", "has them too"),
    Seam(MessageAccumulator, "_txn_manager", "replaced by Identities"),
    Seam(Sender, "_txn_manager", "replaced by Identities"),
    Seam(TransactionManager, "sequence_number", "overridden: whose batch it is"),
    Seam(TransactionManager, "producer_id", "overridden: the id of that batch"),
    Seam(TransactionManager, "producer_epoch", "overridden: its epoch"),
    Seam(TransactionManager, "_sequence_numbers", "begins at 0 with a claim"),
    Seam(MessageAccumulator, "_batches", "the batch that was handed over last"),
    Seam(TransactionManager, "_pid_waiter", "begun anew with that id"),
    Seam(TransactionManager, "_pid_and_epoch", "the id of what is not claimed"),
    Seam(TransactionManager, "transaction_timeout_ms", "taken over"),
    Seam(TopicPartitionState, "highwater", "end of a partition at the last fetch"),
    Seam(AIOKafkaConsumer, "_isolation_level", "set before start: whether open transactions are read"),
    Seam(TopicPartitionState, "lso", "where the first open transaction begins"),
    Seam(TopicPartitionState, "timestamp", "when that was, set back to when it was asked for"),
    Seam(TopicPartitionState, "position", "next offset to read"),
    Seam(TopicPartitionState, "has_valid_position", "whether there is one"),
)


def missing(seams: tuple[Seam, ...] = SEAMS) -> list[str]:
    """Seams that the installed versions do not have, one line each."""
    return [f"{_label(seam)} is gone; the engine needs it: {seam.use}" for seam in seams if not _exists(seam)]


def _label(seam: Seam) -> str:
    return f"{getattr(seam.owner, '__qualname__', type(seam.owner).__qualname__)}.{seam.name}"


def _exists(seam: Seam) -> bool:
    if hasattr(seam.owner, seam.name):
        return True
    if not isinstance(seam.owner, type):
        return False
    for owner in seam.owner.__mro__:
        init = owner.__dict__.get("__init__")
        if seam.name in inspect.get_annotations(owner):
            return True
        if init is not None and hasattr(init, "__code__") and seam.name in init.__code__.co_names:
            return True
    return False

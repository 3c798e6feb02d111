"""With which producer id a batch is sent: that of its partition's claim, or the process's own.

Faust seam: ``TransactionManager`` of aiokafka, which gives a producer one id for everything it sends. A broker keeps
account of ids by partition, so one connection and one request may carry batches of many ids. With a producer for each
claim, every partition's few records go in requests, over connections and through tasks of their own: five records to
each of eight partitions of outbox and changelog took 2.0 to 3.1 ms of CPU in alternating runs, like this 1.1 to 1.5.

What must hold for it to be right: aiokafka asks for a batch's sequence number first, and then, without letting anything
else run, for the id and epoch to send it with; a claim's first sequence number is 0. A claim is never given up, even if
its partition goes: whatever is still sent to it then must be refused, not go under an id that nobody fences. Of a
partition one batch is under way at a time, so what became of it is known when the next one is numbered: a broker that
has refused one for its size takes no other number than that one's next, while aiokafka goes on counting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.producer.transaction_manager import NO_PRODUCER_EPOCH, NO_PRODUCER_ID, PidAndEpoch, TransactionManager
from aiokafka.structs import TopicPartition
from aiokafka.util import create_future

TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)
"""What a broker refuses a batch with that is larger than its topic takes; nothing of it is appended."""
_LAST_NUMBER: Final = (1 << 31) - 1


class Identities(TransactionManager):  # type: ignore[misc]
    """The ids of one producer."""

    def __init__(self, transaction_timeout_ms: int) -> None:
        super().__init__(None, transaction_timeout_ms)
        self._claimed: dict[TopicPartition, PidAndEpoch] = {}
        self._asked = self._pid_and_epoch
        self._queued: Mapping[TopicPartition, Sequence[Any]] = {}
        self._handed_over: dict[TopicPartition, tuple[Any, int]] = {}
        self._sent: dict[TopicPartition, tuple[Any, int]] = {}

    @classmethod
    def of(cls, producer: AIOKafkaProducer) -> Identities:
        """Those of a producer that is not started yet, from now on."""
        own = cls(producer._txn_manager.transaction_timeout_ms)
        producer._txn_manager = own
        producer._message_accumulator._txn_manager = own
        producer._sender._txn_manager = own
        own._queued = producer._message_accumulator._batches
        return own

    def claim(self, tps: Iterable[TopicPartition], identity: PidAndEpoch) -> None:
        """What is sent to these partitions has this id from now on; nothing sent to them before may be under way."""
        for tp in tps:
            self._claimed[tp] = identity
            self._sequence_numbers[tp] = 0
            self._sent.pop(tp, None)

    def begin_anew(self) -> None:
        """The process's own id is given up, and aiokafka asks for another. Nothing may be under way.

        A process that was frozen has numbered batches that it then did not send, and does not know of others whether
        they have arrived, so it cannot know which number brokers wait for.
        """
        self._pid_and_epoch = PidAndEpoch(NO_PRODUCER_ID, NO_PRODUCER_EPOCH)
        self._pid_waiter = create_future()
        for tp in self._sequence_numbers.keys() - self._claimed.keys():
            del self._sequence_numbers[tp]
            self._sent.pop(tp, None)

    def handed_over(self, tp: TopicPartition) -> None:
        """Call it when aiokafka has taken a batch, before anything else runs."""
        if self._queued.get(tp):
            batch = self._queued[tp][-1]
            self._handed_over[tp] = batch.future, batch.record_count

    def sequence_number(self, tp: TopicPartition) -> int:
        """Asked by aiokafka of a batch that it is about to send."""
        self._asked = self._claimed.get(tp, self._pid_and_epoch)
        self._take_back(tp)
        number: int = self._sequence_numbers[tp]
        return number

    def _take_back(self, tp: TopicPartition) -> None:
        """The numbers of the batch before, if it was refused for its size: the broker waits for them still."""
        done, count = self._sent.get(tp, (None, 0))
        if done is not None and done.done() and not done.cancelled() and isinstance(done.exception(), TOO_LARGE):
            self._sequence_numbers[tp] = (self._sequence_numbers[tp] - count) & _LAST_NUMBER
        if tp in self._handed_over:
            self._sent[tp] = self._handed_over[tp]

    @property
    def producer_id(self) -> int:
        """Asked by aiokafka next."""
        pid: int = self._asked.pid
        return pid

    @property
    def producer_epoch(self) -> int:
        """Asked by aiokafka last."""
        epoch: int = self._asked.epoch
        return epoch

"""With which producer id a batch is sent: that of its partition's claim, or the process's own.

Faust seam: ``TransactionManager`` of aiokafka, which gives a producer one id for everything it sends. A broker keeps
account of ids by partition, so one connection and one request may carry batches of many ids. With a producer for each
claim, every partition's few records go in requests, over connections and through tasks of their own: five records to
each of eight partitions of outbox and changelog took 2.0 to 3.1 ms of CPU in alternating runs, like this 1.1 to 1.5.

What must hold for it to be right: aiokafka asks for a batch's sequence number first, and then, without letting anything
else run, for the id and epoch to send it with; a claim's first sequence number is 0. A claim is never given up, even if
its partition goes: whatever is still sent to it then must be refused, not go under an id that nobody fences.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.producer.transaction_manager import PidAndEpoch, TransactionManager
from aiokafka.structs import TopicPartition


class Identities(TransactionManager):  # type: ignore[misc]
    """The ids of one producer."""

    def __init__(self, transaction_timeout_ms: int) -> None:
        super().__init__(None, transaction_timeout_ms)
        self._claimed: dict[TopicPartition, PidAndEpoch] = {}
        self._asked = self._pid_and_epoch

    @classmethod
    def of(cls, producer: AIOKafkaProducer) -> Identities:
        """Those of a producer that is not started yet, from now on."""
        own = cls(producer._txn_manager.transaction_timeout_ms)
        producer._txn_manager = own
        producer._message_accumulator._txn_manager = own
        producer._sender._txn_manager = own
        return own

    def claim(self, tps: Iterable[TopicPartition], identity: PidAndEpoch) -> None:
        """What is sent to these partitions has this id from now on; nothing sent to them before may be under way."""
        for tp in tps:
            self._claimed[tp] = identity
            self._sequence_numbers[tp] = 0

    def sequence_number(self, tp: TopicPartition) -> int:
        """Asked by aiokafka of a batch that it is about to send."""
        self._asked = self._claimed.get(tp, self._pid_and_epoch)
        number: int = self._sequence_numbers[tp]
        return number

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

"""What the engine asks of Kafka, and nothing more: whatever gives these can carry the whole job.

Faust seam: none. With Kafka it is ``BatchProducer``, ``Scanner`` and ``BatchConsumer``; in memory, for tests,
``streamer/testing/broker.py``.

What must hold for it to be right: what each of the three says must hold of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Protocol

from faust.types import TP

from streamer.engine.kafka.producer import NewRecord, Sent
from streamer.engine.kafka.records import Fetched
from streamer.engine.kafka.scan import Extent, Scanned


class Producer(Protocol):
    """Appends records; see ``BatchProducer``."""

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        """Sends groups of records in order, each of which is appended whole or not at all."""

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""


class Reader(Protocol):
    """Reads topics once, to the end they have now; see ``Scanner``."""

    async def extents(self, topic: str, partitions: Iterable[int]) -> dict[int, Extent]:
        """What there is of partitions, which must exist."""

    def scan(self, topic: str, begin: Mapping[int, int]) -> AsyncIterator[Scanned]:
        """The records that a topic has when this is called, of these partitions from these offsets on."""


class Consumer(Protocol):
    """What fetches and commits the source topics; see ``BatchConsumer``."""

    def hold(self, tp: TP) -> None:
        """Stops fetching a partition."""

    def release(self, tp: TP) -> None:
        """Fetches it again."""

    def fetched(self, tp: TP) -> Fetched | None:
        """How far it is read; None before anything is known of it."""

    def caught_up(self, tp: TP) -> int | None:
        """When (ms since 1970) the broker had nothing of it that the job lacks; None: it has something."""

    def saved(self, tp: TP, offset: int) -> None:
        """Everything before this offset is processed and saved: the next commit may say so."""

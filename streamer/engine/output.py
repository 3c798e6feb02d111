"""What a slice produced, to Kafka: documents to the outbox, rejects to their topic, and who waits for the acks.

Faust seam: none (``engine/producer.py``).

What must hold for it to be right: a checkpoint settles everything written before it, so that no output is lost that
the saved state takes for written (I3, I9). Repeating an output is harmless: the newest document of a user wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from aiokafka.errors import MessageSizeTooLargeError

from streamer.engine.metrics import Metrics
from streamer.engine.producer import BatchProducer, Entry, Sent
from streamer.engine.results import Output, Reject, Write
from streamer.settings import Topics

_CUT_TO: Final = 64 * 1024


class _Rejects(NamedTuple):
    sent: list[Sent]
    rejects: Sequence[Reject]


class Pending:
    """Outputs of one partition that the broker has not acked yet.

    Attributes:
        outbox_end: offset after the last document known to be in the outbox.
    """

    def __init__(self, outbox_end: int = 0) -> None:
        self.outbox_end = outbox_end
        self.documents: list[Sent] = []
        self.rejects: list[_Rejects] = []

    def take(self) -> Pending:
        """Everything written so far, to be settled; what is written from now on is not in it."""
        taken = Pending(self.outbox_end)
        taken.documents, taken.rejects = self.documents, self.rejects
        self.documents, self.rejects = [], []
        return taken


class OutputWriter:
    """Writes slices' output."""

    def __init__(self, producer: BatchProducer, topics: Topics, metrics: Metrics) -> None:
        self._producer = producer
        self._topics = topics
        self._metrics = metrics
        self._reject_partitions = 0

    async def write(self, partition: int, out: Output, pending: Pending) -> None:
        """Hands a slice's output to the producer; ``pending`` knows when it has arrived."""
        if out.writes:
            groups = [[_document(write)] for write in out.writes]
            pending.documents += await self._producer.send(self._topics.avoid_lists, partition, groups)
            self._metrics.lists.inc(len(out.writes))
        if out.rejects:
            sent = await self._send_rejects(partition, out.rejects, None)
            pending.rejects.append(_Rejects(sent, out.rejects))
            for reject in out.rejects:
                self._metrics.rejects.labels(reject.topic, reject.code).inc()

    async def settle(self, partition: int, taken: Pending) -> int:
        """Waits until the broker has acked all of ``taken``; returns the outbox's end."""
        end = taken.outbox_end
        for sent in taken.documents:
            end = max(end, await sent.end())
        for sent_rejects, rejects in taken.rejects:
            try:
                for sent in sent_rejects:
                    await sent.done
            except MessageSizeTooLargeError:
                for reject in rejects:
                    for sent in await self._send_rejects(partition, [reject], _CUT_TO):
                        await sent.done
        return end

    async def _send_rejects(self, partition: int, rejects: Sequence[Reject], limit: int | None) -> list[Sent]:
        topic = self._topics.rejects
        if not self._reject_partitions:
            self._reject_partitions = await self._producer.partitions(topic)
        groups = [[_reject(reject, limit)] for reject in rejects]
        return await self._producer.send(topic, partition % self._reject_partitions, groups)


def _document(write: Write) -> Entry:
    headers = () if write.event_ts is None else (("event_ts", str(write.event_ts).encode()),)
    return Entry(write.user.encode(), write.value, headers)


def _reject(reject: Reject, limit: int | None) -> Entry:
    value, detail = reject.record.value, reject.detail
    if limit is not None and value is not None and len(value) > limit:
        detail = f"{detail} (the first {limit} of {len(value)} bytes: the rejects topic takes no more)"
        value = value[:limit]
    headers = (
        ("topic", reject.topic.encode()),
        ("partition", str(reject.partition).encode()),
        ("offset", str(reject.record.offset).encode()),
        ("code", reject.code.encode()),
        ("detail", detail.encode(errors="replace")),
    )
    return Entry(reject.record.key, value, headers)

"""What a slice produced, to Kafka: documents to the outbox, rejects and labels to their topics, and who waits for them.

Faust seam: none (``engine/kafka/producer.py``).

What must hold for it to be right: a checkpoint settles everything written before it, so that no output is lost that
the saved state takes for written (I3, I9). Repeating an output is harmless: the newest document of a user wins, and
a label says which one it is.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar

from aiokafka.errors import MessageSizeTooLargeError

from streamer.engine.kafka.ports import Producer
from streamer.engine.kafka.producer import NewRecord, Sent
from streamer.engine.metrics import Metrics
from streamer.engine.partition.work import LabelWrite, Output, Reject, Write
from streamer.engine.state.outbox import TERM
from streamer.engine.state.store import Outbox
from streamer.errors import OutboxReplaced
from streamer.settings import Topics

log: Final = logging.getLogger(__name__)

_T = TypeVar("_T")


class _Cut(NamedTuple):
    """How much of a record goes to the rejects, bytes."""

    value: int
    key: int


_LARGEST: Final = _Cut(8 << 20, 64 << 10)
_CUTS: Final = (_Cut(64 << 10, 1 << 10), _Cut(1 << 10, 256), _Cut(0, 0))
"""What is tried, one after the other, if the topic does not take a reject as it is."""


class _Written(NamedTuple, Generic[_T]):
    """What was sent together: the batches, and what is in them, should it have to be sent again."""

    sent: list[Sent]
    outputs: Sequence[_T]


class Pending:
    """Outputs of one partition that the broker has not acked yet.

    Attributes:
        outbox: in which term, and from where on, documents are written.
    """

    def __init__(self, outbox: Outbox | None = None) -> None:
        self.outbox = Outbox() if outbox is None else outbox
        self.documents: list[Sent] = []
        self.rejects: list[_Written[Reject]] = []
        self.labels: list[_Written[LabelWrite]] = []

    def take(self) -> Pending:
        """Everything written so far, to be settled; what is written from now on is not in it."""
        taken = Pending(self.outbox)
        taken.documents, taken.rejects, taken.labels = self.documents, self.rejects, self.labels
        self.documents, self.rejects, self.labels = [], [], []
        return taken


class OutputWriter:
    """Writes slices' output."""

    def __init__(self, producer: Producer, topics: Topics, metrics: Metrics) -> None:
        self._producer = producer
        self._topics = topics
        self._metrics = metrics
        self._reject_partitions = 0

    async def write(self, partition: int, out: Output, pending: Pending) -> None:
        """Hands a slice's output to the producer; ``pending`` knows when it has arrived."""
        if out.writes:
            groups = [[_document(write, pending.outbox.term)] for write in out.writes]
            pending.documents += await self._producer.send(self._topics.avoid_lists, partition, groups)
            self._metrics.lists.inc(len(out.writes))
        if out.labels:
            sent = await self._send_labels(partition, out.labels)
            pending.labels.append(_Written(sent, out.labels))
            self._metrics.labels.inc(len(out.labels))
        if out.rejects:
            sent = await self._send_rejects(partition, out.rejects, _LARGEST)
            pending.rejects.append(_Written(sent, out.rejects))
            for reject in out.rejects:
                self._metrics.rejected.labels(reject.topic, reject.code).inc()

    async def settle(self, partition: int, taken: Pending) -> int:
        """Waits until the broker has acked all of ``taken``; returns the outbox's end.

        Raises:
            OutboxReplaced: documents went to where others were known to be.
        """
        end = taken.outbox.end
        for sent in taken.documents:
            first = (await sent.done).offset
            if 0 <= first < end:  # -1: repeated, and the broker no longer knows where it is
                raise OutboxReplaced(
                    f"{self._topics.avoid_lists}[{partition}] is another log than before: it ended at {end}, and a "
                    f"document went to {first}. Restart this worker: it writes every document to it again"
                )
            end = max(end, first + sent.size)
        await _settle(taken.labels, partial(self._label_alone, partition))
        await _settle(taken.rejects, partial(self._reject_cut, partition))
        return end

    async def _send_labels(self, partition: int, labels: Sequence[LabelWrite]) -> list[Sent]:
        return await self._producer.send(self._topics.labels, partition, [[_label(label)] for label in labels])

    async def _label_alone(self, partition: int, label: LabelWrite) -> None:
        """A label that the topic does not take is metered, and stops nobody (I9)."""
        try:
            await _acked(await self._send_labels(partition, [label]))
        except MessageSizeTooLargeError:
            self._metrics.dropped.labels("label_bytes").inc()

    async def _reject_cut(self, partition: int, reject: Reject) -> None:
        """A record of which the topic does not even take its origin is told in the log, and stops nobody (I9)."""
        for cut in _CUTS:
            try:
                return await _acked(await self._send_rejects(partition, [reject], cut))
            except MessageSizeTooLargeError:
                continue
        self._metrics.dropped.labels("reject_bytes").inc()
        log.error(
            "%s does not take what is rejected (%s): %s[%d]@%d is stepped over",
            self._topics.rejects,
            reject.code,
            reject.topic,
            reject.partition,
            reject.record.offset,
        )
        return None

    async def _send_rejects(self, partition: int, rejects: Sequence[Reject], cut: _Cut) -> list[Sent]:
        topic = self._topics.rejects
        if not self._reject_partitions:
            self._reject_partitions = await self._producer.partitions(topic)
        groups = [[_reject(reject, cut)] for reject in rejects]
        return await self._producer.send(topic, partition % self._reject_partitions, groups)


async def _acked(sent: Iterable[Sent]) -> None:
    for batch in sent:
        await batch.done


async def _settle(written: Iterable[_Written[_T]], again: Callable[[_T], Awaitable[None]]) -> None:
    """Waits for the acks; what was refused as too large is sent again, each by itself."""
    for sent, outputs in written:
        try:
            await _acked(sent)
        except MessageSizeTooLargeError:
            for output in outputs:
                await again(output)


def _document(write: Write, term: int) -> NewRecord:
    headers = [(TERM, str(term).encode())]
    if write.event_ts is not None:
        headers.append(("event_ts", str(write.event_ts).encode()))
    return NewRecord(write.user.encode(), write.value, headers)


def _label(label: LabelWrite) -> NewRecord:
    headers = (("label", label.name.encode()),) if label.name else ()
    return NewRecord(label.user.encode(), label.value, headers)


def _reject(reject: Reject, cut: _Cut) -> NewRecord:
    key, value, detail = reject.record.key, reject.record.value, reject.detail
    if value is not None and len(value) > cut.value:
        digest = hashlib.sha256(value).hexdigest()
        detail = f"{detail} (the first {cut.value} of {len(value)} bytes, sha256 {digest}: the topic takes no more)"
        value = value[: cut.value]
    if key is not None and len(key) > cut.key:
        detail = f"{detail} (the first {cut.key} of the key's {len(key)} bytes)"
        key = key[: cut.key]
    headers = (
        ("topic", reject.topic.encode()),
        ("partition", str(reject.partition).encode()),
        ("offset", str(reject.record.offset).encode()),
        ("code", reject.code.encode()),
        ("detail", detail.encode(errors="replace")),
    )
    return NewRecord(key, value, headers)

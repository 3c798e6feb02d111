"""What a slice produced, to Kafka: documents to the outbox, rejects and labels to their topics, and who waits for them.

Faust seam: none (``engine/kafka/producer.py``).

What must hold for it to be right: a checkpoint settles everything written before it, so that no output is lost that
the saved state takes for written (I3, I9). Repeating an output is harmless: the newest document of a user wins, and
a label says which one it is. So what its topic refuses for its size is sent again only after a look whether something
newer of that user has been sent since.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar

from streamer.engine.kafka.identities import TOO_LARGE
from streamer.engine.kafka.ports import Producer
from streamer.engine.kafka.producer import NewRecord, Sent
from streamer.engine.kafka.records import size_of
from streamer.engine.metrics import Metrics
from streamer.engine.partition.work import LabelWrite, Output, Reject, Write
from streamer.engine.state.position import TERM
from streamer.engine.state.store import Outbox
from streamer.errors import OutboxReplaced
from streamer.scoring.cutting import strongest_half
from streamer.scoring.document import Document, encode
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


Newest = Callable[[str], Document | None]
"""A user's document as it is saved; None: there is none."""


class _Written(NamedTuple, Generic[_T]):
    """What was sent together: the batches, and what is in them, should it have to be sent again. Of documents that is
    whose they are: they are many, and can be had again."""

    sent: list[Sent]
    outputs: Sequence[_T]


class Pending:
    """Outputs of one partition that the broker has not acked yet.

    Attributes:
        outbox: in which term, and from where on, documents are written.
        size: bytes of rejects and labels, which are kept until they are acked.
    """

    def __init__(self, outbox: Outbox | None = None) -> None:
        self.outbox = Outbox() if outbox is None else outbox
        self.size = 0
        self.documents: list[_Written[str]] = []
        self.rejects: list[_Written[Reject]] = []
        self.labels: list[_Written[LabelWrite]] = []

    def take(self) -> Pending:
        """Everything written so far, to be settled; what is written from now on is not in it."""
        taken = Pending(self.outbox)
        taken.documents, taken.rejects, taken.labels = self.documents, self.rejects, self.labels
        self.documents, self.rejects, self.labels, self.size = [], [], [], 0
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
            written = _Written[str]([], [write.user for write in out.writes])
            pending.documents.append(written)  # before it is sent: who sends an older one again must know of it
            written.sent.extend(await self._send_documents(partition, out.writes, pending.outbox.term))
            self._metrics.lists.inc(len(out.writes))
        if out.labels:
            sent = await self._send_labels(partition, out.labels)
            pending.labels.append(_Written(sent, out.labels))
            pending.size += sum(len(label.value or b"") for label in out.labels)
            self._metrics.labels.inc(len(out.labels))
        if out.rejects:
            sent = await self._send_rejects(partition, out.rejects, _LARGEST)
            pending.rejects.append(_Written(sent, out.rejects))
            pending.size += sum(size_of(reject.record) for reject in out.rejects)
            for reject in out.rejects:
                self._metrics.rejected.labels(reject.topic, reject.code).inc()

    async def settle(self, partition: int, taken: Pending, since: Pending, newest: Newest) -> int:
        """Waits until the broker has acked all of ``taken``; returns where the outbox ends at least.

        Args:
            partition: whose output it is.
            taken: what was written until then.
            since: what is written from then on.
            newest: of ``taken``.

        Raises:
            OutboxReplaced: documents went to where others were known to be.
        """
        end, refused = taken.outbox.end, dict[str, None]()
        for sent, users in taken.documents:
            try:
                for batch in sent:
                    end = self._end(partition, end, (await batch.done).offset, batch.size)
            except TOO_LARGE:
                refused |= dict.fromkeys(users)
        for user in refused:
            if not any(user in written.outputs for written in since.documents):
                await self._document_cut(partition, user, newest, taken.outbox.term)
        await _settle(taken.labels, partial(self._label_alone, partition))
        await _settle(taken.rejects, partial(self._reject_cut, partition))
        return end

    def _end(self, partition: int, end: int, first: int, size: int) -> int:
        """The outbox's end after documents that went to ``first`` (-1: repeated, and nobody knows where they are)."""
        if 0 <= first < end:
            raise OutboxReplaced(
                f"{self._topics.avoid_lists}[{partition}] is another log than before: it ended at {end}, and a "
                f"document went to {first}. Restart this worker: it writes every document to it again"
            )
        return max(end, first + size)

    async def _send_documents(self, partition: int, writes: Iterable[Write], term: int) -> list[Sent]:
        groups = [[_document(write, term)] for write in writes]
        return await self._producer.send(self._topics.avoid_lists, partition, groups)

    async def _document_cut(self, partition: int, user: str, newest: Newest, term: int) -> None:
        """A document of which the topic takes no entry is told in the log, and stops nobody (I9).

        Where it goes does not count as the outbox's end: what is written meanwhile may stand before it.
        """
        document = newest(user)
        entries = 0 if document is None else len(document.entries)
        is_taken, is_left = False, True
        while not is_taken and is_left:
            value = None if document is None else encode(document)
            try:
                await _acked(await self._send_documents(partition, [Write(user, value, None)], term))
                is_taken = True
            except TOO_LARGE:
                is_left = document is not None and bool(document.entries)
                document = None if document is None else strongest_half(document)
        left = 0 if document is None else len(document.entries)
        if left < entries or not is_taken:
            self._metrics.dropped.labels("document_bytes").inc(max(1, entries - left))
            log.error(
                "%s does not take the document of %r, only the strongest %d of its %d entries: raise its "
                "max.message.bytes",
                self._topics.avoid_lists, user, left, entries,
            )  # fmt: skip

    async def _send_labels(self, partition: int, labels: Sequence[LabelWrite]) -> list[Sent]:
        return await self._producer.send(self._topics.labels, partition, [[_label(label)] for label in labels])

    async def _label_alone(self, partition: int, label: LabelWrite) -> None:
        """A label that the topic does not take is metered, and stops nobody (I9)."""
        try:
            await _acked(await self._send_labels(partition, [label]))
        except TOO_LARGE:
            self._metrics.dropped.labels("label_bytes").inc()

    async def _reject_cut(self, partition: int, reject: Reject) -> None:
        """A record of which the topic does not even take its origin is told in the log, and stops nobody (I9)."""
        for cut in _CUTS:
            try:
                return await _acked(await self._send_rejects(partition, [reject], cut))
            except TOO_LARGE:
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
        except TOO_LARGE:
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

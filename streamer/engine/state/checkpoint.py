"""Checkpoints: what changed goes to the changelog as record batches, and only then may the source be committed.

Faust seam: none. Replaces ``faust.Table``'s changelog, one produced record a set (144,000 records/s as batches against
some thousands), and its commit order.

A checkpoint, after Quix Streams' ``checkpointing/checkpoint.py``; a crash between any two steps is harmless::

    1. take what changed and how far the source is processed      (in memory, at one instant)
    2. wait for the broker's acks of all output written before,   (else a crash could lose it)
       and of what it changes in the population's sums
    3. append to the journal what changed in open sessions; wait   (before 4: a frontier is never saved before the
                                                                    open sessions it does not cover)
    4. write the changes, all parts of a user in one batch; wait   (a tile never without its frontier)
    5. write the mark: watermark, the outbox's end, where the      (after 4: a watermark is never saved before the
       journal begins; wait                                         events up to it, and records of the journal are
                                                                    not given up before what replaces them is saved)
    6. the local store takes what the broker has                   (after 5: on disk it is never ahead)
    7. tell the consumer up to where the source is saved; Faust commits that

What must hold for it to be right: a crash after 3, 4, 5 or 6 makes events be read again into a state that contains them
already, which changes nothing (I1, I3); the watermark saved never passes an event that is not saved.

Records of the changelog: key ``part|user``, or ``@`` for the mark. The last record of a user's group carries the
user's deadline in header ``d`` (8 bytes, none: empty), so that recovery need not decode a user to know it. Records of
the journal: key user, the same header; a tombstone voids the user's records before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from streamer.engine.kafka.producer import BatchProducer, NewRecord
from streamer.engine.kafka.records import Record
from streamer.engine.state.store import Mark, PartitionStore, UserChange, decode_mark, encode_mark
from streamer.events import CLAIM

MARK_KEY: Final = b"@"
_CLAIM_KEY: Final = CLAIM.encode()
_DEADLINE: Final = "d"
_SEPARATOR: Final = b"|"


class ChangelogWriter:
    """Writes checkpoints of all partitions to the changelog topic."""

    def __init__(self, producer: BatchProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def write(self, partition: int, changes: Iterable[UserChange]) -> int | None:
        """Writes changes and waits for the broker. Returns the changelog's end after them, None if there were none."""
        return await self._write(partition, [group_of(change) for change in changes if change.parts])

    async def write_mark(self, partition: int, mark: Mark) -> int | None:
        """Writes a checkpoint's mark and waits for the broker. Returns the changelog's end after it."""
        return await self._write(partition, [[NewRecord(MARK_KEY, encode_mark(mark))]])

    async def _write(self, partition: int, groups: Sequence[Sequence[NewRecord]]) -> int | None:
        end = None
        for sent in await self._producer.send(self._topic, partition, groups):
            end = await sent.end()
        return end


class Placed(NamedTuple):
    """A journal record that the broker has: whose, and where."""

    user: str
    offset: int


class JournalWriter:
    """Appends to the journal topic."""

    def __init__(self, producer: BatchProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def write(self, partition: int, changes: Sequence[UserChange]) -> list[Placed]:
        """Appends what the changes have for the journal, and waits for the broker."""
        groups = [(change.user, entries) for change in changes if (entries := journal_of(change))]
        offsets: list[int] = []
        for sent in await self._producer.send(self._topic, partition, [entries for _, entries in groups]):
            end = await sent.end()
            offsets += range(end - sent.size, end)
        users = [user for user, entries in groups for _ in entries]
        return [Placed(user, offset) for user, offset in zip(users, offsets, strict=True)]


def journal_of(change: UserChange) -> list[NewRecord]:
    """The journal's records of one user's change: a tombstone if it voids earlier ones, and the increment."""
    user = change.user.encode()
    entries = [NewRecord(user, None)] if change.voids else []
    if change.journal is not None:
        entries.append(NewRecord(user, change.journal, [(_DEADLINE, _packed(change.deadline))]))
    return entries


def group_of(change: UserChange) -> list[NewRecord]:
    """The records of one user's change, the deadline at the last one that is no tombstone, if there is one."""
    user = _SEPARATOR + change.user.encode()
    parts = sorted(change.parts.items(), key=lambda part: (part[1] is not None, part[0]))
    entries = [NewRecord(name.encode() + user, value) for name, value in parts]
    entries[-1] = entries[-1]._replace(headers=[(_DEADLINE, _packed(change.deadline))])
    return entries


def apply_record(store: PartitionStore, record: Record) -> None:
    """Brings one changelog record into the store.

    Raises:
        StateCorrupt: it is no changelog record.
        StateTooNew: a newer Streamer wrote it.
    """
    key = record.key or b""
    if key == MARK_KEY:
        if record.value is not None:
            store.mark = decode_mark(record.value)
        return
    if key == _CLAIM_KEY:
        return
    name, _, user_bytes = key.partition(_SEPARATOR)
    user = user_bytes.decode()
    store.put(user, name.decode(), record.value)
    for header, value in record.headers:
        if header == _DEADLINE:
            store.set_deadline(user, _unpacked(value))


def deadline_of(record: Record) -> int | None:
    """The deadline that a record carries; None: it carries none."""
    return next((_unpacked(value) for header, value in record.headers if header == _DEADLINE), None)


def _packed(deadline: int | None) -> bytes:
    return b"" if deadline is None else deadline.to_bytes(8, signed=True)


def _unpacked(raw: bytes) -> int | None:
    return int.from_bytes(raw, signed=True) if raw else None

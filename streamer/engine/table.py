"""Checkpoints: what changed goes to the changelog as record batches, and only then may the source be committed.

Faust seam: none. Replaces ``faust.Table``'s changelog, one produced record a set (144,000 records/s as batches against
some thousands), and its commit order.

A checkpoint, after Quix Streams' ``checkpointing/checkpoint.py``; a crash between any two steps is harmless::

    1. take what changed and how far the source is processed      (in memory, at one instant)
    2. wait for the broker's acks of all output written before    (else a crash could lose it)
    3. write the changes, all parts of a user in one batch; wait   (a tile never without its frontier)
    4. write the mark: watermark and the outbox's end; wait        (after 3: a watermark is never saved before the
                                                                    events up to it)
    5. tell the consumer up to where the source is saved; Faust commits that

What must hold for it to be right: a crash after 3 or 4 makes events be read again into a state that contains them
already, which changes nothing (I1, I3); the watermark saved never passes an event that is not saved.

Records: key ``part|user``, or ``@`` for the mark. The last record of a user's group carries the user's deadline in
header ``d`` (8 bytes, none: empty), so that recovery need not decode a user to know it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from streamer.engine.producer import BatchProducer, Entry
from streamer.engine.records import Record
from streamer.engine.store import Mark, PartitionStore, UserChange, decode_mark, encode_mark
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
        return await self._write(partition, [[Entry(MARK_KEY, encode_mark(mark))]])

    async def _write(self, partition: int, groups: Sequence[Sequence[Entry]]) -> int | None:
        end = None
        for sent in await self._producer.send(self._topic, partition, groups):
            end = await sent.end()
        return end


def group_of(change: UserChange) -> list[Entry]:
    """The records of one user's change, the deadline at the last one that is no tombstone, if there is one."""
    user = _SEPARATOR + change.user.encode()
    parts = sorted(change.parts.items(), key=lambda part: (part[1] is not None, part[0]))
    entries = [Entry(name.encode() + user, value) for name, value in parts]
    deadline = b"" if change.deadline is None else change.deadline.to_bytes(8, signed=True)
    entries[-1] = entries[-1]._replace(headers=[(_DEADLINE, deadline)])
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
            store.set_deadline(user, int.from_bytes(value, signed=True) if value else None)

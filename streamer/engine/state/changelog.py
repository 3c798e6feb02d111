"""Records of the changelog and of the journal, and who writes them.

Faust seam: none. Replaces ``faust.Table``'s changelog, one produced record a set (144,000 records/s as batches against
some thousands).

Changelog: key ``part|user``, or ``@`` for a checkpoint's mark. The last record of a user's group carries the user's
deadline in header ``d`` (8 bytes, none: empty), so that recovery need not decode a user to know it; that of the head in
header ``p`` what the group changes in the sums over all users, if it does (``engine/state/untold.py``). Journal: key
user, header ``d``; a tombstone voids the user's records before it.

What must hold for it to be right: all parts of a user that change together are one group, which the broker appends
whole or not at all: a tile is never saved without the frontier that says it is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from streamer.engine.kafka.appending import append
from streamer.engine.kafka.ports import Producer
from streamer.engine.kafka.producer import NewRecord
from streamer.engine.kafka.records import Record
from streamer.engine.metrics import Metrics
from streamer.engine.state.store import HEAD, Mark, PartitionStore, UserChange, decode_mark, encode_mark
from streamer.errors import StateCorrupt
from streamer.events import CLAIM

MARK_KEY: Final = b"@"
_CLAIM_KEY: Final = CLAIM.encode()
_DEADLINE: Final = "d"
_DEADLINE_BYTES: Final = 8
_DELTA: Final = "p"
_SEPARATOR: Final = b"|"


class Saved(NamedTuple):
    """What a write to the changelog came to.

    Attributes:
        end: the changelog's end after it; None: nothing was appended.
        refused: changes that the topic does not take, for their size.
    """

    end: int | None
    refused: Sequence[UserChange] = ()


class ChangelogWriter:
    """Writes to the changelog, of all partitions."""

    def __init__(self, producer: Producer, topic: str, metrics: Metrics | None = None) -> None:
        self._producer = producer
        self._topic = topic
        self._metrics = metrics

    async def write(self, partition: int, changes: Iterable[UserChange]) -> Saved:
        """Writes changes and waits for the broker."""
        kept = [change for change in changes if change.parts]
        ends = await self._append(partition, [group_of(change) for change in kept])
        refused = [change for change, end in zip(kept, ends, strict=True) if end is None]
        return Saved(max((end for end in ends if end is not None), default=None), refused)

    async def write_mark(self, partition: int, mark: Mark) -> int | None:
        """Writes a checkpoint's mark and waits for the broker. Returns the changelog's end after it."""
        return (await self._append(partition, [[NewRecord(MARK_KEY, encode_mark(mark))]]))[0]

    async def _append(self, partition: int, groups: Sequence[Sequence[NewRecord]]) -> list[int | None]:
        return await append(self._producer, self._topic, partition, groups, "state_bytes", self._metrics)


class Placed(NamedTuple):
    """A journal record that the broker has: whose, and an offset that it is not before."""

    user: str
    offset: int


class JournalWriter:
    """Appends to the journal, of all partitions."""

    def __init__(self, producer: Producer, topic: str, metrics: Metrics | None = None) -> None:
        self._producer = producer
        self._topic = topic
        self._metrics = metrics

    async def write(self, partition: int, changes: Sequence[UserChange]) -> tuple[list[Placed], int | None]:
        """Appends what the changes have for the journal, and waits for the broker.

        Returns:
            Where the records are, in the order of the changes; one that stands behind others though it comes before
            them, or is too large for the topic, has the offset of the next, as offsets must not fall. And the
            journal's end after them; None: nothing was appended.
        """
        entries = [(change.user, entry) for change in changes for entry in journal_of(change)]
        groups = [[entry] for _, entry in entries]
        ends = await append(self._producer, self._topic, partition, groups, "journal_bytes", self._metrics)
        end = max((found for found in ends if found is not None), default=None)
        placed, least = [], end or 0
        for (user, _), found in zip(reversed(entries), reversed(ends), strict=True):
            least = least if found is None else min(least, found - 1)
            placed.append(Placed(user, least))
        return placed[::-1], end


def journal_of(change: UserChange) -> list[NewRecord]:
    """The journal's records of one user's change: a tombstone if it voids earlier ones, and the increment."""
    user = change.user.encode()
    entries = [NewRecord(user, None)] if change.voids else []
    if change.journal is not None:
        entries.append(NewRecord(user, change.journal, [(_DEADLINE, _packed(change.deadline))]))
    return entries


def group_of(change: UserChange) -> list[NewRecord]:
    """The records of one user's change: the deadline at the last one, no tombstone if there is any other, the delta at
    the head's.
    """
    user = _SEPARATOR + change.user.encode()
    delta = [] if change.delta is None else [(_DELTA, change.delta)]
    parts = sorted(change.parts.items(), key=lambda part: (part[1] is not None, part[0]))
    entries = [NewRecord(name.encode() + user, value, delta if name == HEAD else ()) for name, value in parts]
    entries[-1] = entries[-1]._replace(headers=[(_DEADLINE, _packed(change.deadline)), *entries[-1].headers])
    return entries


def apply_record(store: PartitionStore, record: Record) -> bool:
    """Brings one changelog record into the store; False: a stranger's record, which is passed over.

    Raises:
        StateCorrupt: the mark does not decode.
        StateTooNew: a newer Streamer wrote it.
    """
    key = record.key or b""
    if key == MARK_KEY:
        if record.value is not None:
            store.mark = decode_mark(record.value)
            store.untold.told_to(store.mark.told)
        return True
    if key == _CLAIM_KEY:
        return True
    try:
        name, _, user = key.decode().partition(_SEPARATOR.decode())
    except UnicodeDecodeError:
        return False
    if not name or not user:
        return False
    try:
        for delta in (value for header, value in record.headers if header == _DELTA):
            store.untold.found(user, delta)
    except StateCorrupt:  # what we write the broker has checked
        return False
    store.put(user, name, record.value)
    for deadline in (value for header, value in record.headers if header == _DEADLINE):
        store.set_deadline(user, _unpacked(deadline))
    return True


def deadline_of(record: Record) -> int | None:
    """The deadline that a record carries; None: it carries none."""
    return next((_unpacked(value) for header, value in record.headers if header == _DEADLINE), None)


def _packed(deadline: int | None) -> bytes:
    return b"" if deadline is None else deadline.to_bytes(_DEADLINE_BYTES, signed=True)


def _unpacked(raw: bytes) -> int | None:
    return int.from_bytes(raw, signed=True) if len(raw) == _DEADLINE_BYTES else None  # else it is a stranger's, or none

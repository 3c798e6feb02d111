"""The journal: what changed in open sessions, appended at every checkpoint, instead of the sessions rewritten whole.

Faust seam: none; Faust's tables have a compacted changelog and nothing else.

A user's records are raw increments of ``Profile.changes()``; what they mean, and which of them still count, is known
to ``profile/saved_sessions.py``. Here they are kept by user, in memory, with the offset of the oldest: the oldest of
all users is where a restart begins to read, and what lies before it is deleted (``engine/kafka/truncation.py``).

What must hold for it to be right:
- A user's records are dropped no earlier than the parts that replace them are on their way to the changelog, and the
  offset to begin at is saved after those.
- Users stand in the order of their oldest records, so that the first one's is the oldest.
- Within a user, epochs only grow; where one ends without a successor (the head is deleted), the topic has a tombstone.

Records: key user id, the user's deadline in header ``d`` as in the changelog.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from streamer.errors import UNREADABLE

_UNPLACED: Final = -1


class _Kept:
    __slots__ = ("first", "records")

    def __init__(self, first: int, raw: bytes) -> None:
        self.first = first
        self.records = [raw]


class Journal:
    """The journal records that a partition's open sessions still need.

    Attributes:
        end: offset up to which the topic is contained; None: nothing of it has been read.
        size: bytes of all records.

    >>> journal = Journal()
    >>> journal.add("ann", b"1", 7)
    >>> journal.add("bob", b"2", 8)
    >>> journal.add("ann", b"3", 9)
    >>> journal.begin, journal.records("ann")
    (7, [b'1', b'3'])
    >>> journal.drop("ann")
    >>> journal.begin
    8
    """

    __slots__ = ("_kept", "end", "size")

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self.end: int | None = None
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __contains__(self, user: str) -> bool:
        return user in self._kept

    @property
    def begin(self) -> int | None:
        """Offset of the oldest record needed; None if there is none whose offset is known."""
        first = next(iter(self._kept.values()), None)
        return None if first is None or first.first == _UNPLACED else first.first

    def records(self, user: str) -> Sequence[bytes]:
        """A user's records, oldest first."""
        kept = self._kept.get(user)
        return () if kept is None else kept.records

    def add(self, user: str, raw: bytes, offset: int = _UNPLACED) -> None:
        """Adds a user's newest record, whose offset may be told later (:meth:`place`)."""
        kept = self._kept.get(user)
        if kept is None:
            self._kept[user] = _Kept(offset, raw)
        else:
            kept.records.append(raw)
        self.size += len(raw)

    def place(self, user: str, offset: int) -> None:
        """The record added last of this user has arrived at this offset."""
        kept = self._kept.get(user)
        if kept is not None and kept.first == _UNPLACED:
            kept.first = offset

    def carry(self, user: str) -> Sequence[bytes]:
        """A user's records, which are to be appended again: they are the newest now."""
        kept = self._kept.pop(user)
        kept.first = _UNPLACED
        self._kept[user] = kept
        return kept.records

    def drop(self, user: str) -> None:
        """A user's records are not needed any more."""
        kept = self._kept.pop(user, None)
        if kept is not None:
            self.size -= sum(map(len, kept.records))


class _Epoch(Struct, array_like=True):
    """Head and journal entry (``profile/codec.py``) have the epoch first; the rest is passed over."""

    epoch: int


_decoder: Final = msgspec.msgpack.Decoder(tuple[int, _Epoch])


def epoch_of(raw: bytes) -> int | None:
    """The epoch of a head or a journal record; None if it cannot be read, as whoever loads the user will say."""
    try:
        return _decoder.decode(raw)[1].epoch
    except UNREADABLE:
        return None

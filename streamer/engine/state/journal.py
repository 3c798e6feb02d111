"""The journal: what changed in open sessions, appended at every checkpoint, instead of the sessions rewritten whole.

Faust seam: none; Faust's tables have a compacted changelog and nothing else.

A user's records are raw increments of ``Profile.changes()``; what they mean, and which of them still count, is known
to ``profile/saved_sessions.py``. Here they are kept by user, in memory, with the offset of the oldest: the oldest of
all users is where a restart begins to read, and what lies before it is deleted (``engine/kafka/truncation.py``). A visit
is over long before it seals, so most of what is held here is only waiting: it is packed, and one record stands for all
once a user is not decoded any more (:meth:`Journal.merge`). The topic keeps what was appended.

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

import cramjam
import msgspec
from msgspec import Struct

from streamer.errors import UNREADABLE

_UNPLACED: Final = -1
_LOOSE: Final = 8
"""Records of a user beyond which they are packed: together they are a third as large as one by one."""
_pack_list: Final = msgspec.msgpack.Encoder().encode
_unpack_list: Final = msgspec.msgpack.Decoder(list[bytes]).decode


class _Kept:
    """What is kept of one user: records packed together, and those that came later."""

    __slots__ = ("appended", "first", "loose", "packed")

    def __init__(self, first: int, raw: bytes) -> None:
        self.first = first
        self.packed = b""
        self.loose = [raw]
        self.appended = len(raw)

    @property
    def size(self) -> int:
        return len(self.packed) + sum(map(len, self.loose))

    def records(self) -> list[bytes]:
        if not self.packed:
            return self.loose.copy()
        return [*_unpack_list(cramjam.lz4.decompress_block(self.packed)), *self.loose]

    def pack(self, records: Sequence[bytes]) -> None:
        self.packed = bytes(cramjam.lz4.compress_block(_pack_list(records)))
        self.loose = []


class Journal:
    """The journal records that a partition's open sessions still need.

    Attributes:
        end: offset up to which the topic is contained; None: nothing of it has been read.
        size: bytes that all records take here, packed as they are.

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
        return () if kept is None else kept.records()

    def appended(self, user: str) -> int:
        """Bytes that the topic has of a user, 0 if none is needed: what a restart has to read."""
        kept = self._kept.get(user)
        return 0 if kept is None else kept.appended

    def add(self, user: str, raw: bytes, offset: int = _UNPLACED) -> None:
        """Adds a user's newest record, whose offset may be told later (:meth:`place`)."""
        kept = self._kept.get(user)
        if kept is None:
            self._kept[user] = _Kept(offset, raw)
            self.size += len(raw)
            return
        kept.loose.append(raw)
        kept.appended += len(raw)
        self.size += len(raw)
        if len(kept.loose) > _LOOSE:
            self._pack(kept, kept.records())

    def is_merged(self, user: str) -> bool:
        """Whether :meth:`merge` would gain nothing: there are no records, or nothing has come since."""
        kept = self._kept.get(user)
        return kept is None or not kept.loose

    def merge(self, user: str, whole: bytes) -> None:
        """One record stands for all that a user has, here and not in the topic.

        >>> journal = Journal()
        >>> for raw in (b"a", b"b"):
        ...     journal.add("ann", raw, 7)
        >>> journal.merge("ann", b"ab")
        >>> journal.add("ann", b"c", 9)
        >>> journal.begin, journal.records("ann"), journal.appended("ann")
        (7, [b'ab', b'c'], 3)
        """
        self._pack(self._kept[user], [whole])

    def _pack(self, kept: _Kept, records: Sequence[bytes]) -> None:
        before = kept.size
        kept.pack(records)
        self.size += kept.size - before

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
        records = kept.records()
        kept.appended = sum(map(len, records))
        return records

    def drop(self, user: str) -> None:
        """A user's records are not needed any more."""
        kept = self._kept.pop(user, None)
        if kept is not None:
            self.size -= kept.size


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

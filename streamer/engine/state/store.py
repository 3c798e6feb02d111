"""Local state of one partition: every user's encoded parts, in memory (here) or on disk (``engine/state/disk.py``).

Faust seam: none; takes the place of a ``faust.Table``'s ``memory://`` and ``rocksdb://`` stores, which keep one value a
key and know nothing of which keys belong together.

What must hold for it to be right: it equals the changelog up to ``changelog_end`` plus what the running checkpoint
writes, and ``journal`` what a restart would read of the journal; decoded profiles that are newer live in
``engine/partition/users.py``.

Parts of a user: those of ``Profile.changes()`` (head, open sessions, tiles), and the engine's own:
``w`` the last written document, ``e`` the time of the last erasure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from streamer.engine.state.journal import Journal
from streamer.engine.state.untold import Untold
from streamer.errors import UNREADABLE, StateCorrupt, StateTooNew

HEAD: Final = "h"
SESSIONS: Final = "s"
TILE: Final = "t"
"""Followed by the day."""
WRITTEN: Final = "w"
ERASED: Final = "e"
MARK_VERSION: Final = 3
"""Since version 3 a mark says what the population has been told; an older worker would drop that."""
DAMAGED: Final = "DAMAGED"
"""A file of this name in a store's directory says that it was found corrupt while it was in use."""


class Mark(Struct, array_like=True, frozen=True):
    """How far a checkpoint reaches.

    Attributes:
        watermark: the partition's watermark, ms.
        newest: newest event time processed, by source topic without prefix, ms.
        outbox_end: where the outbox ends at least: all documents before that are among the last written ones.
        journal_begin: offset of the oldest record of the journal that is still needed.
        lineage: drawn when a changelog is begun: a changelog made anew under the same name has another one.
        changelog_begin: offset from which on the changelog has the whole state; if it begins later now, somebody has
            deleted records (``engine/state/rewriting.py``).
        partitions: how many there were; 0: not known, it is from before this was saved.
        group: whose it is (``engine/state/ownership.py``); empty: not known.
        told: number of the last checkpoint whose deltas the population has been told (``engine/state/untold.py``).
        term: in which documents were written (``engine/state/outbox.py``); 0: not known.
    """

    version: int
    watermark: int
    newest: dict[str, int]
    outbox_end: int
    journal_begin: int = 0
    lineage: str = ""
    changelog_begin: int = 0
    partitions: int = 0
    group: str = ""
    told: int = 0
    term: int = 0


class Outbox(NamedTuple):
    """A partition of the outbox, as its owner has found it.

    Attributes:
        term: the owner's: greater than that of every document there.
        end: where the next document goes at the earliest.
        is_anew: it is another than the state's last mark knew, and what was written then is to be written again.
    """

    term: int = 0
    end: int = 0
    is_anew: bool = False


class UserChange(NamedTuple):
    """What a checkpoint saves of one user.

    Attributes:
        user: whose.
        parts: those that changed; None: deleted.
        deadline: the user's, ms of event time; None: time alone changes nothing.
        journal: what is added to the user's journal; None: nothing.
        fresh: ``parts`` begin a new epoch, so the journal's earlier records of this user are outdated.
        voids: epochs begin anew (the head went), so the journal must say that its earlier records are void.
        delta: what ``parts`` change in the sums over all users, encoded; None: nothing.
    """

    user: str
    parts: Mapping[str, bytes | None]
    deadline: int | None
    journal: bytes | None = None
    fresh: bool = False
    voids: bool = False
    delta: bytes | None = None


class PartitionStore(Protocol):
    """Encoded parts by user.

    Attributes:
        changelog_begin: offset from which on the changelog has the whole state, for the next mark.
        changelog_end: offset up to which the changelog is contained.
        mark: the newest complete checkpoint; None before the first.
        deadlines: deadlines by user as of the last changes taken, ms of event time.
        erased: erasure marks by user, ms.
        unsaved: last written documents found in the outbox and not yet in the changelog, by user.
        journal: what is journalled of open sessions, by user.
        untold: what the population has yet to be told.
        outbox: what it is written on.
    """

    changelog_begin: int
    changelog_end: int
    mark: Mark | None
    deadlines: dict[str, int]
    erased: dict[str, int]
    unsaved: dict[str, bytes | None]
    journal: Journal
    untold: Untold
    outbox: Outbox

    @property
    def size(self) -> int:
        """Bytes of all parts and journal records."""

    def __len__(self) -> int:
        """How many users have parts."""

    def __iter__(self) -> Iterator[str]:
        """Users with parts or journal records."""

    def parts(self, user: str) -> Mapping[str, bytes]:
        """All parts of a user; empty if nothing is known of them."""

    def part(self, user: str, name: str) -> bytes | None:
        """One part of a user."""

    def put(self, user: str, name: str, value: bytes | None) -> None:
        """Takes one part, to be read from now on; None deletes it."""

    def set_deadline(self, user: str, deadline: int | None) -> None:
        """Takes a user's deadline; None: there is none."""

    def saved(self, changes: Iterable[UserChange], end: int, mark: Mark) -> None:
        """The changelog has these changes, which were put before, and this mark; it ends at ``end``."""

    def applied(self, end: int) -> None:
        """All that was put is from the changelog before ``end``."""

    def clear(self) -> None:
        """Forgets everything, to be recovered from the changelog's beginning."""

    def close(self) -> None:
        """Lets go of files. Whatever was not saved is not kept."""


class StoreIndexes:
    """What every kind of store has in memory beside the parts; see ``PartitionStore`` for the attributes."""

    __slots__ = (
        "changelog_begin", "changelog_end", "deadlines", "erased", "journal", "mark", "outbox", "unsaved", "untold",
    )  # fmt: skip

    def reset_indexes(self) -> None:
        """Nothing is known of anybody."""
        self.changelog_begin = 0
        self.changelog_end = 0
        self.mark: Mark | None = None
        self.erased: dict[str, int] = {}
        self.deadlines: dict[str, int] = {}
        self.unsaved: dict[str, bytes | None] = {}
        self.journal = Journal()
        self.untold = Untold()
        self.outbox = Outbox()

    def set_deadline(self, user: str, deadline: int | None) -> None:
        """Takes a user's deadline; None: there is none."""
        if deadline is None:
            self.deadlines.pop(user, None)
        else:
            self.deadlines[user] = deadline

    def set_erased(self, user: str, value: bytes | None) -> None:
        """Keeps the index of erasure marks in step with part ``e``."""
        if value is None:
            self.erased.pop(user, None)
        else:
            self.erased[user] = int.from_bytes(value)


class MemoryStore(StoreIndexes):
    """Everything in memory; a restart reads the whole changelog."""

    __slots__ = ("_size", "_users")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._users: dict[str, dict[str, bytes]] = {}
        self._size = 0
        self.reset_indexes()

    @property
    def size(self) -> int:
        """Bytes of all parts and journal records."""
        return self._size + self.journal.size

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[str]:
        yield from self._users
        yield from (user for user in self.journal if user not in self._users)

    def parts(self, user: str) -> Mapping[str, bytes]:
        """All parts of a user."""
        return self._users.get(user, {})

    def part(self, user: str, name: str) -> bytes | None:
        """One part of a user."""
        return self._users.get(user, {}).get(name)

    def put(self, user: str, name: str, value: bytes | None) -> None:
        """Stores one part; None deletes it."""
        if name == ERASED:
            self.set_erased(user, value)
        parts = self._users.get(user)
        if parts is None:
            if value is None:
                return
            parts = self._users[user] = {}
        old = parts.pop(name, None)
        if old is not None:
            self._size -= len(old)
        if value is not None:
            parts[name] = value
            self._size += len(value)
        elif not parts:
            del self._users[user]

    def saved(self, _changes: Iterable[UserChange], end: int, mark: Mark) -> None:
        """The changelog has what was put."""
        self.changelog_end, self.mark = end, mark

    def applied(self, end: int) -> None:
        """All that was put is from the changelog before ``end``."""
        self.changelog_end = end

    def close(self) -> None:
        """Nothing to let go of."""


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Mark)


def encode_mark(mark: Mark) -> bytes:
    """The bytes of a checkpoint's mark."""
    return _encoder.encode(mark)


def decode_mark(raw: bytes) -> Mark:
    """The mark in these bytes.

    Raises:
        StateCorrupt: they hold none.
        StateTooNew: a newer Streamer wrote it.
    """
    try:
        version = msgspec.msgpack.decode(raw)[0]
        if version > MARK_VERSION:
            raise StateTooNew(f"checkpoint version {version}, this worker reads {MARK_VERSION}: upgrade this worker")
        return _decoder.decode(raw)
    except (*UNREADABLE, TypeError, IndexError, KeyError) as error:
        raise StateCorrupt(f"checkpoint mark: {error}") from None

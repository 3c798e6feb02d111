"""Local state of one partition: every user's encoded parts, in memory.

Faust seam: none; takes the place of a ``faust.Table``'s ``memory://`` store, which keeps one value a key and knows
nothing of which keys belong together.

What must hold for it to be right: it equals the changelog up to ``changelog_end`` plus what the running checkpoint
writes; decoded profiles that are newer live in ``engine/users.py``.

Parts of a user: those of ``Profile.changes()`` (head, open sessions, tiles), and the engine's own:
``w`` the last written document, ``e`` the time of the last erasure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from streamer.errors import StateCorrupt, StateTooNew

WRITTEN: Final = "w"
ERASED: Final = "e"
MARK_VERSION: Final = 1


class Mark(Struct, array_like=True, frozen=True):
    """How far a checkpoint reaches.

    Attributes:
        watermark: the partition's watermark, ms.
        newest: newest event time processed, by source topic without prefix, ms.
        outbox_end: offset after the last document written to the outbox before the checkpoint.
    """

    version: int
    watermark: int
    newest: dict[str, int]
    outbox_end: int


class UserChange(NamedTuple):
    """What a checkpoint saves of one user: changed parts (None: deleted) and the user's deadline."""

    user: str
    parts: Mapping[str, bytes | None]
    deadline: int | None


class PartitionStore:
    """Encoded parts by user.

    Attributes:
        changelog_end: offset up to which the changelog is contained.
        mark: the newest complete checkpoint; None before the first.
        deadlines: deadlines by user as of the last changes taken, ms of event time.
        erased: erasure marks by user, ms.
        unsaved: last written documents found in the outbox and not yet in the changelog, by user.
        size: bytes of all parts.
    """

    __slots__ = ("_users", "changelog_end", "deadlines", "erased", "mark", "size", "unsaved")

    def __init__(self) -> None:
        self._users: dict[str, dict[str, bytes]] = {}
        self.changelog_end = 0
        self.mark: Mark | None = None
        self.erased: dict[str, int] = {}
        self.deadlines: dict[str, int] = {}
        self.unsaved: dict[str, bytes | None] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[str]:
        return iter(self._users)

    def parts(self, user: str) -> Mapping[str, bytes]:
        """All parts of a user; empty if nothing is known of them."""
        return self._users.get(user, {})

    def put(self, user: str, name: str, value: bytes | None) -> None:
        """Stores one part; None deletes it."""
        if name == ERASED:
            self._put_erased(user, value)
        parts = self._users.get(user)
        if parts is None:
            if value is None:
                return
            parts = self._users[user] = {}
        old = parts.pop(name, None)
        if old is not None:
            self.size -= len(old)
        if value is not None:
            parts[name] = value
            self.size += len(value)
        elif not parts:
            del self._users[user]

    def set_deadline(self, user: str, deadline: int | None) -> None:
        """Stores a user's deadline; None: there is none."""
        if deadline is None:
            self.deadlines.pop(user, None)
        else:
            self.deadlines[user] = deadline

    def _put_erased(self, user: str, value: bytes | None) -> None:
        if value is None:
            self.erased.pop(user, None)
        else:
            self.erased[user] = int.from_bytes(value)


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
    except (msgspec.MsgspecError, TypeError, IndexError, KeyError) as error:
        raise StateCorrupt(f"checkpoint mark: {error}") from None

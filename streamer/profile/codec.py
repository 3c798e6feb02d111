"""How a profile is stored: heads, tiles and journal entries, msgpack arrays with a leading schema version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from streamer.errors import UNREADABLE, StateCorrupt, StateTooNew
from streamer.profile.explicit.records import ExplicitRecord, RecordKey
from streamer.profile.saved_sessions import JournalEntry
from streamer.profile.tile import Tile
from streamer.profile.version_1 import upgrade

VERSION: Final = 1
"""Leads every part; a newer one than this is refused.

A new field goes last into its struct, with a default: that is how an older part is upgraded, by being read. Raise this
when a worker of before must not read what is stored now, since it would misread it, or drop a field when it writes the
part again (docs/architecture.md, "Changing what is stored or sent").
"""
JOURNAL_VERSION: Final = 2
"""That of open sessions: since version 2 they hold feedback once; version 1 is upgraded on read."""


class Head(Struct, array_like=True):
    """What a user's sealed sessions left besides counts.

    ``epoch``: that of the journal entries that count (``profile/saved_sessions.py``). ``frontier``: greatest ts sealed,
    −1 if none. ``days``: those that have tiles. ``listed``: (kind, value) -> expiry (ms) of keys that were listed when
    last touched. ``population``: version of the snapshot that the last seal was judged by, 0: the constants.
    ``counted``: whether the user is in the sums over all users; None: whoever ``population_share`` names is.
    """

    epoch: int
    frontier: int
    cohort: str | None
    cohort_at: int
    days: list[int]
    listed: dict[tuple[str, str], int]
    records: dict[RecordKey, ExplicitRecord]
    population: int = 0
    counted: bool | None = None


_T = TypeVar("_T")


class PartCodec(Generic[_T]):
    """Encodes and decodes one kind of part.

    Args:
        name: what to call it in errors.
        decoder: of (version, body).
        version: that is written.
    """

    def __init__(self, name: str, decoder: msgspec.msgpack.Decoder[tuple[int, _T]], version: int = VERSION) -> None:
        self._name = name
        self._version = version
        self._decode = decoder.decode
        self._encode = msgspec.msgpack.Encoder().encode

    def encode(self, body: _T) -> bytes:
        return self._encode((self._version, body))

    def decode(self, raw: bytes) -> _T:
        """The part in these bytes; see :meth:`versioned`."""
        return self.versioned(raw)[1]

    def versioned(self, raw: bytes) -> tuple[int, _T]:
        """The version that wrote these bytes, and the part in them.

        Raises:
            StateTooNew: a newer Streamer wrote them.
            StateCorrupt: they hold no such part.
        """
        try:
            version, body = self._decode(raw)
        except UNREADABLE as error:
            self._refuse_newer(_version_of(raw))
            raise StateCorrupt(
                f"a stored {self._name} does not decode ({error}): delete this worker's local state and restart; "
                "if it comes from the changelog, erase the user"
            ) from None
        self._refuse_newer(version)
        return version, body

    def _refuse_newer(self, version: int) -> None:
        if version > self._version:
            raise StateTooNew(
                f"a {self._name} was stored by a newer Streamer (schema {version}, "
                f"this one reads up to {self._version}): upgrade this worker"
            ) from None


def _version_of(raw: bytes) -> int:
    try:
        version = msgspec.msgpack.decode(raw)[0]
    except (*UNREADABLE, TypeError, IndexError, KeyError):
        return 0
    return version if isinstance(version, int) else 0


HEAD: Final = PartCodec[Head]("head", msgspec.msgpack.Decoder(tuple[int, Head]))
JOURNAL: Final = PartCodec[JournalEntry](
    "journal entry", msgspec.msgpack.Decoder(tuple[int, JournalEntry]), JOURNAL_VERSION
)
TILE: Final = PartCodec[Tile]("tile", msgspec.msgpack.Decoder(tuple[int, Tile]))


def journal(stored: Sequence[bytes]) -> list[JournalEntry]:
    """A snapshot and the entries that follow it, oldest first; those of version 1 are upgraded."""
    decoded = [JOURNAL.versioned(raw) for raw in stored]
    old = [(raw, entry) for raw, (version, entry) in zip(stored, decoded, strict=True) if version == 1]
    if old:
        upgrade(old)
    return [entry for _, entry in decoded]

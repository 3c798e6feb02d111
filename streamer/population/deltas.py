"""Deltas: what sealed sessions change in the sums over all users, coalesced by key, as records (spec §10).

They are produced to the topic ``population``, keyed by key. Delivery is at least once: a crash may repeat some, which
moves the population's figures by what it repeats and no user's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeVar

import msgspec

from streamer.errors import StateCorrupt, StateTooNew
from streamer.population.sums import COHORT, EVERYONE, CohortSums, CreatorSums, EveryoneSums, Sums, TagSums
from streamer.scoring.counts import CREATOR, TAG

VERSION: Final = 1
"""Leads every record; an older one is upgraded on read, a newer one refused."""


class Key(NamedTuple):
    """What sums are kept of: ``kind`` is tag, creator, cohort (a tag in a cohort), or everyone (no value)."""

    kind: str
    value: str = ""
    cohort: str = ""


_K = TypeVar("_K")
_S = TypeVar("_S", TagSums, CreatorSums, CohortSums, EveryoneSums)


class Deltas:
    """Sums by key, to be added to.

    >>> deltas = Deltas()
    >>> deltas.add(Key("tag", "gore"), TagSums(users=1, e=250_000))
    >>> deltas.add(Key("tag", "gore"), TagSums(dislikes=1))
    >>> deltas.tags["gore"]
    TagSums(users=1, dislikes=1, likes=0, o=0, e=250000)

    Attributes:
        tags: by tag.
        creators: by creator.
        cohorts: by (cohort, tag).
        everyone: of all users.
    """

    __slots__ = ("cohorts", "creators", "everyone", "tags")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets all sums."""
        self.tags: dict[str, TagSums] = {}
        self.creators: dict[str, CreatorSums] = {}
        self.cohorts: dict[tuple[str, str], CohortSums] = {}
        self.everyone = EveryoneSums()

    def __len__(self) -> int:
        """How many keys have sums."""
        return len(self.tags) + len(self.creators) + len(self.cohorts) + (not self.everyone.empty)

    def add(self, key: Key, sums: Sums) -> None:
        """Adds to a key's sums; ``sums`` may be kept, and must not be used again."""
        if isinstance(sums, TagSums):
            _add(self.tags, key.value, sums)
        elif isinstance(sums, CreatorSums):
            _add(self.creators, key.value, sums)
        elif isinstance(sums, CohortSums):
            _add(self.cohorts, (key.cohort, key.value), sums)
        else:
            self.everyone.add(sums)

    def merge(self, other: Deltas) -> None:
        """Moves all of another's sums here."""
        for tag, tag_sums in other.tags.items():
            _add(self.tags, tag, tag_sums)
        for creator, creator_sums in other.creators.items():
            _add(self.creators, creator, creator_sums)
        for member, cohort_sums in other.cohorts.items():
            _add(self.cohorts, member, cohort_sums)
        self.everyone.add(other.everyone)
        other.clear()

    def items(self) -> Iterator[tuple[Key, Sums]]:
        """Every key with its sums, everyone's first."""
        if not self.everyone.empty:
            yield Key(EVERYONE), self.everyone
        for tag, tag_sums in self.tags.items():
            yield Key(TAG, tag), tag_sums
        for creator, creator_sums in self.creators.items():
            yield Key(CREATOR, creator), creator_sums
        for (cohort, tag), cohort_sums in self.cohorts.items():
            yield Key(COHORT, tag, cohort), cohort_sums

    def take(self) -> list[tuple[bytes, bytes]]:
        """All sums as records (key, value), ready for the topic ``population``, and forgets them.

        Keys whose sums came to nothing (a user moved out of a bin and back) are left out.
        """
        records = [(encode_key(key), encode_sums(sums)) for key, sums in self.items() if not sums.empty]
        self.clear()
        return records


def _add(into: dict[_K, _S], key: _K, sums: _S) -> None:
    known = into.get(key)
    if known is None:
        into[key] = sums
    else:
        known.add(sums)


_encode_key: Final = msgspec.json.Encoder().encode
_decode_key: Final = msgspec.json.Decoder(Key).decode
_encode: Final = msgspec.msgpack.Encoder().encode
_decoders: Final[
    dict[
        str,
        msgspec.msgpack.Decoder[tuple[int, TagSums]]
        | msgspec.msgpack.Decoder[tuple[int, CreatorSums]]
        | msgspec.msgpack.Decoder[tuple[int, CohortSums]]
        | msgspec.msgpack.Decoder[tuple[int, EveryoneSums]],
    ]
] = {
    TAG: msgspec.msgpack.Decoder(tuple[int, TagSums]),
    CREATOR: msgspec.msgpack.Decoder(tuple[int, CreatorSums]),
    COHORT: msgspec.msgpack.Decoder(tuple[int, CohortSums]),
    EVERYONE: msgspec.msgpack.Decoder(tuple[int, EveryoneSums]),
}


def encode_key(key: Key) -> bytes:
    """A record's key: a JSON array without trailing empty texts.

    >>> encode_key(Key("tag", "gore")), encode_key(Key("everyone"))
    (b'["tag","gore"]', b'["everyone"]')
    """
    return _encode_key(key if key.cohort else key[:2] if key.value else key[:1])


def encode_sums(sums: Sums) -> bytes:
    """A record's value: msgpack, the schema version first."""
    return _encode((VERSION, sums))


def decode(key: bytes, value: bytes) -> tuple[Key, Sums]:
    """The key and sums in a record.

    Raises:
        StateTooNew: a newer Streamer wrote it.
        StateCorrupt: it does not decode.
    """
    try:
        of = _decode_key(key)
        version, sums = _decoders[of.kind].decode(value)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, KeyError) as error:
        if _version_of(value) > VERSION:
            raise StateTooNew(f"population sums {key!r} were written by a newer Streamer: upgrade this one") from None
        raise StateCorrupt(f"population sums {key!r} do not decode ({error})") from None
    if version > VERSION:
        raise StateTooNew(f"population sums {key!r} were written by a newer Streamer: upgrade this one")
    return of, sums


def _version_of(value: bytes) -> int:
    try:
        version = msgspec.msgpack.decode(value)[0]
    except (msgspec.DecodeError, TypeError, IndexError, KeyError):
        return 0
    return version if isinstance(version, int) else 0

"""Deltas: what sealed sessions change in the sums over all users, by key (spec §10), and the record of one key's sums.

Such a record is a total's. Workers of before also told deltas in it; how they tell them now:
:mod:`~streamer.population.telling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

import msgspec

from streamer.errors import UNREADABLE, StateCorrupt, StateTooNew
from streamer.population.bins import BINS
from streamer.population.sums import COHORT, EVERYONE, CohortSums, CreatorSums, EveryoneSums, Sums, TagSums
from streamer.scoring.counts import CREATOR, TAG

VERSION: Final = 1
"""Leads every record, delta or total; a newer one than this is refused.

A new sum goes last into its struct, with a default: that is how an older record is upgraded, by being read. Raise this
when an agent of before must not read it, since it would leave the new sum out (docs/architecture.md, "Changing what is
stored or sent").
"""


class Key(NamedTuple):
    """What sums are kept of: ``kind`` is tag, creator, cohort (a tag in a cohort), or everyone (no value)."""

    kind: str
    value: str = ""
    cohort: str = ""


TagCount = tuple[str, int, int]
"""A tag, and its o and e in millionths."""

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
        cohorts: by cohort and tag.
        everyone: of all users.
    """

    __slots__ = ("cohorts", "creators", "everyone", "tags")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets all sums."""
        self.tags: dict[str, TagSums] = {}
        self.creators: dict[str, CreatorSums] = {}
        self.cohorts: dict[str, dict[str, CohortSums]] = {}
        self.everyone = EveryoneSums()

    def __len__(self) -> int:
        """How many keys have sums."""
        in_cohorts = sum(map(len, self.cohorts.values()))
        return len(self.tags) + len(self.creators) + in_cohorts + (not self.everyone.empty)

    def add(self, key: Key, sums: Sums) -> None:
        """Adds to a key's sums; ``sums`` may be kept, and must not be used again."""
        if isinstance(sums, TagSums):
            _add(self.tags, key.value, sums)
        elif isinstance(sums, CreatorSums):
            _add(self.creators, key.value, sums)
        elif isinstance(sums, CohortSums):
            _add(self.cohorts.setdefault(key.cohort, {}), key.value, sums)
        else:
            self.everyone.add(sums)

    def tag(self, tag: str) -> TagSums:
        """A tag's sums, to be added to."""
        sums = self.tags.get(tag)
        if sums is None:
            sums = self.tags[tag] = TagSums()
        return sums

    def creator(self, creator: str) -> CreatorSums:
        """A creator's sums, to be added to."""
        sums = self.creators.get(creator)
        if sums is None:
            sums = self.creators[creator] = CreatorSums([0] * BINS)
        return sums

    def count(self, cohort: str | None, counts: Iterable[TagCount]) -> None:
        """Adds what users of a cohort (None: of none) add to tags."""
        if cohort is None:
            for tag, o, e in counts:
                sums = self.tag(tag)
                sums.o += o
                sums.e += e
            return
        tags = self.cohorts.get(cohort)
        if tags is None:
            tags = self.cohorts[cohort] = {}
        for tag, o, e in counts:
            if tag in tags:
                known = tags[tag]
                known.o += o
                known.e += e
            else:
                tags[tag] = CohortSums(o, e)

    def merge(self, other: Deltas) -> None:
        """Moves all of another's sums here."""
        for tag, tag_sums in other.tags.items():
            _add(self.tags, tag, tag_sums)
        for creator, creator_sums in other.creators.items():
            _add(self.creators, creator, creator_sums)
        for cohort, tags in other.cohorts.items():
            mine = self.cohorts.setdefault(cohort, {})
            for tag, cohort_sums in tags.items():
                _add(mine, tag, cohort_sums)
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
        for cohort, tags in self.cohorts.items():
            for tag, cohort_sums in tags.items():
                yield Key(COHORT, tag, cohort), cohort_sums

    def take(self) -> list[tuple[bytes, bytes]]:
        """All sums as records (key, value) of one key each, and forgets them.

        Keys whose sums came to nothing (a user moved out of a bin and back) are left out.
        """
        records = [(encode_key(key), encode_sums(sums)) for key, sums in self.items() if not sums.empty]
        self.clear()
        return records


def _add(into: dict[str, _S], key: str, sums: _S) -> None:
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


def decode_key(key: bytes) -> Key:
    """The key in a record's key.

    Raises:
        StateCorrupt: it is none.
    """
    try:
        return _decode_key(key)
    except UNREADABLE as error:
        raise StateCorrupt(f"population sums {key!r} do not decode ({error})") from None


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
    except (*UNREADABLE, KeyError) as error:
        if _version_of(value) > VERSION:
            raise StateTooNew(f"population sums {key!r} were written by a newer Streamer: upgrade this one") from None
        raise StateCorrupt(f"population sums {key!r} do not decode ({error})") from None
    if version > VERSION:
        raise StateTooNew(f"population sums {key!r} were written by a newer Streamer: upgrade this one")
    return of, sums


def _version_of(value: bytes) -> int:
    try:
        version = msgspec.msgpack.decode(value)[0]
    except (*UNREADABLE, TypeError, IndexError, KeyError):
        return 0
    return version if isinstance(version, int) else 0

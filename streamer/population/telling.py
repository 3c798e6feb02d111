"""What workers tell the population: all that a checkpoint's users change, as records that are counted once (spec §10).

A worker that does not know whether something was told tells it again. So every record says what it is: the changelog
that the changes stand in (partition and lineage), the number of the checkpoint among those that changed anything, and
which part of that it is. Told again, the same changes make the same records; whoever counts passes over what is not
newer than the last one counted of that changelog.

What must hold for it to be right: the same changes are cut into the same parts, whoever tells them. Changing
:data:`PART_KEYS` or the order of keys needs a new version.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from streamer.errors import UNREADABLE, StateCorrupt, StateTooNew
from streamer.population.deltas import Deltas
from streamer.population.sums import CohortSums, CreatorSums, EveryoneSums, TagSums

VERSION: Final = 2
"""Leads every record's value. Version 1, one key a record and nothing that says which, is ``population/deltas.py``."""
PART_KEYS: Final = 100
"""Keys of a part."""


class Source(NamedTuple):
    """The changelog that changes stand in."""

    partition: int
    lineage: str


class Place(NamedTuple):
    """Where a record stands in what a source tells: ``part`` of ``parts`` of checkpoint ``number``, from 1 and 0 on."""

    number: int
    part: int
    parts: int

    def follows(self, before: Place | None) -> bool:
        """Whether nothing is missing between the record before it and this one; None: there was none."""
        if before is None:
            return (self.number, self.part) == (1, 0)
        if before.part + 1 < before.parts:
            return (self.number, self.part) == (before.number, before.part + 1)
        return (self.number, self.part) == (before.number + 1, 0)

    def is_newer(self, before: Place | None) -> bool:
        """Whether the record is not counted yet, where those up to ``before`` are."""
        return before is None or (self.number, self.part) > (before.number, before.part)


class Sums(Struct, array_like=True):
    """Sums by key, to be stored; see :class:`~streamer.population.deltas.Deltas`."""

    tags: dict[str, TagSums]
    creators: dict[str, CreatorSums]
    cohorts: dict[str, dict[str, CohortSums]]
    everyone: EveryoneSums

    @classmethod
    def of(cls, deltas: Deltas) -> Sums:
        """The same sums, not copied."""
        return cls(deltas.tags, deltas.creators, deltas.cohorts, deltas.everyone)

    def deltas(self) -> Deltas:
        """The same sums, to be added to."""
        found = Deltas()
        found.tags, found.creators, found.cohorts = self.tags, self.creators, self.cohorts
        found.everyone = self.everyone
        return found


class Told(NamedTuple):
    """A record of the topic ``population``."""

    source: Source
    place: Place
    deltas: Deltas


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[int, Source, Place, Sums]).decode


def tell(source: Source, number: int, deltas: Deltas) -> Iterator[tuple[bytes, bytes]]:
    """The records (key, value) that tell what a checkpoint's users change: at least one."""
    items = sorted(((key, sums) for key, sums in deltas.items() if not sums.empty), key=lambda item: item[0])
    parts = max(1, -(-len(items) // PART_KEYS))
    for part in range(parts):
        some = Deltas()
        for key, sums in items[part * PART_KEYS : (part + 1) * PART_KEYS]:
            some.add(key, sums)
        value = _encode((VERSION, source, Place(number, part, parts), Sums.of(some)))
        yield str(source.partition).encode(), value


def version_of(value: bytes) -> int:
    """The version that a record's value says it is of; 0: none."""
    try:
        version = msgspec.msgpack.decode(value)[0]
    except (*UNREADABLE, TypeError, IndexError, KeyError, ValueError):
        return 0
    return version if isinstance(version, int) else 0


def decode_told(value: bytes) -> Told:
    """What a record tells.

    Raises:
        StateTooNew: a newer Streamer wrote it.
        StateCorrupt: it does not decode.
    """
    try:
        version, source, place, sums = _decode(value)
    except UNREADABLE as error:
        if version_of(value) > VERSION:
            raise StateTooNew("population deltas were written by a newer Streamer: upgrade this one") from None
        raise StateCorrupt(f"a record of population deltas does not decode ({error})") from None
    if version > VERSION:
        raise StateTooNew("population deltas were written by a newer Streamer: upgrade this one")
    return Told(source, place, sums.deltas())

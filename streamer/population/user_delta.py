"""What the seals of one user since the last checkpoint change in the sums over all users (spec §10).

It is saved with the state that it follows from, in one record batch, so that either both are there or neither; what a
checkpoint's users change is then told together (:mod:`~streamer.population.telling`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
from msgspec import Struct, field

from streamer.errors import UNREADABLE, StateCorrupt, StateTooNew
from streamer.population.bins import NOWHERE
from streamer.population.deltas import Deltas, TagCount
from streamer.population.sums import CreatorSums, EveryoneSums, TagSums

VERSION: Final = 1
"""Of a saved one; a newer one than this is refused. A new field goes last, with a default."""


class CreatorOutcomes(Struct, array_like=True, gc=False):
    """One creator's: the bin of ℓ that a user moved from and to, and what became of its items.

    ``expected_starts``, ``expected_abandoned``: millionths.
    """

    bin_before: int
    bin: int
    plays: int = 0
    abandoned: int = 0
    starts: int = 0
    expected_starts: int = 0
    expected_abandoned: int = 0

    def add(self, later: CreatorOutcomes) -> None:
        """Adds what the same user changed afterwards."""
        self.bin = later.bin
        self.plays += later.plays
        self.abandoned += later.abandoned
        self.starts += later.starts
        self.expected_starts += later.expected_starts
        self.expected_abandoned += later.expected_abandoned

    def add_to(self, sums: CreatorSums) -> None:
        """Adds it to the sums over all users."""
        if self.bin_before != self.bin:
            bins = sums.bins
            if self.bin_before != NOWHERE:
                bins[self.bin_before] -= 1
            if self.bin != NOWHERE:
                bins[self.bin] += 1
        sums.expected_starts += self.expected_starts
        if self.starts:
            sums.starts += self.starts
        if self.plays:
            sums.plays += self.plays
            sums.abandoned += self.abandoned
            sums.expected_abandoned += self.expected_abandoned


class UserDelta(Struct, array_like=True):
    """One user's changes, as they were found: adding them up by key is left to sums that there are anyway.

    >>> deltas = Deltas()
    >>> UserDelta(counts=[(None, [("gore", 0, 250_000)])], first=["gore"], said=[("gore", 500, 1)]).add_to(deltas)
    >>> deltas.tags["gore"]
    TagSums(users=1, dislikes=1, likes=0, o=0, e=250000)

    Attributes:
        counts: by cohort (None: none), what the user adds to tags.
        first: tags that the user has and had not.
        users: tag -> +1 if the user has it and had not, −1 the other way round.
        said: tag, ld in thousandths, how many more statements of that sign.
        outcomes: by creator.
        everyone: added to all users'.
    """

    counts: list[tuple[str | None, list[TagCount]]] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    users: list[tuple[str, int]] = field(default_factory=list)
    said: list[tuple[str, int, int]] = field(default_factory=list)
    outcomes: dict[str, CreatorOutcomes] = field(default_factory=dict)
    everyone: EveryoneSums = field(default_factory=EveryoneSums)

    @property
    def empty(self) -> bool:
        changes = self.counts or self.first or self.users or self.said or self.outcomes
        return not changes and self.everyone.empty

    def followed_by(self, later: UserDelta) -> UserDelta:
        """This one, with what the same user changed afterwards."""
        self.counts += later.counts
        self.first += later.first
        self.users += later.users
        self.said += later.said
        for creator, outcomes in later.outcomes.items():
            if creator in self.outcomes:
                self.outcomes[creator].add(outcomes)
            else:
                self.outcomes[creator] = outcomes
        self.everyone.add(later.everyone)
        return self

    def add_to(self, into: Deltas) -> None:
        """Adds everything to sums by key."""
        for cohort, counts in self.counts:
            into.count(cohort, counts)
        tags = into.tags
        for tag in self.first:
            if tag in tags:
                tags[tag].users += 1
            else:
                tags[tag] = TagSums(1)
        for tag, more in self.users:
            into.tag(tag).users += more
        for tag, ld, more in self.said:
            sums = into.tag(tag)
            if ld > 0:
                sums.dislikes += more
            else:
                sums.likes += more
        for creator, outcome in self.outcomes.items():
            outcome.add_to(into.creator(creator))
        into.everyone.add(self.everyone)


class Saved(NamedTuple):
    """A user's delta as it stands in the changelog.

    Attributes:
        lineage: of the changelog.
        number: of the checkpoint that it is of, among those that have any.
        delta: the changes.
    """

    lineage: str
    number: int
    delta: UserDelta


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[int, str, int, UserDelta]).decode


def encode_saved(saved: Saved) -> bytes:
    """Its bytes: msgpack, the schema version first."""
    return _encode((VERSION, *saved))


def decode_saved(raw: bytes) -> Saved:
    """What stands in these bytes.

    Raises:
        StateTooNew: a newer Streamer wrote them.
        StateCorrupt: they do not decode.
    """
    try:
        version, lineage, number, delta = _decode(raw)
    except UNREADABLE as error:
        raise StateCorrupt(f"a user's delta in the changelog does not decode ({error}): upgrade this worker") from None
    if version > VERSION:
        raise StateTooNew("a user's delta in the changelog was written by a newer Streamer: upgrade this worker")
    return Saved(lineage, number, delta)

"""What is added up over users, per key (spec §10). Whole numbers only: any order of adding gives the same.

A delta and a total have the same shape, for a total is the sum of its deltas. Deltas may be negative: a user whose
evidence leaves the window leaves the sums.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct, field

from streamer.population.bins import BINS

Bins = Annotated[list[int], Meta(min_length=BINS, max_length=BINS)]
Pair = Annotated[list[int], Meta(min_length=2, max_length=2)]


class TagSums(Struct, array_like=True, gc=False):
    """One tag's: ``users`` who have evidence of it, and statements against it and for it.

    ``o`` and ``e``, millionths, are of users of no cohort; everybody's are these and all cohorts'.
    """

    users: int = 0
    dislikes: int = 0
    likes: int = 0
    o: int = 0
    e: int = 0

    def add(self, other: TagSums) -> None:
        self.users += other.users
        self.dislikes += other.dislikes
        self.likes += other.likes
        self.o += other.o
        self.e += other.e

    @property
    def empty(self) -> bool:
        return not (self.users or self.dislikes or self.likes or self.o or self.e)


class CreatorSums(Struct, array_like=True, gc=False):
    """One creator's: users by bin of ℓ (:mod:`~streamer.population.bins`), and what became of being shown.

    ``expected_starts``, ``expected_abandoned``: millionths.
    """

    bins: Bins = field(default_factory=lambda: [0] * BINS)
    starts: int = 0
    expected_starts: int = 0
    plays: int = 0
    abandoned: int = 0
    expected_abandoned: int = 0

    @property
    def users(self) -> int:
        """Users who have evidence of the creator."""
        return sum(self.bins)

    def add(self, other: CreatorSums) -> None:
        bins = self.bins
        for at, users in enumerate(other.bins):
            if users:
                bins[at] += users
        self.starts += other.starts
        self.expected_starts += other.expected_starts
        self.plays += other.plays
        self.abandoned += other.abandoned
        self.expected_abandoned += other.expected_abandoned

    @property
    def empty(self) -> bool:
        counted = self.starts or self.expected_starts or self.plays or self.abandoned or self.expected_abandoned
        return not counted and not any(self.bins)


class CohortSums(Struct, array_like=True, gc=False):
    """One tag's in one cohort: ``o`` and ``e``, millionths."""

    o: int = 0
    e: int = 0

    def add(self, other: CohortSums) -> None:
        self.o += other.o
        self.e += other.e

    @property
    def empty(self) -> bool:
        return not (self.o or self.e)


class EveryoneSums(Struct, array_like=True, gc=False):
    """All users': ``starts``, ``theta`` (thousandths of an examined exposure), and plays by duration.

    ``buckets``: upper edge of a duration bucket, 0 for the unbounded one -> [plays, abandoned].
    """

    starts: int = 0
    theta: int = 0
    buckets: dict[int, Pair] = field(default_factory=dict)

    def add(self, other: EveryoneSums) -> None:
        self.starts += other.starts
        self.theta += other.theta
        for edge, (plays, abandoned) in other.buckets.items():
            self.add_plays(edge, plays, abandoned)

    def add_plays(self, edge: int, plays: int, abandoned: int) -> None:
        """Adds plays to a duration bucket."""
        known = self.buckets.get(edge)
        if known is None:
            self.buckets[edge] = [plays, abandoned]
        else:
            known[0] += plays
            known[1] += abandoned

    @property
    def empty(self) -> bool:
        return not (self.starts or self.theta or any(any(pair) for pair in self.buckets.values()))


Sums = TagSums | CreatorSums | CohortSums | EveryoneSums

EVERYONE: Final = "everyone"
COHORT: Final = "cohort"

"""What one user's seals change in the sums over all users (spec §10).

The sums follow the state: a user counts with what the tiles and records hold now, so what is evicted, undone, or leaves
the window is taken out again. Only what a creator's items met with (starts, plays, and what was expected of them) is
not kept in tiles, and stays counted.

A user *has* a key that has evidence in R. Nothing that was emitted is remembered: what a key was counted as follows
from R before a change as well as after it. So whoever changes R says so beforehand.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, TypeVar

from streamer.population.bins import EDGES, HAIR, bin_of
from streamer.population.deltas import Deltas
from streamer.population.sums import CohortSums, CreatorSums, TagSums
from streamer.profile.contribution import Baseline, session_ratings
from streamer.profile.evidence import Change
from streamer.profile.records import Contribution, Record
from streamer.profile.rollup import Rollup, Sums
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.profile.tile import Tile
from streamer.scoring.counts import CREATOR, TAG, Cell
from streamer.scoring.score import log_odds
from streamer.signals.outcome import is_positive
from streamer.signals.rounding import micro

_T = TypeVar("_T", bool, int)

NOWHERE: Final = -1
"""Instead of a bin: the user does not have the creator."""

EVEN: Final = 0.5
"""A prior of no weight: log odds by it are ℓ."""


def _expected_at(evidence: float) -> float:
    """The E at which ℓ, of nothing observed and nothing said, reaches so many nats; ℓ rises with E."""
    low, high = 0.0, 1.0
    while log_odds(0.0, high, 0.0, EVEN) < evidence:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if log_odds(0.0, middle, 0.0, EVEN) < evidence:
            low = middle
        else:
            high = middle
    return high


_FIRST_ABOVE: Final = bin_of(0.0)
_EXPECTED_EDGES: Final = [_expected_at(edge - HAIR) for edge in EDGES if edge > 0]
"""Where a creator that only was passed over moves up a bin, by E: most are, and need no logarithms."""


class Census:
    """Says nothing: what a profile has while the population is off. See :class:`Emitting` for what each call says."""

    def begin_day(self, day: int, records: Collection[Record]) -> None:
        """A seal on this day is to come: the window moves on. Before any change of that seal."""

    def seal(self, session: Session, delta: Tile, baseline: Baseline, changes: Iterable[Change]) -> None:
        """A session is about to join R with these counts and changes of statements, formed against this baseline."""

    def take_back(self, contribution: Contribution) -> None:
        """A statement is about to be taken back."""

    def drop(self, record: Record) -> None:
        """A record is about to be dropped, whose evidence stays in its tile."""

    def before_caps(self, day: int) -> None:
        """A day's tile is about to be held to its caps."""

    def evict(self, kind: str, value: str, cell: Cell) -> None:
        """A key's counts of that day were dropped."""

    def leave(self, records: Collection[Record]) -> None:
        """All counts and statements are about to be forgotten."""

    def settle(self, cohort: str | None) -> None:
        """The change is done; the user is of this cohort now. After every change."""

    def take(self, into: Deltas) -> None:
        """Moves what has been said since the last call to other deltas."""


class Emitting(Census):
    """Says what one user adds to, and takes from, the sums over all users.

    Args:
        rollup: R.
        rules: the deployment's constants.
        last_seal: the day of the last seal; −1: there was none.
        cohort: the cohort that the user counts in, by sealed sessions.
    """

    def __init__(self, rollup: Rollup, rules: Rules, last_seal: int, cohort: str | None) -> None:
        self._deltas = Deltas()
        self._rollup = rollup
        self._rules = rules
        self._first_day = last_seal - rules.window_days + 1
        self._cohort = cohort
        self._tags: dict[str, bool] = {}
        self._creators: dict[str, int] = {}

    def begin_day(self, day: int, records: Collection[Record]) -> None:
        first_day = day - self._rules.window_days + 1
        if first_day <= self._first_day:
            return
        for tile in self._rollup.leaving(day):
            self._count(tile, -1)
        for record in records:
            if record.contributed is not None and record.contributed.day < first_day:
                self._state(record.contributed, -1)
        self._first_day = first_day

    def seal(self, session: Session, delta: Tile, baseline: Baseline, changes: Iterable[Change]) -> None:
        self._count(delta, 1)
        self._meet(session, delta, baseline)
        for change in changes:
            if change.removed is not None:
                self.take_back(change.removed)
            if change.added is not None:
                self._state(change.added, 1)

    def take_back(self, contribution: Contribution) -> None:
        self._touch([value for kind, value, _, _ in contribution.parts if kind == TAG], self._tags, self._has)
        self._touch([value for kind, value, _, _ in contribution.parts if kind == CREATOR], self._creators, self._bin)
        self._state(contribution, -1)

    def drop(self, record: Record) -> None:
        if record.contributed is not None:
            self._state(record.contributed, -1)

    def before_caps(self, day: int) -> None:
        tile, caps = self._rollup.tiles[day], self._rules.tile_caps
        if sum(map(len, tile.tags.values())) > caps.tags or len(tile.creators) > caps.creators:
            self._touch_all(tile)

    def evict(self, kind: str, value: str, cell: Cell) -> None:
        if kind == TAG:
            self._count_tags({value: cell}, -1)

    def leave(self, records: Collection[Record]) -> None:
        for tile in self._rollup.tiles.values():
            self._count(tile, -1)
        for record in records:
            self.drop(record)

    def take(self, into: Deltas) -> None:
        into.merge(self._deltas)

    # --- counts -----------------------------------------------------------------------------------------------

    def _touch_all(self, tile: Tile) -> None:
        """Notes what a tile's keys count as, before they change."""
        for cells in tile.tags.values():
            self._touch(cells, self._tags, self._has)
        self._touch(tile.creators, self._creators, self._bin)

    @staticmethod
    def _touch(values: Iterable[str], known: dict[str, _T], now: Callable[[str], _T]) -> None:
        for value in values:
            if value not in known:
                known[value] = now(value)

    def _count(self, tile: Tile, sign: int) -> None:
        """Adds a tile's counts that are about to join R, or with sign −1 those that are about to leave it."""
        self._touch_all(tile)
        for cells in tile.tags.values():
            self._count_tags(cells, sign)
        everyone = self._deltas.everyone
        everyone.starts += sign * tile.totals.starts
        everyone.theta += sign * tile.totals.theta
        for edge, (plays, abandoned) in tile.buckets.items():
            everyone.add_plays(edge, sign * plays, sign * abandoned)

    def _count_tags(self, cells: Mapping[str, Cell], sign: int) -> None:
        sums, cohorts, cohort = self._deltas.tags, self._deltas.cohorts, self._cohort
        for tag, cell in cells.items():
            o, e = sign * cell.o, sign * cell.e
            known = sums.get(tag)
            if known is None:
                sums[tag] = TagSums(0, 0, 0, o, e)
            else:
                known.o += o
                known.e += e
            if cohort is not None:
                in_cohort = cohorts.get((cohort, tag))
                if in_cohort is None:
                    cohorts[cohort, tag] = CohortSums(o, e)
                else:
                    in_cohort.o += o
                    in_cohort.e += e

    def _state(self, contribution: Contribution, sign: int) -> None:
        """Adds what a statement says of its tags, or with sign −1 takes it back, unless it has left the window."""
        if contribution.day < self._first_day:
            return
        for kind, value, _, ld in contribution.parts:
            if kind == TAG and ld:
                sums = self._deltas.tags.get(value)
                if sums is None:
                    sums = self._deltas.tags[value] = TagSums()
                if ld > 0:
                    sums.dislikes += sign
                else:
                    sums.likes += sign

    # --- creators ---------------------------------------------------------------------------------------------

    def _meet(self, session: Session, delta: Tile, baseline: Baseline) -> None:
        """Adds what a sealing session's items met with, by creator.

        Args:
            session: the session.
            delta: its counts.
            baseline: R before it.
        """
        creators = self._deltas.creators
        for creator, cell in delta.creators.items():
            sums = creators.get(creator)
            if sums is None:
                sums = creators[creator] = CreatorSums()
            sums.plays += cell.started
            sums.abandoned += cell.abandoned
        rate = baseline.rate(delta.totals.starts, delta.totals.theta)
        items = session.counted(self._rules)
        ratings = session_ratings(items, baseline.rollup)
        long_enough = session.long_enough(self._rules)
        for item in items:
            if item.creator is None or item.creator not in creators:
                continue
            sums = creators[item.creator]
            if long_enough and item.seen:
                if item.started or item.clicked:
                    sums.starts += 1
                elif item.responded and not is_positive(item, *ratings):
                    continue
                sums.expected_starts += micro(rate * item.attention / 1000)
            if item.started and item.media != "product":
                sums.expected_abandoned += micro(baseline.usual_abandonment(item.duration_s))

    # --- the end of a change ----------------------------------------------------------------------------------

    def settle(self, cohort: str | None) -> None:
        tags = self._deltas.tags
        for tag, had in self._tags.items():
            has = self._has(tag)
            if has != had:
                sums = tags.get(tag)
                if sums is None:
                    sums = tags[tag] = TagSums()
                sums.users += 1 if has else -1
        self._tags.clear()
        creators = self._deltas.creators
        for creator, old in self._creators.items():
            new = self._bin(creator)
            if new != old:
                moved = creators.get(creator)
                if moved is None:
                    moved = creators[creator] = CreatorSums()
                if old != NOWHERE:
                    moved.bins[old] -= 1
                if new != NOWHERE:
                    moved.bins[new] += 1
        self._creators.clear()
        if cohort != self._cohort:
            self._move(cohort)

    def _move(self, cohort: str | None) -> None:
        """The user counts in another cohort from now on."""
        counts = [(tag, cell) for tile in self._rollup.tiles.values() for tag, cell in tile.tag_totals().items()]
        for group, sign in ((self._cohort, -1), (cohort, 1)):
            if group is not None:
                for tag, cell in counts:
                    self._deltas.cohorts.setdefault((group, tag), CohortSums()).add(
                        CohortSums(sign * cell.o, sign * cell.e)
                    )
        self._cohort = cohort

    def _has(self, tag: str) -> bool:
        sums = self._rollup.sums[TAG].get(tag)
        return sums is not None and (sums.e > 0 or any(cell.has_evidence for _, cell in self._rollup.days(TAG, tag)))

    def _bin(self, creator: str) -> int:
        sums = self._rollup.sums[CREATOR].get(creator)
        if sums is None:
            return NOWHERE
        place = sums.place
        if place is None:
            place = sums.place = self._bin_of(creator, sums)
        return place

    def _bin_of(self, creator: str, sums: Sums) -> int:
        if sums.ld or sums.blamed or sums.last_day < 0:
            scored = self._rollup.score(CREATOR, creator, self._rules.scorer)
            if scored is None:
                return NOWHERE
            return bin_of(log_odds(scored.observed, scored.expected, scored.explicit, EVEN))
        scale = self._rollup.scale(sums.last_day)
        if sums.o == 0:
            return _FIRST_ABOVE + bisect_right(_EXPECTED_EDGES, sums.e * scale)
        return bin_of(log_odds(sums.o * scale, sums.e * scale, 0.0, EVEN))

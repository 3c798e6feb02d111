"""What one user's seals change in the sums over all users (spec §10).

The sums follow the state: a user counts with what the tiles and records hold now, so what is evicted, undone, or leaves
the window is taken out again. Only what a creator's items met with (starts, plays, and what was expected of them) is
not kept in tiles, and stays counted.

A user *has* a key that has evidence in R. Nothing that was emitted is remembered: what a key was counted as follows
from R before a change as well as after it. So whoever changes R says so beforehand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from streamer.population.bins import NOWHERE
from streamer.population.user_delta import CreatorOutcomes, UserDelta
from streamer.profile.baseline import Baseline
from streamer.profile.crowd.creator_bins import bin_of_cell, creator_bin
from streamer.profile.crowd.creator_outcomes import add_outcomes
from streamer.profile.explicit.contributed import Contribution
from streamer.profile.explicit.evidence import Change
from streamer.profile.explicit.records import ExplicitRecord
from streamer.profile.rollup.rollup import Rollup
from streamer.profile.rollup.sums import Sums
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.profile.tile import Tile
from streamer.scoring.counts import CREATOR, TAG, Cell


class NoChanges:
    """Says nothing: of a user who is not counted.

    Args:
        left: what was said while the user still was, and nobody has taken yet.
    """

    def __init__(self, left: UserDelta | None = None) -> None:
        self._left = left

    def enter(self, records: Collection[ExplicitRecord]) -> None: ...
    def withdraw(self, records: Collection[ExplicitRecord]) -> None: ...
    def begin_day(self, day: int, records: Collection[ExplicitRecord]) -> None: ...
    def begin_anew(self) -> None: ...
    def join(self, cohort: str | None) -> None: ...
    def seal(self, session: Session, delta: Tile, baseline: Baseline, changes: Iterable[Change]) -> None: ...
    def take_back(self, contribution: Contribution) -> None: ...
    def drop(self, record: ExplicitRecord) -> None: ...
    def before_caps(self, day: int) -> None: ...
    def evict(self, kind: str, value: str, cell: Cell) -> None: ...
    def leave(self, records: Collection[ExplicitRecord]) -> None: ...
    def erase(self, day: int) -> None: ...
    def settle(self) -> None: ...

    def take(self) -> UserDelta | None:
        """What has been said since the last call; None if it is nothing."""
        left, self._left = self._left, None
        return left


class PopulationChanges(NoChanges):
    """Says what one user adds to, and takes from, the sums over all users. It is told of every change beforehand.

    What is said waits in plain lists until it is saved with the state that it follows from.

    Args:
        rollup: R.
        rules: the deployment's constants.
        last_seal: the day of the last seal; −1: there was none.
        cohort: the cohort that the user counts in, by sealed sessions.
        left: what was said before, and nobody has taken yet.
    """

    def __init__(
        self, rollup: Rollup, rules: Rules, last_seal: int, cohort: str | None, left: UserDelta | None = None
    ) -> None:
        super().__init__()
        self._rollup = rollup
        self._rules = rules
        self._first_day = _first_day(last_seal, rules)
        self._cohort = cohort
        self._tags: dict[str, bool] = {}  # that are changing, and whether the user had them
        self._creators: list[str] = []  # that are changing
        self._delta = left or UserDelta()

    def enter(self, records: Collection[ExplicitRecord]) -> None:
        """The user counts from now on, with all that is in R. Between two changes."""
        for tile in self._rollup.tiles.values():
            self._count(tile, 1)
        for record in records:
            if record.contributed is not None:
                self._state(record.contributed, 1)
        self._delta.users += [(tag, 1) for tag in self._rollup.sums[TAG] if self._has(tag)]
        for creator in self._rollup.sums[CREATOR]:
            now = creator_bin(self._rollup, creator, self._rules.scorer)
            self._delta.outcomes.setdefault(creator, CreatorOutcomes(NOWHERE, now)).bin = now

    def withdraw(self, records: Collection[ExplicitRecord]) -> None:
        """The user counts no longer: all that is in R is taken out of the sums. Between two changes."""
        self.leave(records)
        self._delta.users += [(tag, -1) for tag, had in self._tags.items() if had]
        for creator in self._creators:
            self._delta.outcomes[creator].bin = NOWHERE
        self._tags.clear()
        self._creators.clear()

    def begin_day(self, day: int, records: Collection[ExplicitRecord]) -> None:
        """A seal on this day is to come: the window moves on. Before any change of that seal."""
        first_day = _first_day(day, self._rules)
        if first_day <= self._first_day:
            return
        for tile in self._rollup.leaving(day):
            self._count(tile, -1)
        for record in records:
            if record.contributed is not None and record.contributed.day < first_day:
                self._state(record.contributed, -1)
        self._first_day = first_day

    def begin_anew(self) -> None:
        """No seal is remembered any more: the next one may be of an older day than the last."""
        self._first_day = _first_day(-1, self._rules)

    def join(self, cohort: str | None) -> None:
        """The user counts in this cohort from now on. Before a session's counts join R."""
        if cohort == self._cohort:
            return
        counts = [(tag, cell) for tile in self._rollup.tiles.values() for tag, cell in tile.tag_totals().items()]
        self._delta.counts.append((self._cohort, [(tag, -cell.o, -cell.e) for tag, cell in counts]))
        self._delta.counts.append((cohort, [(tag, cell.o, cell.e) for tag, cell in counts]))
        self._cohort = cohort

    def seal(self, session: Session, delta: Tile, baseline: Baseline, changes: Iterable[Change]) -> None:
        """A session is about to join R with these counts and changes of statements, formed against this baseline."""
        for change in changes:
            if change.removed is not None:
                self.take_back(change.removed)
            if change.added is not None:
                self._state(change.added, 1)
        self._note_first(delta)
        self._count(delta, 1)
        add_outcomes(self._delta.outcomes, session, delta, baseline, self._rules)

    def take_back(self, contribution: Contribution) -> None:
        """A statement is about to be taken back."""
        self._touch_tags([value for kind, value, _, _ in contribution.parts if kind == TAG])
        self._touch_creators([value for kind, value, _, _ in contribution.parts if kind == CREATOR])
        self._state(contribution, -1)

    def drop(self, record: ExplicitRecord) -> None:
        """A record is about to be dropped, whose evidence stays in its tile."""
        if record.contributed is not None:
            self._state(record.contributed, -1)

    def before_caps(self, day: int) -> None:
        """A day's tile is about to be held to its caps."""
        tile, caps = self._rollup.tiles[day], self._rules.tile_caps
        if sum(map(len, tile.tags.values())) > caps.tags or len(tile.creators) > caps.creators:
            self._touch_tags(tile.tag_totals())
            self._touch_creators(tile.creators)

    def evict(self, kind: str, value: str, cell: Cell) -> None:
        """A key's counts of that day were dropped."""
        if kind == TAG:
            self._delta.counts.append((self._cohort, [(value, -cell.o, -cell.e)]))

    def leave(self, records: Collection[ExplicitRecord]) -> None:
        """All counts and statements are about to be forgotten."""
        for tile in self._rollup.tiles.values():
            self._count(tile, -1)
        for record in records:
            self.drop(record)

    def erase(self, day: int) -> None:
        """The counts of all days up to this one are about to be erased."""
        for tile in self._rollup.leaving(day + self._rules.window_days):
            self._count(tile, -1)

    def settle(self) -> None:
        """The change is done. After every change."""
        for tag, had in self._tags.items():
            has = self._has(tag)
            if has != had:
                self._delta.users.append((tag, 1 if has else -1))
        self._tags.clear()
        for creator in self._creators:
            self._delta.outcomes[creator].bin = creator_bin(self._rollup, creator, self._rules.scorer)
        self._creators.clear()

    def take(self) -> UserDelta | None:
        """What has been said since the last call; None if it is nothing."""
        delta = self._delta
        if delta.empty:
            return None  # as at most checkpoints: nothing has sealed
        self._delta = UserDelta()
        return delta

    # --- counts -----------------------------------------------------------------------------------------------

    def _count(self, tile: Tile, sign: int) -> None:
        """Adds a tile's counts that are about to join R, or with sign −1 those that are about to leave it."""
        for cells in tile.tags.values():
            counts = [(tag, sign * cell.o, sign * cell.e) for tag, cell in cells.items()]
            self._delta.counts.append((self._cohort, counts))
            if sign < 0:
                self._touch_tags(cells)
        if sign < 0:
            self._touch_creators(tile.creators)
        everyone = self._delta.everyone
        everyone.starts += sign * tile.totals.starts
        everyone.theta += sign * tile.totals.theta
        for edge, (plays, abandoned) in tile.buckets.items():
            everyone.add_plays(edge, sign * plays, sign * abandoned)

    def _note_first(self, delta: Tile) -> None:
        """Notes the keys of a session, of those that the user has not met what they are going to count as: most are."""
        tags, changing = self._rollup.sums[TAG], self._tags
        for cells in delta.tags.values():
            first: list[str] = []
            if len(delta.tags) == 1:
                first = [tag for tag, cell in cells.items() if cell.e and tag not in tags and tag not in changing]
                self._delta.first += first
            if len(first) == len(cells):
                continue
            noted = set(first)
            for tag in cells:
                known = tags.get(tag)
                if tag not in noted and (not isinstance(known, Sums) or known.e <= 0):  # more evidence takes none away
                    self._touch_tags((tag,))
        creators, outcomes = self._rollup.sums[CREATOR], self._delta.outcomes
        for creator, cell in delta.creators.items():
            if creator in creators or creator in outcomes:
                self._touch_creators((creator,))
            else:
                outcomes[creator] = CreatorOutcomes(NOWHERE, bin_of_cell(cell))

    def _state(self, contribution: Contribution, sign: int) -> None:
        """Adds what a statement says of its tags, or with sign −1 takes it back, unless it has left the window."""
        if contribution.day >= self._first_day:
            self._delta.said += [(value, ld, sign) for kind, value, _, ld in contribution.parts if kind == TAG and ld]

    # --- what a key counts as ---------------------------------------------------------------------------------

    def _touch_tags(self, tags: Iterable[str]) -> None:
        """Notes whether the user has these tags, before they change."""
        for tag in tags:
            if tag not in self._tags:
                self._tags[tag] = self._has(tag)

    def _touch_creators(self, creators: Collection[str]) -> None:
        """Notes which bins these creators are in, before they change."""
        outcomes = self._delta.outcomes
        self._creators += creators
        for creator in creators:
            if creator not in outcomes:  # else it has changed before, and its bin is known
                before = creator_bin(self._rollup, creator, self._rules.scorer)
                outcomes[creator] = CreatorOutcomes(before, before)

    def _has(self, tag: str) -> bool:
        sums = self._rollup.sums[TAG].get(tag)
        if sums is None:
            return False
        if isinstance(sums, Sums):
            return sums.e > 0 or any(cell.has_evidence for _, cell in self._rollup.days(TAG, tag))
        cell = self._rollup.tiles[sums].cell(TAG, tag)
        return cell is not None and cell.has_evidence


def _first_day(last_seal: int, rules: Rules) -> int:
    """Of the window, as of the day of a seal; −1: there was none."""
    return last_seal - rules.window_days + 1

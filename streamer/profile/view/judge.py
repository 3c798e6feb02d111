"""What follows for one key from its counts: R's, and what open sessions add to them (spec §6, §7)."""

from __future__ import annotations

from collections.abc import Mapping

from streamer.profile.rollup.bounds import raises
from streamer.profile.rollup.rollup import Key, Rollup
from streamer.profile.state import State
from streamer.profile.view.contexts import contexts_of, disliked_in
from streamer.profile.view.provisional import Provisional, cells_of
from streamer.scoring.contents import content_entry, may_have_content_entry
from streamer.scoring.contextual import Context, context_entries
from streamer.scoring.counts import CONTENT, CREATOR, TAG, Cell
from streamer.scoring.creators import LEFT
from streamer.scoring.document import Entry, Kind
from streamer.scoring.entries import Days, Scored, is_listed


class Judge:
    """Makes the entries of keys.

    Args:
        rollup: R.
        opened: what open sessions add.
        state: whose they are: its listed bits and rules count.
        today: the day of the newest event.
        as_of: its ts, ms; entries that have expired by then are none.
    """

    def __init__(self, rollup: Rollup, opened: Provisional, state: State, today: int, as_of: int) -> None:
        self.as_of = as_of
        self._rollup = rollup
        self._open = opened
        self._listed = state.listed
        self._rules = state.rules
        self._today = today

    def sealed(self) -> Mapping[Key, tuple[Entry, ...]]:
        """The entries that follow from R alone."""
        return self._rollup.sealed_entries.entries(self.as_of, self._sealed_entries)

    def _sealed_entries(self, kind: str, value: str) -> tuple[Entry, ...]:
        if kind == TAG and (kind, value) not in self._listed:
            scored = self._rollup.score(kind, value, self._rules.scorer)
            if scored is None or not is_listed(scored, False):
                return self._in_contexts(value, {})
        return self.entries(kind, value, {})

    def entries(self, kind: str, value: str, provisional: dict[int, Cell]) -> tuple[Entry, ...]:
        """The entries of a key from its sealed counts and those that open sessions add by day.

        It has one at most, but for a tag without one that stands out in some contexts.
        """
        if kind == CONTENT:
            days = self.days_with(kind, value, provisional)
            if len(days) == 1 and not may_have_content_entry(days[0][1]):
                return ()
            content = content_entry(value, days, self.as_of)
            return () if content is None else (content,)
        listed_until = self._listed.get((kind, value), -1)
        stated = kind == TAG and value in self._open.stated
        if listed_until < 0 and not stated and not self._could_be_listed(kind, value, provisional):
            return ()
        scorer = self._rules.scorer
        days = self.days_with(kind, value, provisional)
        scored = self._score(kind, value, days, provisional)
        name: Kind = "creator" if kind == CREATOR else "tag"
        entry = scorer.key_entry(name, value, days, scored, listed_until > self.as_of, self.as_of)
        if entry is not None:
            return (entry,)
        return self._in_contexts(value, provisional) if kind == TAG else ()

    def days(self, kind: str, value: str) -> Days:
        """A key's counts by day."""
        return self.days_with(kind, value, cells_of(self._open.tiles, kind, value))

    def contexts(self, tag: str) -> dict[Context, Days]:
        """A tag's counts in each of its contexts, by day."""
        return contexts_of(self._rollup, self._open.tiles, tag)

    def _in_contexts(self, tag: str, provisional: dict[int, Cell]) -> tuple[Entry, ...]:
        """The entries of a tag that has none itself."""
        if tag not in self._open.stated and not self._could_stand_out(tag, provisional):
            return ()
        scorer = self._rules.scorer
        days = contexts_of(self._rollup, self._open.tiles if provisional else {}, tag)
        disliked = disliked_in(tag, days, scorer)
        if not disliked:
            return ()
        scored = self._score(TAG, tag, self.days_with(TAG, tag, provisional), provisional)
        tag_log_odds = scorer.nothing_known(TAG, tag) if scored is None else scored.log_odds
        return context_entries(tag, disliked, tag_log_odds, self.as_of)

    # --- which keys are worth a score: cheap upper bounds (``profile/rollup/bounds.py``) --------------------------

    def could_be_listed(self, kind: str, cells: Mapping[str, Cell], day: int) -> list[str]:
        """Which of these tags or creators could have an entry; they have counts of open sessions on this day alone."""
        known, least = self._rollup.sums[kind], self._rollup.frame.bounds.unblamed[kind] * 1e6
        return [
            value
            for value, cell in cells.items()
            if (cell.e >= least or cell.ld > 0 or value in known or (cell.plays and cell.abandoned >= LEFT))
            and self._could_be_listed(kind, value, {day: cell})
        ]

    def _could_be_listed(self, kind: str, value: str, provisional: Mapping[int, Cell]) -> bool:
        rollup = self._rollup
        sums = rollup.sums_of(kind, value)
        expected, blamed, last_day = (0.0, 0.0, -1) if sums is None else (sums.e, sums.blamed, sums.last_day)
        left = 0 if sums is None else sums.left
        for day, cell in provisional.items():
            if cell.ld and day == last_day:
                return True  # an undo may take away all evidence of that day, and an earlier one is the last then
            weight = rollup.weight(day) / 1e6
            expected += cell.e * weight
            blamed += max(cell.ld, 0) * weight
            if cell.plays:
                left += cell.abandoned
            if day > last_day and cell.has_evidence:
                last_day = day
        if last_day < 0:
            return False
        if left >= LEFT:
            return True
        scale = rollup.scale(last_day)
        return rollup.frame.bounds.listable(kind, value, expected * scale, blamed * scale)

    def _could_stand_out(self, tag: str, provisional: Mapping[int, Cell]) -> bool:
        """Whether any context of a tag could have an entry: L ≥ 0 on one of the tag's days, and L ≥ −1.5 by today.

        Args:
            tag: the tag.
            provisional: its counts of open sessions by day, in which nothing was said, on top of R.
        """
        rollup = self._rollup
        sums = rollup.sums_of(TAG, tag)
        most, first_day = (0.0, self._today) if sums is None else (raises(sums.e, sums.blamed), sums.days[0])
        for day, cell in provisional.items():
            most += raises(cell.e * rollup.weight(day) / 1e6)
            first_day = min(first_day, day)
        return rollup.frame.bounds.stands_out(tag, most * rollup.scale(first_day), most * rollup.scale(self._today))

    # --- counts and scores --------------------------------------------------------------------------------------

    def _score(self, kind: str, value: str, days: Days, provisional: dict[int, Cell]) -> Scored | None:
        """The score of a key with these counts; what is sealed alone has been scored once and for all."""
        scorer = self._rules.scorer
        return scorer.score(kind, value, days) if provisional else self._rollup.score(kind, value, scorer)

    def days_with(self, kind: str, value: str, provisional: dict[int, Cell]) -> Days:
        """A key's counts by day, ascending, days without a nonzero number left out."""
        sealed = self._rollup.days(kind, value)
        if not provisional:
            return sealed
        by_day = dict(sealed)
        for day, cell in provisional.items():
            known = by_day.get(day)
            by_day[day] = cell if known is None else known.plus(cell)
        return [(day, cell) for day, cell in sorted(by_day.items()) if not cell.empty]

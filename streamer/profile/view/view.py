"""The document of a profile: R, plus what the open sessions add provisionally (spec §5, §7, §9)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from streamer.events import DAY_MS
from streamer.profile.baseline import Baseline
from streamer.profile.explicit.evidence import judge_ratings
from streamer.profile.explicit.standing import Standing
from streamer.profile.rollup.rollup import Key, Rollup
from streamer.profile.rollup.sums import add_completions
from streamer.profile.state import State
from streamer.profile.tile import Tile
from streamer.profile.view.durations import capped, days_above, is_explained, plays_by_duration
from streamer.profile.view.judge import Judge
from streamer.profile.view.provisional import NOTHING, Provisional, cells_of, changed, present
from streamer.scoring import entries
from streamer.scoring.assemble import assemble
from streamer.scoring.contents import may_have_content_entry
from streamer.scoring.contextual import Context
from streamer.scoring.counts import CONTENT, CREATOR, TAG, Cell
from streamer.scoring.document import Document, Entry
from streamer.scoring.duration import Plays
from streamer.scoring.taken_back import engaged_since
from streamer.signals.rounding import places4

KNOWN_THETA = 20 - 1e-9
"""Examined exposures that make a user known: their document stays even when it lists nothing.

A hair below 20, so that the rounding of decayed sums does not decide.
"""


def past_window(state: State) -> Document | None:
    """The document once the newest event has left the window: what is excluded, for as long as it is."""
    as_of = state.newest
    today = state.watermark // DAY_MS
    judge_ratings(state.sessions, state.baseline(as_of // DAY_MS), state.rules)
    found = list(_hard_entries(Standing(*present(state, today, state.watermark)), state.watermark))
    return _assemble(state, as_of, found, {}) if found else None


def days_of(state: State, kind: str, value: str) -> entries.Days:
    """The counts by day that the document judges a tag, creator or content by: sealed, and of open sessions."""
    if state.newest < 0 or state.past_window:
        return []
    return View(state).judge.days(kind, value)


def contexts_in(state: State, tag: str) -> dict[Context, entries.Days]:
    """The same of a tag in each of its contexts."""
    if state.newest < 0 or state.past_window:
        return {}
    return View(state).judge.contexts(tag)


def plays_in(state: State) -> dict[int, Plays]:
    """The plays by duration that the document judges a cap by."""
    if state.newest < 0 or state.past_window:
        return {}
    return View(state).plays()


def days_left_above(state: State, edge: int) -> int:
    """The days on which something longer than this, s, was left early, as the document counts them."""
    return 0 if state.newest < 0 or state.past_window else View(state).days_left_above(edge)


def is_cap_explained(state: State, edge: int) -> bool:
    """Whether a cap, s, would be what one tag or creator explains."""
    return state.newest >= 0 and not state.past_window and View(state).is_cap_explained(edge)


class View:
    """R as of the day of the newest event, what open sessions add to it, and the entries that follow from both.

    It can be brought up to date with interactions that changed (:meth:`refresh`), at the price of the keys that they
    touch, as long as nothing else does: R, the day, and everything explicit.

    Args:
        state: whose.

    Attributes:
        judge: of its keys.
    """

    def __init__(self, state: State) -> None:
        self._today = today = state.newest // DAY_MS
        self._rules = state.rules
        self._listed = state.listed
        self._baseline = state.baseline(today)
        self._rollup: Rollup = self._baseline.rollup
        self._made: dict[Key, tuple[Entry, ...]] = {}
        """Entries of the keys that open sessions touch, if they have any."""
        self._is_whole = False
        """These have been made once: for the first document."""
        self._lists = False
        self._besides: tuple[bool, Entry | None, list[Entry]] = (False, None, [])
        """What there is to a document besides the entries of keys, as of the last one."""
        self._differs = True
        self._take_statements(state)

    def _take_statements(self, state: State) -> None:
        as_of = state.newest
        self._provisional = Provisional(state, self._baseline, self._today, as_of)
        self.judge = Judge(self._rollup, self._provisional, state, self._today, as_of)
        records, sessions = self._provisional.records, self._provisional.sessions
        self._hard: list[Entry] = []
        self._followed: set[str] = set()
        if records or any(session.records for session in sessions):
            standing = Standing(records, sessions, state.standing if records is state.records else None)
            self._hard = list(_hard_entries(standing, as_of))
            self._followed = standing.followed()

    @property
    def ready(self) -> Tile | None:
        """What the only session, closed, adds when it seals as it is; None: there is more to it."""
        return self._provisional.ready

    def stands_on(self, baseline: Baseline) -> bool:
        """Whether R is as it was, looked at on the same day."""
        return self._baseline is baseline

    def restate(self, state: State) -> None:
        """Takes in all that changed in the open sessions, statements too; the state is the one that this is of."""
        before, hard, followed = self._provisional.tiles, self._hard, self._followed
        self._take_statements(state)
        self._differs |= hard != self._hard or followed != self._followed
        self._compare(before)

    def refresh(self, watermark: int) -> None:
        """Takes in the interactions that changed, as of a watermark (ms)."""
        before = self._provisional.tiles
        self._provisional.refresh(watermark)
        self._compare(before)

    def _compare(self, before: Mapping[int, Tile]) -> None:
        """Makes the entries of the keys anew that open sessions add something else to."""
        if not self._is_whole:
            return
        made, after, sealed = self._made, self._provisional.tiles, self.judge.sealed()
        for key in self._doubtful(before, after):
            was = made.pop(key, None) or (() if cells_of(before, *key) else sealed.get(key, ()))
            cells = cells_of(after, *key)
            now = self.judge.entries(*key, cells) if cells else sealed.get(key, ())
            if now and cells:
                made[key] = now
            self._differs |= now != was

    def _doubtful(self, before: Mapping[int, Tile], after: Mapping[int, Tile]) -> Collection[Key]:
        """The keys with other counts than before that had entries, or could have some now; and others, if need be."""
        if len(after) != 1 or not before.keys() <= after.keys():
            return changed(before, after)
        ((day, new),) = after.items()
        old = before.get(day, NOTHING)
        if len(new.tags) != 1 or not old.tags.keys() <= new.tags.keys():
            return changed(before, after)
        watched = {**self._made, **self.judge.sealed(), **self._listed}
        watched.update(((TAG, tag), ()) for tag in self._provisional.stated)
        found = [key for key in watched if old.cell(*key) != new.cell(*key)]
        contents = self._rollup.contents
        found += [
            (CONTENT, value)
            for value, cell in new.contents.items()
            if (value in contents or may_have_content_entry(cell)) and old.contents.get(value) != cell
        ]
        for kind, had, has in ((TAG, old.tag_totals(), new.tag_totals()), (CREATOR, old.creators, new.creators)):
            others = {value: cell for value, cell in has.items() if had.get(value) != cell}
            found += [(kind, value) for value in self.judge.could_be_listed(kind, others, day)]
        return dict.fromkeys(found)

    def differs(self) -> bool:
        """Whether what is written of the document may be another than when it was last asked for."""
        if not self._differs:
            self._differs = self._besides != self._besides_now()
        return self._differs

    def _besides_now(self) -> tuple[bool, Entry | None, list[Entry]]:
        """Whether there is a document, the duration cap, and what was named and not taken back."""
        exists = self._lists or self._theta() >= KNOWN_THETA
        cap = capped(self._rollup, self._provisional.tiles, self._today, self.judge.as_of, self._rules.priors)
        return exists, cap, [entry for entry in self._hard if not self._is_taken_back(entry)]

    def document(self, state: State) -> Document | None:
        """The document; the state is the one that this is a view of."""
        self.judge.as_of = state.newest
        if not self._is_whole:
            self._is_whole = True
            for key, cells in self._cells().items():
                made = self.judge.entries(*key, cells)
                if made:
                    self._made[key] = made
        self._lists = False
        exists, cap, excluding = self._besides_now()
        found = self._found(cap, excluding)
        self._lists = bool(found)
        self._besides = (exists or self._lists, cap, excluding)
        self._differs = False
        return _assemble(state, state.newest, found, self._completion()) if self._besides[0] else None

    def _found(self, cap: Entry | None, excluding: list[Entry]) -> list[Entry]:
        """All entries that stand."""
        found = excluding.copy()
        excluded = {entry.value for entry in found if entry.kind == TAG}
        tiles, followed = self._provisional.tiles, self._followed
        for (kind, value), made in self.judge.sealed().items():
            if not (kind == CREATOR and value in followed) and not cells_of(tiles, kind, value):
                found += made
        for (kind, value), made in self._made.items():
            if not (kind == CREATOR and value in followed):
                found += made
        if excluded:
            found = [entry for entry in found if entry.context is None or entry.value not in excluded]
        return found if cap is None else [*found, cap]

    def _is_taken_back(self, entry: Entry) -> bool:
        """Block and report stand."""
        if entry.kind != TAG or entry.expires_at is None:
            return False
        return engaged_since(self.judge.days(TAG, str(entry.value)), entry.since // DAY_MS)

    def plays(self) -> dict[int, Plays]:
        """Plays by duration, decayed to today."""
        return plays_by_duration(self._rollup, self._provisional.tiles, self._today, self._rules.priors)

    def days_left_above(self, edge: int) -> int:
        """Days on which something longer than this, s, was left early."""
        return days_above(self._rollup, self._provisional.tiles, edge)

    def is_cap_explained(self, edge: int) -> bool:
        """Whether a cap, s, would be what one tag or creator explains."""
        return is_explained(self._rollup, self._provisional.tiles, edge)

    def _cells(self) -> dict[Key, dict[int, Cell]]:
        """Every key that open sessions touch, with what they add by day."""
        keys: dict[Key, dict[int, Cell]] = {}
        for day, tile in self._provisional.tiles.items():
            for kind, value, cell in tile.cells():
                keys.setdefault((kind, value), {})[day] = cell
        return keys

    def _theta(self) -> float:
        """Examined exposures, decayed to today."""
        rollup = self._rollup
        theta = rollup.totals.theta
        for day, tile in self._provisional.tiles.items():
            theta += tile.totals.theta * rollup.weight(day)
        return theta * rollup.scale(self._today) / 1000

    def _completion(self) -> dict[str, float]:
        """Decayed mean completion by media."""
        sums = {media: list(pair) for media, pair in self._rollup.totals.completions.items()}
        for day, tile in self._provisional.tiles.items():
            add_completions(sums, tile.completions, self._rollup.weight(day))
        return {media: places4(total / n / 1e6) for media, (n, total) in sorted(sums.items()) if n > 0}


def _hard_entries(standing: Standing, now: int) -> Iterator[Entry]:
    for key, hard in standing.hard():
        if hard.live(now):
            yield entries.hard_entry(key.scope, key.target, hard.since, hard.until)  # type: ignore[arg-type]


def _assemble(state: State, as_of: int, found: list[Entry], completion: dict[str, float]) -> Document:
    rules = state.rules
    cohort, _ = state.cohort_with(state.sessions)
    return assemble(state.user_id, as_of, cohort, found, completion, rules.avoid_tiers, rules.entries_max)

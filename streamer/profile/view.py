"""The document of a profile: R, plus what the open sessions add provisionally (spec §5, §7, §9)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from streamer.profile.baseline import Baseline
from streamer.profile.contexts import contexts_of, disliked_in
from streamer.profile.durations import capped, plays_by_duration
from streamer.profile.evidence import judge_ratings
from streamer.profile.provisional import Provisional, cells_of, changed, present
from streamer.profile.rollup import Key, Rollup
from streamer.profile.standing import Standing
from streamer.profile.tile import Tile
from streamer.scoring import entries
from streamer.scoring.assemble import assemble
from streamer.scoring.contextual import Context, context_entries
from streamer.scoring.counts import CONTENT, CREATOR, TAG, Cell
from streamer.scoring.document import Document, Entry, Kind
from streamer.scoring.duration import Plays
from streamer.scoring.entries import Scored, content_entry, is_listed, may_have_content_entry
from streamer.settings import DAY_MS
from streamer.signals.rounding import places4

if TYPE_CHECKING:
    from streamer.profile.profile import Profile

KNOWN_THETA = 20 - 1e-9
"""Examined exposures that make a user known: their document stays even when it lists nothing.

A hair below 20, so that the rounding of decayed sums does not decide.
"""


def past_window(profile: Profile) -> Document | None:
    """The document once the newest event has left the window: what is excluded, for as long as it is."""
    as_of = profile.newest
    today = profile.watermark // DAY_MS
    judge_ratings(profile.sessions, profile.baseline(as_of // DAY_MS), profile.rules)
    found = list(_hard_entries(Standing(*present(profile, today, profile.watermark)), profile.watermark))
    return _assemble(profile, as_of, found, {}) if found else None


def days_of(profile: Profile, kind: str, value: str) -> entries.Days:
    """The counts by day that the document judges a tag, creator or content by: sealed, and of open sessions."""
    if profile.newest < 0 or profile.past_window:
        return []
    return View(profile).days_of(kind, value)


def contexts_in(profile: Profile, tag: str) -> dict[Context, entries.Days]:
    """The same of a tag in each of its contexts."""
    if profile.newest < 0 or profile.past_window:
        return {}
    return View(profile).contexts_of(tag)


def plays_in(profile: Profile) -> dict[int, Plays]:
    """The plays by duration that the document judges a cap by."""
    if profile.newest < 0 or profile.past_window:
        return {}
    return View(profile).plays()


class View:
    """R as of the day of the newest event, what open sessions add to it, and the entries that follow from both.

    It can be brought up to date with interactions that changed (:meth:`refresh`), at the price of the keys that they
    touch, as long as nothing else does: R, the day, and everything explicit.

    Args:
        profile: whose.
    """

    def __init__(self, profile: Profile) -> None:
        self._as_of = as_of = profile.newest
        self._today = today = as_of // DAY_MS
        self._rules = profile.rules
        self._listed = profile.listed
        self._baseline = profile.baseline(today)
        self._rollup: Rollup = self._baseline.rollup
        self._made: dict[Key, tuple[Entry, ...]] = {}
        """Entries of the keys that open sessions touch, if they have any."""
        self._cap: Entry | None = None
        self._exists = self._lists = False
        self._is_whole = False
        self._differs = True
        self._take_statements(profile)

    def _take_statements(self, profile: Profile) -> None:
        self._provisional = Provisional(profile, self._baseline, self._today, self._as_of)
        records, sessions = self._provisional.records, self._provisional.sessions
        self._hard: list[Entry] = []
        self._followed: set[str] = set()
        if records or any(session.records for session in sessions):
            standing = Standing(records, sessions, profile.settled if records is profile.records else None)
            self._hard = list(_hard_entries(standing, self._as_of))
            self._followed = standing.followed()

    @property
    def formed(self) -> Tile | None:
        """What the only session, closed, would add if it sealed as it is; None: there is more to it."""
        return self._provisional.formed

    def stands_on(self, baseline: Baseline) -> bool:
        """Whether R is as it was, looked at on the same day."""
        return self._baseline is baseline

    def restate(self, profile: Profile) -> None:
        """Takes in all that changed in the open sessions, statements too; the profile is the one that this is of."""
        before, hard, followed = self._provisional.tiles, self._hard, self._followed
        self._take_statements(profile)
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
        made, after, sealed = self._made, self._provisional.tiles, self._sealed()
        for key in self._doubtful(changed(before, after)):
            was = made.pop(key, None) or (() if cells_of(before, *key) else sealed.get(key, ()))
            cells = cells_of(after, *key)
            entries = self._entries(*key, cells) if cells else sealed.get(key, ())
            if entries and cells:
                made[key] = entries
            self._differs |= entries != was

    def _doubtful(self, keys: Collection[Key]) -> Collection[Key]:
        """Of keys whose counts have changed those that had entries, or could have some now."""
        tiles = self._provisional.tiles
        if len(tiles) != 1:
            return keys
        ((day, tile),) = tiles.items()
        made, listed, sealed, spoken = self._made, self._listed, self._sealed(), self._provisional.spoken
        rollup, tags, creators, contents = self._rollup, tile.tag_totals(), tile.creators, tile.contents
        found = []
        for key in keys:
            kind, value = key
            if kind == CONTENT:
                cell = contents.get(value)
                could = cell is not None and (value in rollup.contents or may_have_content_entry(cell))
            else:
                cell = (tags if kind == TAG else creators).get(value)
                could = cell is not None and (value in spoken or rollup.could_join(kind, value, day, cell))
            if could or key in made or key in sealed or key in listed:
                found.append(key)
        return found

    def differs(self) -> bool:
        """Whether what is written of the document may be another than when it was last asked for."""
        if not self._differs:
            exists = self._lists or self._theta() >= KNOWN_THETA
            self._differs = self._exists != exists or self._cap != self._duration_cap()
        return self._differs

    def document(self, profile: Profile) -> Document | None:
        """The document; the profile is the one that this is a view of."""
        self._as_of = profile.newest
        if not self._is_whole:
            self._is_whole = True
            for key, cells in self._cells().items():
                entries = self._entries(*key, cells)
                if entries:
                    self._made[key] = entries
        self._cap = self._duration_cap()
        found = self._found()
        self._lists = bool(found)
        self._exists = self._lists or self._theta() >= KNOWN_THETA
        self._differs = False
        if not self._exists:
            return None
        return _assemble(profile, self._as_of, found, self._completion())

    def _found(self) -> list[Entry]:
        """All entries that stand."""
        found = self._hard.copy()
        excluded = {entry.value for entry in found if entry.kind == TAG}
        tiles, followed = self._provisional.tiles, self._followed
        for (kind, value), made in self._sealed().items():
            if not (kind == CREATOR and value in followed) and not cells_of(tiles, kind, value):
                found += made
        for (kind, value), made in self._made.items():
            if not (kind == CREATOR and value in followed):
                found += made
        if excluded:
            found = [entry for entry in found if entry.context is None or entry.value not in excluded]
        if self._cap is not None:
            found.append(self._cap)
        return found

    def _duration_cap(self) -> Entry | None:
        return capped(self._rollup, self._provisional.tiles, self._today, self._as_of, self._rules.population)

    def days_of(self, kind: str, value: str) -> entries.Days:
        """A key's counts by day."""
        return self._days(kind, value, cells_of(self._provisional.tiles, kind, value))

    def contexts_of(self, tag: str) -> dict[Context, entries.Days]:
        """A tag's counts in each of its contexts, by day."""
        return contexts_of(self._rollup, self._provisional.tiles, tag)

    def plays(self) -> dict[int, Plays]:
        """Plays by duration, decayed to today."""
        return plays_by_duration(self._rollup, self._provisional.tiles, self._today, self._rules.population)

    def _cells(self) -> dict[Key, dict[int, Cell]]:
        """Every key that open sessions touch, with what they add by day."""
        keys: dict[Key, dict[int, Cell]] = {}
        for day, tile in self._provisional.tiles.items():
            for kind, value, cell in tile.cells():
                keys.setdefault((kind, value), {})[day] = cell
        return keys

    def _sealed(self) -> Mapping[Key, tuple[Entry, ...]]:
        """The entries that follow from R alone."""
        return self._rollup.shelf.entries(self._as_of, self._sealed_entries)

    def _sealed_entries(self, kind: str, value: str) -> tuple[Entry, ...]:
        if kind == TAG and (kind, value) not in self._listed:
            scored = self._rollup.score(kind, value, self._rules.scorer)
            if scored is None or not is_listed(scored, False):
                return self._in_contexts(value, {})
        return self._entries(kind, value, {})

    def _entries(self, kind: str, value: str, provisional: dict[int, Cell]) -> tuple[Entry, ...]:
        """The entries of a key from its sealed counts and those that open sessions add by day.

        It has one at most, but for a tag without one that stands out in some contexts.
        """
        if kind == CONTENT:
            if value not in self._rollup.contents and not any(map(may_have_content_entry, provisional.values())):
                return ()
            content = content_entry(value, self._days(kind, value, provisional), self._as_of)
            return () if content is None else (content,)
        listed_until = self._listed.get((kind, value), -1)
        spoken = kind == TAG and value in self._provisional.spoken
        if listed_until < 0 and not spoken and not self._rollup.could_be_listed(kind, value, provisional):
            return ()
        scorer = self._rules.scorer
        days = self._days(kind, value, provisional)
        scored = self._score(kind, value, days, provisional)
        name: Kind = "creator" if kind == CREATOR else "tag"
        entry = scorer.key_entry(name, value, days, scored, listed_until > self._as_of, self._as_of)
        if entry is not None:
            return (entry,)
        return self._in_contexts(value, provisional) if kind == TAG else ()

    def _in_contexts(self, tag: str, provisional: dict[int, Cell]) -> tuple[Entry, ...]:
        """The entries of a tag that has none itself."""
        if tag not in self._provisional.spoken and not self._rollup.could_stand_out(tag, provisional, self._today):
            return ()
        scorer = self._rules.scorer
        days = contexts_of(self._rollup, self._provisional.tiles if provisional else {}, tag)
        disliked = disliked_in(tag, days, scorer)
        if not disliked:
            return ()
        scored = self._score(TAG, tag, self._days(TAG, tag, provisional), provisional)
        tag_log_odds = scorer.nothing_known(TAG, tag) if scored is None else scored.log_odds
        return context_entries(tag, disliked, tag_log_odds, self._as_of)

    def _score(self, kind: str, value: str, days: entries.Days, provisional: dict[int, Cell]) -> Scored | None:
        """The score of a key with these counts; what is sealed alone has been scored once and for all."""
        scorer = self._rules.scorer
        return scorer.score(kind, value, days) if provisional else self._rollup.score(kind, value, scorer)

    def _days(self, kind: str, value: str, provisional: dict[int, Cell]) -> entries.Days:
        """A key's counts by day, ascending, days without a nonzero number left out."""
        sealed = self._rollup.days(kind, value)
        if not provisional:
            return sealed
        by_day = dict(sealed)
        for day, cell in provisional.items():
            known = by_day.get(day)
            by_day[day] = cell if known is None else known.plus(cell)
        return [(day, cell) for day, cell in sorted(by_day.items()) if not cell.empty]

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
            weight = self._rollup.weight(day)
            for media, (n, total) in tile.completions.items():
                pair = sums.setdefault(media, [0.0, 0.0])
                pair[0] += n * weight
                pair[1] += total * weight
        return {media: places4(total / n / 1e6) for media, (n, total) in sorted(sums.items()) if n > 0}


def _hard_entries(standing: Standing, now: int) -> Iterator[Entry]:
    for key, hard in standing.hard():
        if hard.live(now):
            kind = "content" if key.scope == "content" else "creator" if key.scope == "creator" else "tag"
            yield entries.hard_entry(kind, key.target, hard.since, hard.until)  # type: ignore[arg-type]


def _assemble(profile: Profile, as_of: int, found: list[Entry], completion: dict[str, float]) -> Document:
    rules = profile.rules
    cohort, cohort_at = profile.cohort, profile.cohort_at
    for session in profile.sessions:
        if session.cohort is not None and (session.cohort_at, session.cohort) > (cohort_at, cohort or ""):
            cohort, cohort_at = session.cohort, session.cohort_at
    return assemble(profile.user_id, as_of, cohort, found, completion, rules.avoid_tiers, rules.entries_max)

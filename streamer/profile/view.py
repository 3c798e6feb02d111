"""The document of a profile: R, plus what the open sessions add provisionally (spec §5, §7, §9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from streamer.profile.baseline import Baseline
from streamer.profile.contexts import contexts_of, disliked_in
from streamer.profile.contribution import contributions
from streamer.profile.durations import capped, plays_by_duration
from streamer.profile.evidence import Evidence, add_evidence, judge_ratings
from streamer.profile.records import Record, RecordKey
from streamer.profile.rollup import Rollup
from streamer.profile.session import Session
from streamer.profile.standing import Standing, forgotten
from streamer.profile.tile import Tile
from streamer.scoring import entries
from streamer.scoring.assemble import assemble
from streamer.scoring.contextual import Context, context_entries
from streamer.scoring.counts import CONTENT, CREATOR, TAG, Cell
from streamer.scoring.document import Document, Entry, Kind
from streamer.scoring.duration import Plays
from streamer.scoring.entries import Scored, content_entry, is_listed
from streamer.scoring.taken_back import engaged_since
from streamer.settings import DAY_MS
from streamer.signals.rounding import places4

if TYPE_CHECKING:
    from streamer.profile.profile import Profile

KNOWN_THETA = 20 - 1e-9
"""Examined exposures that make a user known: their document stays even when it lists nothing.

A hair below 20, so that the rounding of decayed sums does not decide.
"""


def build(profile: Profile) -> Document | None:
    """The document that follows from a profile; None if it has none."""
    as_of = profile.newest
    if as_of < 0:
        return None
    if profile.past_window:
        today = profile.watermark // DAY_MS
        judge_ratings(profile.sessions, profile.baseline(as_of // DAY_MS), profile.rules)
        found = list(_hard_entries(Standing(*_present(profile, today, profile.watermark)), profile.watermark))
        return _assemble(profile, as_of, found, {}) if found else None
    return _View(profile, as_of).document()


def days_of(profile: Profile, kind: str, value: str) -> entries.Days:
    """The counts by day that the document judges a tag, creator or content by: sealed, and of open sessions."""
    if profile.newest < 0 or profile.past_window:
        return []
    return _View(profile, profile.newest).days_of(kind, value)


def contexts_in(profile: Profile, tag: str) -> dict[Context, entries.Days]:
    """The same of a tag in each of its contexts."""
    if profile.newest < 0 or profile.past_window:
        return {}
    return _View(profile, profile.newest).contexts_of(tag)


def plays_in(profile: Profile) -> dict[int, Plays]:
    """The plays by duration that the document judges a cap by."""
    if profile.newest < 0 or profile.past_window:
        return {}
    return _View(profile, profile.newest).plays()


class _View:
    """R as of the day of the newest event, and a provisional tile for every day of an open session."""

    def __init__(self, profile: Profile, as_of: int) -> None:
        self._profile = profile
        self._as_of = as_of
        self._today = as_of // DAY_MS
        rules = profile.rules
        baseline = profile.baseline(self._today)
        self._rollup: Rollup = baseline.rollup
        self._provisional: dict[int, Tile] = {}
        self._spoken: set[str] = set()
        """Tags that open sessions say something of, or take something back of, in any context."""
        for session in profile.sessions:
            self._add_contributions(session, baseline)
        self._records, self._sessions = profile.records, profile.sessions
        stated = any(session.records for session in profile.sessions)
        if stated or profile.records:
            judge_ratings(profile.sessions, baseline, rules)
            self._records, self._sessions = _present(profile, self._today, as_of)
        if stated:
            self._add_evidence(baseline)
        self._provisional = {d: tile for d, tile in self._provisional.items() if d > self._today - rules.window_days}
        if stated:
            for tile in self._provisional.values():
                for tags in tile.tags.values():
                    self._spoken.update(tag for tag, cell in tags.items() if cell.ld)

    def _add_contributions(self, session: Session, baseline: Baseline) -> None:
        profile = self._profile
        closed = profile.watermark >= session.last + profile.rules.gap_ms
        tile = contributions(session, baseline, closed, profile.rules)
        if session.day in self._provisional:
            self._provisional[session.day].add(tile)
            return
        self._provisional[session.day] = tile
        if closed and len(profile.sessions) == 1 and not session.records and session.day == self._today:
            profile.formed = tile

    def _add_evidence(self, baseline: Baseline) -> None:
        evidence = Evidence(self._records, self._sessions, baseline, self._today, self._profile.rules)
        for change in evidence.changes():
            if change.added is not None:
                add_evidence(self._tile(change.added.day), change.added, 1)
            if change.removed is not None and change.removed.day in self._rollup.tiles:
                add_evidence(self._tile(change.removed.day), change.removed, -1)

    def document(self) -> Document | None:
        profile, as_of = self._profile, self._as_of
        found: list[Entry] = []
        followed: set[str] = set()
        excluded: set[str | int] = set()
        provisional = self._provisional_keys()
        if self._records or any(session.records for session in self._sessions):
            settled = profile.settled if self._records is profile.records else None
            standing = Standing(self._records, self._sessions, settled)
            found += [entry for entry in _hard_entries(standing, as_of) if not self._taken_back(entry, provisional)]
            excluded = {entry.value for entry in found if entry.kind == TAG}
            followed = standing.followed()
        for (kind, value), sealed in self._rollup.shelf.entries(as_of, self._sealed_entries).items():
            if (kind, value) not in provisional and not (kind == CREATOR and value in followed):
                found += sealed
        for (kind, value), cells in provisional.items():
            if not (kind == CREATOR and value in followed):
                found += self._entries(kind, value, cells)
        if excluded:
            found = [entry for entry in found if entry.context is None or entry.value not in excluded]
        cap = capped(self._rollup, self._provisional, self._today, as_of, profile.rules.population)
        if cap is not None:
            found.append(cap)
        if not found and self._theta() < KNOWN_THETA:
            return None
        return _assemble(profile, as_of, found, self._completion())

    def _taken_back(self, entry: Entry, provisional: Mapping[tuple[str, str], dict[int, Cell]]) -> bool:
        """Whether what the user did since they named a tag says the opposite; block and report stand."""
        if entry.kind != TAG or entry.expires_at is None:
            return False
        tag = str(entry.value)
        return engaged_since(self._days(TAG, tag, provisional.get((TAG, tag), {})), entry.since // DAY_MS)

    def days_of(self, kind: str, value: str) -> entries.Days:
        """A key's counts by day."""
        return self._days(kind, value, self._provisional_keys().get((kind, value), {}))

    def contexts_of(self, tag: str) -> dict[Context, entries.Days]:
        """A tag's counts in each of its contexts, by day."""
        return contexts_of(self._rollup, self._provisional, tag)

    def plays(self) -> dict[int, Plays]:
        """Plays by duration, decayed to today."""
        return plays_by_duration(self._rollup, self._provisional, self._today, self._profile.rules.population)

    def _provisional_keys(self) -> dict[tuple[str, str], dict[int, Cell]]:
        """Every key that open sessions touch, with what they add by day."""
        keys: dict[tuple[str, str], dict[int, Cell]] = {}
        for day, tile in self._provisional.items():
            for kind, value, cell in tile.cells():
                keys.setdefault((kind, value), {})[day] = cell
        return keys

    def _sealed_entries(self, kind: str, value: str) -> tuple[Entry, ...]:
        if kind == TAG and (kind, value) not in self._profile.listed:
            scored = self._rollup.score(kind, value, self._profile.rules.scorer)
            if scored is None or not is_listed(scored, False):
                return self._in_contexts(value, {})
        return self._entries(kind, value, {})

    def _entries(self, kind: str, value: str, provisional: dict[int, Cell]) -> tuple[Entry, ...]:
        """The entries of a key from its sealed counts and those that open sessions add by day.

        It has one at most, but for a tag without one that stands out in some contexts.
        """
        if kind == CONTENT:
            content = content_entry(value, self._days(kind, value, provisional), self._as_of)
            return () if content is None else (content,)
        listed_until = self._profile.listed.get((kind, value), -1)
        spoken = kind == TAG and value in self._spoken
        if listed_until < 0 and not spoken and not self._rollup.could_be_listed(kind, value, provisional):
            return ()
        scorer = self._profile.rules.scorer
        days = self._days(kind, value, provisional)
        scored = self._score(kind, value, days, provisional)
        name: Kind = "creator" if kind == CREATOR else "tag"
        entry = scorer.key_entry(name, value, days, scored, listed_until > self._as_of, self._as_of)
        if entry is not None:
            return (entry,)
        return self._in_contexts(value, provisional) if kind == TAG else ()

    def _in_contexts(self, tag: str, provisional: dict[int, Cell]) -> tuple[Entry, ...]:
        """The entries of a tag that has none itself."""
        if tag not in self._spoken and not self._rollup.could_stand_out(tag, provisional, self._today):
            return ()
        scorer = self._profile.rules.scorer
        days = contexts_of(self._rollup, self._provisional if provisional else {}, tag)
        disliked = disliked_in(tag, days, scorer)
        if not disliked:
            return ()
        scored = self._score(TAG, tag, self._days(TAG, tag, provisional), provisional)
        tag_log_odds = scorer.nothing_known(TAG, tag) if scored is None else scored.log_odds
        return context_entries(tag, disliked, tag_log_odds, self._as_of)

    def _score(self, kind: str, value: str, days: entries.Days, provisional: dict[int, Cell]) -> Scored | None:
        """The score of a key with these counts; what is sealed alone has been scored once and for all."""
        scorer = self._profile.rules.scorer
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
        for day, tile in self._provisional.items():
            theta += tile.totals.theta * rollup.weight(day)
        return theta * rollup.scale(self._today) / 1000

    def _completion(self) -> dict[str, float]:
        """Decayed mean completion by media."""
        sums = {media: list(pair) for media, pair in self._rollup.totals.completions.items()}
        for day, tile in self._provisional.items():
            weight = self._rollup.weight(day)
            for media, (n, total) in tile.completions.items():
                pair = sums.setdefault(media, [0.0, 0.0])
                pair[0] += n * weight
                pair[1] += total * weight
        return {media: places4(total / n / 1e6) for media, (n, total) in sorted(sums.items()) if n > 0}

    def _tile(self, day: int) -> Tile:
        return self._provisional.setdefault(day, Tile(day))


def _present(profile: Profile, today: int, now: int) -> tuple[dict[RecordKey, Record], list[Session]]:
    """The records, and the sessions with theirs, without those that count as absent."""
    first_day = today - profile.rules.window_days + 1
    absent = set(forgotten(profile.records, profile.sessions, first_day, now, profile.settled.oldest))
    if not absent:
        return profile.records, profile.sessions
    records = {key: record for key, record in profile.records.items() if key not in absent}
    sessions = [
        replace(session, records={key: part for key, part in session.records.items() if key not in absent})
        for session in profile.sessions
    ]
    return records, sessions


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

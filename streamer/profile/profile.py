"""One user's state: sessions join events, seals fold them into tiles, and what stands becomes a document.

The head of this file is the life of an event: :meth:`Profile.apply` joins it to a session; as the watermark
passes, :meth:`Profile.advance` closes and seals the session; :meth:`Profile.document` is what follows from it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import NamedTuple

from streamer.errors import StateCorrupt
from streamer.events import DAY_MS, Dislike, Event, Feedback
from streamer.population.deltas import Deltas
from streamer.profile import codec
from streamer.profile.baseline import Baseline
from streamer.profile.contribution import contributions
from streamer.profile.crowd.population_changes import NoChanges, PopulationChanges
from streamer.profile.explicit.evidence import ExplicitEvidence, add_evidence, judge_ratings
from streamer.profile.explicit.records import Contribution, ExplicitRecord, RecordKey
from streamer.profile.explicit.standing import Settled, Standing, forgotten, lightest
from streamer.profile.labels import Label, labels
from streamer.profile.positions import session_kind
from streamer.profile.rollup.hysteresis import relist
from streamer.profile.rollup.rollup import Rollup
from streamer.profile.rules import Rules
from streamer.profile.saved_sessions import increment, restored, snapshot
from streamer.profile.session import Session
from streamer.profile.tile import Tile
from streamer.profile.view.view import View, past_window
from streamer.scoring.document import Document
from streamer.signals import explicit

OPEN_SESSIONS = 1000
"""Open sessions of one user; the events of any more are dropped and metered (I6)."""


JOURNAL_BYTES = 64 * 1024
"""Once the journal of an epoch is longer than this, and than the last snapshot, a new epoch begins (I6)."""


class EventFate(enum.Enum):
    """What became of one event."""

    COUNTED = "counted"
    LATE = "late"
    DROPPED = "dropped"


class Changes(NamedTuple):
    """What there is to save of a profile.

    Parts are ``h`` (head), ``s`` (open sessions at the epoch's beginning) and ``t<day>`` (tiles): name -> bytes, None:
    delete it. They must be stored together or not at all: a tile without the frontier that says it is included would
    be counted twice.

    Attributes:
        parts: those that changed.
        journal: what changed in the open sessions, to be added to the user's journal; None: nothing.
        fresh: the parts begin a new epoch, earlier journal entries are void.
    """

    parts: dict[str, bytes | None]
    journal: bytes | None
    fresh: bool


class Profile:
    """All that is known of one user. No I/O and no clock: time comes in as watermarks (ms).

    Args:
        user_id: whose.
        rules: the deployment's constants.
    """

    def __init__(self, user_id: str, rules: Rules) -> None:
        self.user_id = user_id
        self.rules = rules
        self.frontier = -1
        self.watermark = -1
        self.cohort: str | None = None
        self.cohort_at = -1
        self.sessions: list[Session] = []
        self.records: dict[RecordKey, ExplicitRecord] = {}
        self.listed: dict[tuple[str, str], int] = {}
        self.rollup = Rollup(rules.frame, self.listed)
        self.formed: Tile | None = None
        """What the only session, closed, would add if it sealed as it is; the view leaves it here for the seal."""
        self._view: View | None = None
        """What the document was last formed from, as long as it can be brought up to date."""
        self._seen = True
        """The view is up to date."""
        self._restated = False
        """Statements have come that the view does not know, or sessions."""
        self.labels: list[Label] = []
        """What the sessions sealed since :meth:`take_labels` say; stays empty if labels are off."""
        self._population_changes = self._changes_told()
        self._session_kind = session_kind(rules)
        self._settled: Settled | None = None
        self._baseline: tuple[int, int, Baseline] | None = None
        self.judged_by = 0
        """Version of the population's snapshot that the last seal went by; 0: the constants."""
        self._snapshot = rules.snapshots.number
        self._stale = True
        self._stale_from = -1
        self._epoch = 0
        self._next_number = 0
        self._journal_room = JOURNAL_BYTES
        self._has_snapshot = False
        self._fresh = False
        self._dirty_head = False
        self._dirty_days: set[int] = set()

    @classmethod
    def load(
        cls,
        user_id: str,
        rules: Rules,
        head: bytes | None,
        sessions: bytes | None,
        journal: Sequence[bytes],
        tile: Callable[[int], bytes | None],
    ) -> Profile:
        """The profile in these stored parts.

        Args:
            user_id: whose.
            rules: the deployment's constants.
            head: part ``h``, None if there is none.
            sessions: part ``s``, None if there is none.
            journal: the journal's entries, oldest first; those of another epoch are passed over.
            tile: fetches part ``t<day>``.

        Raises:
            StateCorrupt: a part does not decode, or a tile the head names is missing.
            StateTooNew: a newer Streamer wrote one.
        """
        profile = cls(user_id, rules)
        if head is not None:
            body = codec.HEAD.decode(head)
            profile._epoch = body.epoch
            profile.frontier = body.frontier
            profile.judged_by = body.population
            profile.cohort, profile.cohort_at = body.cohort, body.cohort_at
            profile.listed.update(body.listed)
            profile.records = body.records
            tiles = []
            for day in body.days:
                raw = tile(day)
                if raw is None:
                    raise StateCorrupt(f"user {user_id!r}: the tile of day {day} is missing: erase the user")
                tiles.append(codec.TILE.decode(raw))
            profile.rollup = Rollup(rules.frame, profile.listed, tiles)
            profile._population_changes = profile._changes_told()
        profile._restore(sessions, journal)
        return profile

    def _changes_told(self) -> NoChanges:
        if not self.rules.adds_up(self.user_id):
            return NoChanges()
        return PopulationChanges(self.rollup, self.rules, self.frontier // DAY_MS, self.cohort)

    def _restore(self, sessions: bytes | None, journal: Sequence[bytes]) -> None:
        saved = journal if sessions is None else [sessions, *journal]
        entries = [codec.JOURNAL.decode(raw) for raw in saved]
        self.sessions = restored(self._epoch, entries, self.rules)
        self._next_number = 1 + max((part.number for entry in entries for part in entry.parts), default=-1)
        self._has_snapshot = sessions is not None
        self._journal_room = max(JOURNAL_BYTES, len(sessions or b"")) - sum(map(len, journal))

    def apply_all(self, events: Sequence[Event], watermark: int) -> list[EventFate]:
        """Takes in events one after the other, those that fall in the one open session at one go; see :meth:`apply`."""
        outcomes: list[EventFate] = []
        while len(outcomes) < len(events):
            outcomes.append(self.apply(events[len(outcomes)], watermark))
            if len(self.sessions) == 1 and len(outcomes) < len(events):
                outcomes += [EventFate.COUNTED] * self._add_run(self.sessions[0], events, len(outcomes))
        return outcomes

    def _add_run(self, session: Session, events: Sequence[Event], begin: int) -> int:
        """Adds events to the one open session as long as they fall in it; returns how many."""
        rules = self.rules
        before = (session.long_enough(rules), self.watermark >= session.last + rules.gap_ms)
        taken, speaks = session.add_run(events, begin, rules)
        if taken and (speaks or before != (session.long_enough(rules), False)):
            self._doubt(restated=True)
        return taken

    def _doubt(self, *, restated: bool) -> None:
        """Something has happened that may change the document: statements or sessions, or interactions alone."""
        self._stale, self._seen = True, False
        self._restated |= restated

    def apply(self, event: Event, watermark: int) -> EventFate:
        """Takes in one event, in any order and any number of times.

        Args:
            event: one of this user's.
            watermark: the partition's watermark, ms.
        """
        if watermark > self.watermark:
            self.watermark = watermark
        rules, sessions = self.rules, self.sessions
        gap_ms = rules.gap_ms
        self.formed = None
        if self._snapshot != rules.snapshots.number:
            self._adopt()
        if len(sessions) == 1 and sessions[0].takes(event, gap_ms):
            session = sessions[0]
        else:
            joined = [session for session in sessions if session.takes(event, gap_ms)]
            if len(joined) != 1:
                self._doubt(restated=True)
            if not joined and event.ts <= self.frontier:
                self._apply_late(event)
                return EventFate.LATE
            if not joined and len(sessions) >= OPEN_SESSIONS:
                rules.dropped["open_sessions"] += 1
                return EventFate.DROPPED
            session = self._joined(event, joined)
        before = (session.long_enough(rules), self.watermark >= session.last + gap_ms)
        if session.add(event, rules) or before != (session.long_enough(rules), False):
            self._doubt(restated=session.states(event) or len(session.interactions) > rules.session_items)
        if len(sessions) > 1:  # one order, whatever the order of arrival (I1)
            sessions.sort(key=lambda s: s.seal_order)
        return EventFate.COUNTED

    def _joined(self, event: Event, sessions: list[Session]) -> Session:
        """The one session that an event opens, or makes of several."""
        if not sessions:
            session = self._session_kind.opened_by(event, self._next_number)
            self._next_number += 1
            self.sessions.append(session)
            return session
        for other in sessions[1:]:
            sessions[0].join(other, self.rules)
            self.sessions.remove(other)
        return sessions[0]

    def advance(self, watermark: int) -> None:
        """Lets event time pass: closes and seals sessions, forgets what has left the window."""
        self.watermark = max(self.watermark, watermark)
        if self._snapshot != self.rules.snapshots.number:
            self._adopt()
        due = [session for session in self.sessions if self._sealed_at(session) <= self.watermark]
        if not due or len(self.sessions) > 1 or self.formed is None:
            self._doubt(restated=False)
        for session in due:
            self._seal(session)
        if self.past_window:
            self._stale = True
            self._view = None
            self._forget()

    def take_labels(self) -> list[Label]:
        """The labels of the sessions sealed since the last call, in seal order."""
        taken, self.labels = self.labels, []
        return taken

    def take_population(self, into: Deltas) -> None:
        """Moves what the user has changed in the sums over all users since the last call to ``into`` (spec §10)."""
        self._population_changes.take(into)

    def deadline(self) -> int | None:
        """The least watermark (ms) at which :meth:`advance` would change anything; None: there is none."""
        if self.sessions:
            gap_ms, watermark = self.rules.gap_ms, self.watermark
            found = []
            for session in self.sessions:
                closes = session.last + gap_ms
                found.append(closes if closes > watermark else self._sealed_at(session))
            return min(found)
        if self.frontier < 0:
            return None
        if not self.past_window:
            return self.frontier + self.rules.window_ms
        if self.rollup.tiles or not self.records or self._outlived():
            return self.watermark
        ends = [entry.until for _, entry in Standing(self.records).hard() if entry.until is not None]
        return min((end for end in ends if end > self.watermark), default=None)

    def document(self) -> Document | None:
        """The document that follows from all known events; None if the user has none (spec §9)."""
        if self._snapshot != self.rules.snapshots.number:
            self._adopt()
        if self.newest < 0 or self.past_window:
            self._view = None
            document = None if self.newest < 0 else past_window(self)
        else:
            view = self._up_to_date()
            if view is None:
                view = self._view = View(self)
                self._seen, self._restated = True, False
            self.formed = view.formed
            document = view.document(self)
        self._stale = False
        ends = [] if document is None else [entry.expires_at for entry in document.entries if entry.expires_at]
        self._stale_from = min([(self.newest // DAY_MS + 1) * DAY_MS, *ends])
        return document

    @property
    def stale(self) -> bool:
        """Whether the document may be another than when :meth:`document` was last called, but for ``as_of``."""
        if self.newest >= self._stale_from:
            return True
        if self._stale:
            view = self._up_to_date()
            if view is None:
                return True
            self.formed = view.formed
            self._stale = view.differs()
        return self._stale

    def _up_to_date(self) -> View | None:
        """The view with all that has happened since; None: it has to be made anew."""
        view, newest = self._view, self.newest
        if view is None or newest >= self._stale_from or not view.stands_on(self.baseline(newest // DAY_MS)):
            return None
        if self._restated:
            view.restate(self)
        elif not self._seen:
            view.refresh(self.watermark)
        self._seen, self._restated = True, False
        return view

    def _adopt(self) -> None:
        """Goes by the population's snapshot in force from here on."""
        changed = self.rules.snapshots.since(self._snapshot)
        self._snapshot = self.rules.snapshots.number
        self._baseline = self.formed = None
        if self.rollup.reconsider(changed.keys) or changed.rates or any(s.names(changed.keys) for s in self.sessions):
            self._stale = True

    def baseline(self, today: int) -> Baseline:
        """What interactions are compared with on a day, by R as it is now."""
        known = self._baseline
        if known is None or known[0] != today or known[1] != self.rollup.version:
            known = self._baseline = (today, self.rollup.version, Baseline(self.rollup, today, self.rules))
        return known[2]

    @property
    def newest(self) -> int:
        """ts of the newest event counted, −1 if there is none."""
        newest = self.frontier
        for session in self.sessions:
            if session.last > newest:
                newest = session.last
        return newest

    @property
    def past_window(self) -> bool:
        """Whether the newest event has left the window."""
        return 0 <= self.newest <= self.watermark - self.rules.window_ms

    @property
    def empty(self) -> bool:
        """Whether nothing is known of the user any more."""
        return not self.sessions and not self.records and self.frontier < 0

    def changes(self) -> Changes:
        """What changed since the last call."""
        parts: dict[str, bytes | None] = {}
        if self._dirty_days:
            for day in sorted(self._dirty_days):
                tile = self.rollup.tiles.get(day)
                parts[f"t{day}"] = None if tile is None else codec.TILE.encode(tile)
            self._dirty_days.clear()
        changed = [session for session in self.sessions if session.dirty]
        fresh = self._fresh or (bool(changed) and self._journal_room < 0)
        journal = None
        if fresh:
            self._begin_epoch(parts)
        elif changed:
            journal = codec.JOURNAL.encode(increment(self._epoch, changed))
            self._journal_room -= len(journal)
        if self._dirty_head:
            parts["h"] = None if self.empty else codec.HEAD.encode(self._head())
        self._fresh = self._dirty_head = False
        return Changes(parts, journal, fresh)

    def _begin_epoch(self, parts: dict[str, bytes | None]) -> None:
        self._epoch = 0 if self.empty else self._epoch + 1
        self._dirty_head = True
        for number, session in enumerate(self.sessions):
            session.number = number
        self._next_number = len(self.sessions)
        whole = codec.JOURNAL.encode(snapshot(self._epoch, self.sessions)) if self.sessions else None
        if whole is not None or self._has_snapshot:
            parts["s"] = whole
        self._has_snapshot = whole is not None
        self._journal_room = max(JOURNAL_BYTES, len(whole or b""))

    @property
    def settled(self) -> Settled:
        """What the records of sealed sessions and late events amount to."""
        if self._settled is None:
            self._settled = Settled(self.records)
        return self._settled

    def _head(self) -> codec.Head:
        days = sorted(self.rollup.tiles)
        return codec.Head(
            self._epoch, self.frontier, self.cohort, self.cohort_at, days, self.listed, self.records, self.judged_by
        )

    def _sealed_at(self, session: Session) -> int:
        return session.last + self.rules.gap_ms + self.rules.grace_ms + 1

    def _apply_late(self, event: Event) -> None:
        """A late event is not counted; of a late dislike or feedback the record is kept, and an undo undoes."""
        key = RecordKey.of(event) if isinstance(event, (Dislike, Feedback)) else None
        if key is None:
            return
        assert isinstance(event, (Dislike, Feedback))
        self._dirty_head = self._stale = True
        self.formed = self._settled = self._view = None
        if key not in self.records and len(self.records) >= self.rules.records_held:
            self.rules.dropped["explicit_records"] += 1
            return
        record = self.records.setdefault(key, ExplicitRecord())
        record.add_late(event, isinstance(event, Feedback) and self._speaks_for(event))
        contributed = record.contributed
        if contributed is not None and contributed.ts <= record.undo:
            record.contributed = None
            self._population_changes.take_back(contributed)
            relist(self.listed, self.rollup, self.rules.scorer, self._take_back(contributed), self.frontier)
            self._population_changes.settle()

    def _speaks_for(self, event: Feedback) -> bool:
        """Whether a late rating is positive by what R knows on its arrival."""
        if event.value is None:
            return False
        rollup = self.rollup.as_of(self.newest // DAY_MS)
        return explicit.rating_positive(event.value, rollup.totals.ratings, rollup.totals.rating_sum)

    def _seal(self, session: Session) -> None:
        """Folds a closed session into its day's tile, for good."""
        rules, rollup, census = self.rules, self.rollup, self._population_changes
        census.begin_day(session.day, self.records.values())
        gone, touched = rollup.leave(session.day)
        self._dirty_days.update(gone)
        baseline = self.baseline(session.day)
        if self.records or session.records:
            judge_ratings([session], baseline, rules)
            self._drop_forgotten(session)
        delta = contributions(session, baseline, True, rules) if self.formed is None else self.formed
        self.formed = self._view = None
        if rules.labels:
            self.labels += labels(self.user_id, session, baseline, rules)
        changes = (
            ExplicitEvidence(self.records, [session], baseline, session.day, rules).changes() if session.records else []
        )
        for change in changes:
            if change.added is not None:
                add_evidence(delta, change.added, 1)
        if session.cohort is not None and (session.cohort_at, session.cohort) > (self.cohort_at, self.cohort or ""):
            self.cohort, self.cohort_at = session.cohort, session.cohort_at
        census.join(self.cohort)
        census.seal(session, delta, baseline, changes)
        if not delta.empty:
            touched |= rollup.fold(delta)
            self._dirty_days.add(session.day)
        for key, part in session.records.items():
            self.records.setdefault(key, ExplicitRecord()).seal(part)
        for change in changes:
            if change.removed is not None:
                touched |= self._take_back(change.removed)
            self.records.setdefault(change.key, ExplicitRecord()).contributed = change.added
        if session.records:
            self.settled.update(self.records, session.records)
        touched |= self._drop_beyond_caps(session)
        self.frontier = max(self.frontier, session.last)
        self.judged_by = rules.population.version
        census.settle()
        self.sessions.remove(session)
        relist(self.listed, rollup, rules.scorer, touched, session.last)
        self._dirty_head = self._fresh = True

    def _drop_forgotten(self, session: Session) -> None:
        first_day = session.day - self.rules.window_days + 1
        for key in forgotten(self.records, [session], first_day, session.last, self.settled.oldest):
            del self.records[key]
            self._settled = None

    def _drop_beyond_caps(self, session: Session) -> set[tuple[str, str]]:
        """State is bounded (I6): the lightest keys and records go, and are metered; returns the keys."""
        rules = self.rules
        touched: set[tuple[str, str]] = set()
        if session.day in self.rollup.tiles:
            self._population_changes.before_caps(session.day)
            for kind, value, cell in self.rollup.evict(session.day, rules.tile_caps):
                self._stale = True
                self._population_changes.evict(kind, value, cell)
                touched.add((kind, value))
                rules.dropped[f"tile_{kind}s"] += 1
        for key in lightest(self.records, rules.explicit_cap, session.last):
            self._stale = True
            self._population_changes.drop(self.records.pop(key))
            self._settled = None
            rules.dropped["explicit_records"] += 1
        if len(session.interactions) > rules.session_items:
            rules.dropped["session_items"] += len(session.interactions) - rules.session_items
        return touched

    def _take_back(self, contributed: Contribution) -> set[tuple[str, str]]:
        """Takes a contribution back from its tile, exactly; returns the keys touched."""
        touched: set[tuple[str, str]] = set()
        for kind, value, context, ld in contributed.parts:
            if self.rollup.take_back(contributed.day, kind, value, context, ld):
                touched.add((kind, value))
                self._dirty_days.add(contributed.day)
        self.rollup.prune(contributed.day)
        return touched

    def _forget(self) -> None:
        """Past the window: no counts stay, and of the records those that still exclude, or follow somebody."""
        outlived = self._outlived()
        contributing = [record for record in self.records.values() if record.contributed is not None]
        if not (self.rollup.tiles or outlived or contributing or self.listed or not self.records):
            return
        self._population_changes.leave(self.records.values())
        self._dirty_days.update(self.rollup.clear())
        self._settled = None
        for key in outlived:
            del self.records[key]
        for record in contributing:
            record.contributed = None
        self.listed.clear()
        if not self.records:
            self.frontier, self.cohort, self.cohort_at = -1, None, -1
            self._fresh = True
        self._population_changes.join(self.cohort)
        self._population_changes.settle()
        self._dirty_head = True

    def _outlived(self) -> list[RecordKey]:
        """Past the window: the records that exclude nothing any more, and follow nobody."""
        return forgotten(self.records, [], self.watermark // DAY_MS + 1, self.watermark)

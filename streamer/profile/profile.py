"""One user: sessions join events, seals fold them into counts, and what stands becomes a document.

This file is the life of an event: :meth:`Profile.apply` joins it to a session; as the watermark passes,
:meth:`Profile.advance` closes and seals the session; :meth:`Profile.document` is what follows from it.
"""

from __future__ import annotations

import enum
from bisect import insort
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final, Self

from streamer.events import DAY_MS, Event
from streamer.population.user_delta import UserDelta
from streamer.profile.erasing import erase
from streamer.profile.explicit.standing import Standing
from streamer.profile.forgetting import forget, outlived
from streamer.profile.labels import Label
from streamer.profile.lateness import take_late
from streamer.profile.positions import session_kind
from streamer.profile.rules import Rules
from streamer.profile.saving import Changes, load, open_sessions, take_changes
from streamer.profile.sealing import seal
from streamer.profile.session import Session
from streamer.profile.state import State
from streamer.profile.tile import Tile
from streamer.profile.view.view import View, past_window
from streamer.scoring.document import Document

OPEN_SESSIONS: Final = 1000
"""Open sessions of one user; the events of any more are dropped and metered (I6)."""


_seal_order = attrgetter("seal_order")


class EventFate(enum.Enum):
    """What became of one event."""

    COUNTED = "counted"
    LATE = "late"
    DROPPED = "dropped"


class Doubt(enum.IntEnum):
    """What has happened that the view does not know; each includes those before it."""

    NOTHING = 0
    INTERACTIONS = 1
    """Interactions of open sessions have changed, or one was closed."""
    STATEMENTS = 2
    """Statements in open sessions have, or which sessions there are."""
    EVERYTHING = 3
    """What is sealed has, the window, or the population's rates: a new view has to be made."""


NOTHING, INTERACTIONS, STATEMENTS, EVERYTHING = Doubt


class Profile(State):
    """All that is known of one user, and the document that follows. No I/O and no clock: time comes in as watermarks.

    Forming a document is dear, so the view that it came from is kept and brought up to date with what is in doubt, when
    somebody asks for the document or whether it is :attr:`stale`.
    """

    def __init__(self, user_id: str, rules: Rules) -> None:
        super().__init__(user_id, rules)
        self._session_kind = session_kind(rules)
        self._snapshot = rules.snapshots.number
        self._view: View | None = None
        self._doubt = EVERYTHING
        self._differs = True
        """Brought up to date, the view gave another document than was last asked for."""
        self._holds_until = -1
        """The ts (ms) of an event with which the document has to be made anew: another day, or an entry expires."""
        self._ready: Tile | None = None
        """What the only session, closed, adds to the counts when it seals: the view has formed it already."""

    @classmethod
    def load(
        cls,
        user_id: str,
        rules: Rules,
        head: bytes | None,
        sessions: bytes | None,
        journal: Sequence[bytes],
        tile: Callable[[int], bytes | None],
    ) -> Self:
        """The profile in stored parts (``profile/saving.py``), None where there is none.

        Args:
            user_id: whose.
            rules: the deployment's constants.
            head, sessions: parts ``h`` and ``s``.
            journal: its entries, oldest first; those of another epoch are passed over.
            tile: fetches part ``t<day>``.

        Raises:
            StateCorrupt: a part does not decode, or a tile the head names is missing.
            StateTooNew: a newer Streamer wrote one.
        """
        profile = cls(user_id, rules)
        load(profile, head, sessions, journal, tile)
        return profile

    def changes(self) -> Changes:
        """What there is to save since the last call."""
        return take_changes(self)

    def open_sessions(self) -> bytes:
        """One journal entry that stands for all that were saved since the last snapshot; nothing may be unsaved."""
        return open_sessions(self)

    # --- an event arrives ---------------------------------------------------------------------------------------

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
            self._raise_doubt(STATEMENTS)
        return taken

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
        self._ready = None
        if self._snapshot != rules.snapshots.number:
            self._adopt_snapshot()
        if len(sessions) == 1 and sessions[0].takes(event, gap_ms):
            session = sessions[0]
        else:
            named = event.session_id
            joined = [session for session in sessions if session.session_id == named and session.takes(event, gap_ms)]
            if len(joined) != 1:
                self._raise_doubt(STATEMENTS)
            if not joined and event.ts <= self.frontier:
                if take_late(self, event):
                    self._raise_doubt(EVERYTHING)
                return EventFate.LATE
            if not joined and len(sessions) >= OPEN_SESSIONS:
                rules.dropped["open_sessions"] += 1
                return EventFate.DROPPED
            session = self._joined(event, joined)
        before = (session.long_enough(rules), self.watermark >= session.last + gap_ms)
        if session.add(event, rules) or before != (session.long_enough(rules), False):
            stated = session.states(event) or len(session.interactions) > rules.session_items
            self._raise_doubt(STATEMENTS if stated else INTERACTIONS)
        if len(sessions) > 1:  # one order, whatever the order of arrival (I1)
            sessions.remove(session)
            insort(sessions, session, key=_seal_order)
        return EventFate.COUNTED

    def _joined(self, event: Event, sessions: list[Session]) -> Session:
        """The one session that an event opens, or makes of several."""
        if not sessions:
            session = self._session_kind.opened_by(event, self.unsaved.next_number)
            self.unsaved.next_number += 1
            self.sessions.append(session)
            return session
        for other in sessions[1:]:
            sessions[0].join(other, self.rules)
            self.sessions.remove(other)
        return sessions[0]

    # --- time passes --------------------------------------------------------------------------------------------

    def deadline(self) -> int | None:
        """The least watermark (ms) at which :meth:`advance` would change anything; None: there is none."""
        if self.sessions:
            gap_ms, watermark = self.rules.gap_ms, self.watermark
            found = []
            for session in self.sessions:
                closes = session.last + gap_ms
                found.append(closes if closes > watermark else self.seals_at(session))
            return min(found)
        if self.frontier < 0:
            return None
        if not self.past_window:
            return self.frontier + self.rules.window_ms
        if self.rollup.tiles or not self.records or outlived(self):
            return self.watermark
        ends = [entry.until for _, entry in Standing(self.records).hard() if entry.until is not None]
        return min((end for end in ends if end > self.watermark), default=None)

    def advance(self, watermark: int) -> list[Session]:
        """Lets event time pass: closes and seals sessions, forgets what has left the window; returns what sealed."""
        self.watermark = max(self.watermark, watermark)
        self._adopt_snapshot()
        due = [session for session in self.sessions if self.seals_at(session) <= self.watermark]
        if not due:
            self._raise_doubt(INTERACTIONS)
        elif len(self.sessions) > 1 or self._ready is None:  # else the document counts all of it already
            self._raise_doubt(EVERYTHING)
        for session in due:
            if seal(self, session, self._ready):
                self._raise_doubt(EVERYTHING)
            self._ready = self._view = None
        if self.past_window:
            self._raise_doubt(EVERYTHING)
            forget(self)
        return due

    def erase(self, until: int) -> None:
        """Takes what is not newer than a time (ms), and must be kept from taking it in again (spec §5, Erasure)."""
        erase(self, until)
        self._baseline = self._ready = self._view = None
        self._raise_doubt(EVERYTHING)

    def take_labels(self) -> list[Label]:
        """The labels of the sessions sealed since the last call, in seal order."""
        taken, self.labels = self.labels, []
        return taken

    def take_delta(self) -> UserDelta | None:
        """What the user has changed in the sums over all users since the last call (spec §10); None if it is nothing.

        It belongs to what :meth:`changes` gives at the same time.
        """
        return self.population_changes.take()

    # --- the document -------------------------------------------------------------------------------------------

    @property
    def stale(self) -> bool:
        """Whether the document may be another than when :meth:`document` was last called, but for ``as_of``."""
        if self.newest >= self._holds_until:
            return True
        if self._doubt is not NOTHING:
            view = self._view_of_now()
            if view is None:
                return True
            self._ready = view.ready
            self._differs = view.differs()
        return self._differs

    def document(self) -> Document | None:
        """The document that follows from all known events; None if the user has none (spec §9)."""
        self._adopt_snapshot()
        if self.newest < 0 or self.past_window:
            self._view = None
            document = None if self.newest < 0 else past_window(self)
        else:
            view = self._view = self._view_of_now() or View(self)
            self._ready = view.ready
            document = view.document(self)
        self._doubt, self._differs = NOTHING, False
        ends = [] if document is None else [entry.expires_at for entry in document.entries if entry.expires_at]
        self._holds_until = min([(self.newest // DAY_MS + 1) * DAY_MS, *ends])
        return document

    def _raise_doubt(self, doubt: Doubt) -> None:
        """Something has happened that may change the document."""
        if doubt > self._doubt:
            self._doubt = doubt

    def _view_of_now(self) -> View | None:
        """The view with all that has happened since; None: it has to be made anew."""
        view, doubt, newest = self._view, self._doubt, self.newest
        if view is None or doubt is EVERYTHING or newest >= self._holds_until:
            return None
        if not view.stands_on(self.baseline(newest // DAY_MS)):
            return None
        if doubt is STATEMENTS:
            view.restate(self)
        elif doubt is INTERACTIONS:
            view.refresh(self.watermark)
        self._doubt = NOTHING
        return view

    def _adopt_snapshot(self) -> None:
        """Goes by the population's snapshot in force from here on."""
        if self._snapshot == self.rules.snapshots.number:
            return
        changed = self.rules.snapshots.since(self._snapshot)
        self._snapshot = self.rules.snapshots.number
        self._baseline = self._ready = None
        if self.rollup.reconsider(changed.keys) or changed.rates or any(s.names(changed.keys) for s in self.sessions):
            self._raise_doubt(EVERYTHING)

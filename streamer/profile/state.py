"""One user's data, apart from the document that is derived from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from streamer.events import DAY_MS
from streamer.population.user_delta import UserDelta
from streamer.profile.baseline import Baseline
from streamer.profile.crowd.population_changes import NoChanges, PopulationChanges
from streamer.profile.explicit.contributed import Contribution
from streamer.profile.explicit.records import ExplicitRecord, RecordKey
from streamer.profile.explicit.standing import SealedStanding
from streamer.profile.labels import Label
from streamer.profile.rollup.rollup import Key, Rollup
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.profile.tile import Tile
from streamer.scoring.counts import CONTENT
from streamer.scoring.entries import is_listed

JOURNAL_BYTES = 64 * 1024
"""Once the journal of an epoch is longer than this, and than the last snapshot, a new epoch begins (I6)."""


class Unsaved(Struct):
    """What has changed since the state was saved, and where its journal stands (``profile/saving.py``).

    Attributes:
        head, days: whether the head changed, and the days whose tiles did or are gone.
        new_epoch: a new epoch has to begin.
        epoch: the one that journal entries belong to.
        next_number: the number of the next session in it.
        journal_room: bytes by which the journal may grow.
        has_snapshot: the epoch began with open sessions, in a part of their own.
    """

    head: bool = False
    days: set[int] = field(default_factory=set)
    new_epoch: bool = False
    epoch: int = 0
    next_number: int = 0
    journal_room: int = JOURNAL_BYTES
    has_snapshot: bool = False


class State:
    """What is known of one user: what has sealed, what is open, and what is yet to be saved or told. Times are ms.

    Args:
        user_id: whose.
        rules: the deployment's constants.

    Attributes:
        watermark: event time, as far as it has been told.
        frontier: the greatest ``last`` of a sealed session, −1 if there is none.
        cohort, cohort_at: by sealed sessions, and when it was named.
        sessions: those open, in the order in which they seal.
        records: what sealed sessions and late events stated.
        listed: (kind, value) of keys that were listed when last touched -> when that expires.
        rollup: R, the counts of sealed sessions.
        judged_by: version of the population's snapshot that the last seal went by; 0: the constants.
        labels: of the sessions sealed since they were taken; none if labels are off.
        counted: whether the user is in the sums over all users; None: an older version's state does not say.
        population_changes: what the user has changed in the sums over all users, and nobody has taken yet.
        unsaved: what is yet to be saved.
    """

    def __init__(self, user_id: str, rules: Rules) -> None:
        self.user_id = user_id
        self.rules = rules
        self.watermark = -1
        self.frontier = -1
        self.cohort: str | None = None
        self.cohort_at = -1
        self.sessions: list[Session] = []
        self.records: dict[RecordKey, ExplicitRecord] = {}
        self.listed: dict[Key, int] = {}
        self.judged_by = 0
        self.counted: bool | None = False
        self.labels: list[Label] = []
        self.unsaved = Unsaved()
        self._baseline: tuple[int, int, Baseline] | None = None
        self._standing: SealedStanding | None = None
        self.count(())

    def count(self, tiles: Iterable[Tile]) -> None:
        """Makes R of these tiles; all else that is sealed must be known."""
        self.rollup = Rollup(self.rules.frame, self.listed, tiles)
        self.population_changes = NoChanges()
        if self.rules.emits:
            if self.counted is None:
                self.counted = self.rules.added_up(self.user_id)
            if self.counted:
                self.population_changes = self._changes(None)

    def _changes(self, left: UserDelta | None) -> PopulationChanges:
        return PopulationChanges(self.rollup, self.rules, self.frontier // DAY_MS, self.cohort, left)

    def follow_share(self) -> None:
        """Joins the sums over all users, or leaves them, as the share in force has it. Before a seal."""
        if not self.rules.emits or self.rules.adds_up(self.user_id) == self.counted:
            return
        before, records = self.population_changes, self.records.values()
        if self.counted:
            before.withdraw(records)
            self.population_changes = NoChanges(before.take())
        else:
            self.population_changes = self._changes(before.take())
            self.population_changes.enter(records)
        self.counted = not self.counted

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

    def cohort_with(self, sessions: Sequence[Session]) -> tuple[str | None, int]:
        """The newest cohort (ties: the greater) if these sessions count too, and when it was named."""
        cohort, cohort_at = self.cohort, self.cohort_at
        for session in sessions:
            if session.cohort is not None and (session.cohort_at, session.cohort) > (cohort_at, cohort or ""):
                cohort, cohort_at = session.cohort, session.cohort_at
        return cohort, cohort_at

    def seals_at(self, session: Session) -> int:
        """The least watermark at which a session seals."""
        return session.last + self.rules.gap_ms + self.rules.grace_ms + 1

    def baseline(self, today: int) -> Baseline:
        """What interactions are compared with on a day, by R as it is now."""
        known = self._baseline
        if known is None or known[0] != today or known[1] != self.rollup.version:
            known = self._baseline = (today, self.rollup.version, Baseline(self.rollup, today, self.rules))
        return known[2]

    @property
    def standing(self) -> SealedStanding:
        """What the records of sealed sessions and late events amount to."""
        if self._standing is None:
            self._standing = SealedStanding(self.records)
        return self._standing

    def records_changed(self) -> None:
        """What the records amount to has to be worked out anew."""
        self._standing = None

    def relist(self, touched: Iterable[Key], as_of: int) -> None:
        """Sets the listed bits of keys whose e, o or ld changed: what was listed stays a little longer (spec §7).

        Args:
            touched: the keys; those that neither are nor could be listed may be left out.
            as_of: ``last`` of the sealing session, or the frontier for a late undo.
        """
        for key in touched:
            scored = None if key[0] == CONTENT else self.rollup.score(*key, self.rules.scorer)
            if scored is not None and is_listed(scored, self.listed.get(key, -1) > as_of):
                self.listed[key] = scored.expires_at
            else:
                self.listed.pop(key, None)

    def take_back(self, contributed: Contribution) -> set[Key]:
        """Takes a contribution back from its tile, exactly; returns the keys touched."""
        touched: set[Key] = set()
        for kind, value, context, ld in contributed.told:
            if self.rollup.take_back(contributed.day, kind, value, context, ld, int(contributed.returned)):
                touched.add((kind, value))
                self.unsaved.days.add(contributed.day)
        self.rollup.prune(contributed.day)
        return touched

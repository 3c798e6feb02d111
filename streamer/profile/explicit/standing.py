"""What stands of everything stated: exclusions and follows, over records and open sessions (spec §4, §7)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from streamer.events import DAY_MS
from streamer.profile.explicit.records import (
    ExplicitRecord,
    HardEntry,
    Known,
    RecordKey,
    SessionRecord,
    hard_entry,
    standing_positive,
)
from streamer.profile.session import Session
from streamer.signals.explicit import DISLIKE_FAMILY, POSITIVE_KINDS


class Standing:
    """A view of a user's explicit records as they stand now.

    Args:
        records: what sealed sessions and late events left.
        sessions: the open sessions.
        sealed: what the records alone amount to, if that is known already.
    """

    def __init__(
        self,
        records: dict[RecordKey, ExplicitRecord],
        sessions: Sequence[Session] = (),
        sealed: SealedStanding | None = None,
    ) -> None:
        self._records = records
        self._sealed = sealed
        self._parts: dict[RecordKey, list[SessionRecord]] = {}
        for session in sessions:
            for key, part in session.records.items():
                self._parts.setdefault(key, []).append(part)

    def hard(self) -> list[tuple[RecordKey, HardEntry]]:
        """All hard entries, live or not."""
        keys, found = self._in_question(DISLIKE_FAMILY), []
        if self._sealed is not None:
            found = [(key, entry) for key, entry in self._sealed.hard.items() if key not in keys]
        return found + [(key, entry) for key in keys if (entry := self.hard_entry(key)) is not None]

    def followed(self) -> set[str]:
        """Creators with a standing follow."""
        keys = self._in_question("follow")
        sealed = set() if self._sealed is None else self._sealed.followed - {key.target for key in keys}
        return sealed | {key.target for key in keys if self.positive(key) >= 0}

    def _in_question(self, family: str) -> set[RecordKey]:
        """Records of a family that open sessions may change; all of them if it is not known what they amount to."""
        if self._sealed is None:
            return {key for key in self._records.keys() | self._parts.keys() if key.family == family}
        changed = {RecordKey(key.scope, key.target, family) for key in self._parts}
        return {key for key in changed if key in self._records or key in self._parts}

    def hard_entry(self, key: RecordKey) -> HardEntry | None:
        """The hard entry of a dislikes record; None if nothing counts."""
        known = self.known(key)
        return None if known is None else hard_entry(known, self._overruled_by(key))

    def positive(self, key: RecordKey) -> int:
        """ts of the newest standing positive feedback of a record, −1 if none."""
        known = self.known(key)
        if known is None:
            return -1
        returned = self.known(RecordKey(key.scope, key.target, "return")) if key.family == "purchase" else None
        return standing_positive(key.family, known, returned)

    def known(self, key: RecordKey) -> Known | None:
        """All that is known of a record now; None if there is none."""
        record = self._records.get(key)
        parts = self._parts.get(key, [])
        return None if record is None and not parts else Known.of(record, parts)

    def _overruled_by(self, key: RecordKey) -> int:
        if key.scope == "content":
            return max(self.positive(RecordKey("content", key.target, kind)) for kind in _ON_CONTENT)
        if key.scope == "creator":
            return self.positive(RecordKey("creator", key.target, "follow"))
        return -1


class SealedStanding:
    """What the records of sealed sessions amount to, kept while they do not change.

    Attributes:
        hard: their hard entries, live or not.
        followed: creators with a standing follow.
        oldest: no record's newest ts is older, ms.
    """

    def __init__(self, records: dict[RecordKey, ExplicitRecord]) -> None:
        standing = Standing(records)
        self.hard = dict(standing.hard())
        self.followed = standing.followed()
        self.oldest = _oldest(records)

    def forget(self, records: dict[RecordKey, ExplicitRecord], dropped: Collection[RecordKey]) -> None:
        """Takes note of records that were dropped; ``records`` are those that are left."""
        self.update(records, dropped)
        self.oldest = _oldest(records)

    def update(self, records: dict[RecordKey, ExplicitRecord], changed: Collection[RecordKey]) -> None:
        """Takes note of records that a seal changed."""
        standing = Standing(records)
        for scope, target in {(key.scope, key.target) for key in changed}:
            disliked = RecordKey(scope, target, DISLIKE_FAMILY)
            entry = standing.hard_entry(disliked)
            if entry is None:
                self.hard.pop(disliked, None)
            else:
                self.hard[disliked] = entry
            if standing.positive(RecordKey(scope, target, "follow")) >= 0:
                self.followed.add(target)
            elif scope == "creator":
                self.followed.discard(target)
        self.oldest = min([self.oldest, *(records[key].newest for key in changed if key in records)])


def _oldest(records: dict[RecordKey, ExplicitRecord]) -> int:
    return min((record.newest for record in records.values()), default=0)


_ON_CONTENT = tuple(kind for kind in POSITIVE_KINDS if kind != "follow")


def forgotten(
    records: dict[RecordKey, ExplicitRecord], sessions: Sequence[Session], first_day: int, now: int, oldest: int = -1
) -> list[RecordKey]:
    """Records that count as absent: out of the window, excluding nothing, following nobody.

    Positive feedback stays as long as a dislikes record that it overrules.

    Args:
        records: sealed and late records.
        sessions: the sessions that may revive one: the sealing one, or all open ones.
        first_day: the first day of the window.
        now: the time (ms) a hard entry must outlive to be live.
        oldest: no record's newest ts is older, ms.
    """
    start = first_day * DAY_MS
    old = set() if oldest >= start else {key for key, record in records.items() if record.newest < start}
    old |= {key for session in sessions if session.start < start for key in session.records if key not in records}
    if not old:
        return []
    standing = Standing(records, sessions)
    absent: list[RecordKey] = []
    positives: list[RecordKey] = []
    for key in old:
        known = standing.known(key)
        assert known is not None
        if known.newest // DAY_MS >= first_day or (key.family == "follow" and standing.positive(key) >= 0):
            continue
        entry = hard_entry_of(standing, key)
        if entry is None or not entry.live(now):
            (positives if standing.positive(key) >= 0 else absent).append(key)
    gone = set(absent)
    return absent + [key for key in positives if not _overrules(key, standing, gone)]


def lightest(records: dict[RecordKey, ExplicitRecord], cap: int, now: int, sealed: SealedStanding) -> list[RecordKey]:
    """Records beyond the cap (of those with a hard action and of the others each), lightest first.

    Those without effect go first, then those with the least newest ts; of hard ones not_interested and hide
    before dislike; block and report never.

    Args:
        records: sealed and late ones.
        cap: of each sort.
        now: the time (ms) that a hard entry must outlive to be live.
        sealed: what the records amount to.
    """
    if len(records) <= cap:
        return []
    standing = Standing(records)
    hard: list[tuple[tuple[bool, int, int, str, str, str], RecordKey]] = []
    others: list[tuple[tuple[bool, int, str, str, str], RecordKey]] = []
    for key, record in records.items():
        name = (key.family, key.scope, key.target)
        acted = record.sealed.acted.keys() | record.late.acted.keys() if key.family == DISLIKE_FAMILY else ()
        if acted:
            entry = sealed.hard.get(key)
            live = entry is not None and entry.live(now)
            rank = 2 if entry is not None and entry.until is None else int("dislike" in acted)
            hard.append(((live, rank, record.newest, *name), key))
        else:
            others.append(((_stands(key, standing), record.newest, *name), key))
    dropped = [key for order, key in sorted(hard)[: max(0, len(hard) - cap)] if order[1] != 2]
    return dropped + [key for _, key in sorted(others)[: max(0, len(others) - cap)]]


def hard_entry_of(standing: Standing, key: RecordKey) -> HardEntry | None:
    """The hard entry of any record; None for feedback."""
    return standing.hard_entry(key) if key.family == DISLIKE_FAMILY else None


def _stands(key: RecordKey, standing: Standing) -> bool:
    """Whether anything of a record of feedback stands; it is one of those in question."""
    known = standing.known(key)
    assert known is not None
    if key.family == "return":
        return max(known.acts.returns.values(), default=-1) > known.undo
    if key.family == "rating":
        return known.acts.rating_at > known.undo
    return standing.positive(key) >= 0


def _overrules(key: RecordKey, standing: Standing, absent: set[RecordKey]) -> bool:
    """Whether positive feedback still overrules an action of a dislikes record that stays."""
    disliked = RecordKey(key.scope, key.target, DISLIKE_FAMILY)
    known = standing.known(disliked)
    if known is None or disliked in absent:
        return False
    positive = standing.positive(key)
    return any(ts <= positive for ts in known.acts.acted.values())

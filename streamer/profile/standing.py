"""What stands of everything stated: exclusions and follows, over records and open sessions (spec §4, §7)."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.profile.records import (
    HardEntry,
    Known,
    Record,
    RecordKey,
    SessionRecord,
    hard_entry,
    standing_positive,
)
from streamer.profile.session import Session
from streamer.settings import DAY_MS
from streamer.signals.explicit import DISLIKE_FAMILY, POSITIVE_KINDS


class Standing:
    """A view of a user's explicit records as they stand now.

    Args:
        records: what sealed sessions and late events left.
        sessions: the open sessions.
    """

    def __init__(self, records: dict[RecordKey, Record], sessions: Sequence[Session] = ()) -> None:
        self._records = records
        self._parts: dict[RecordKey, list[SessionRecord]] = {}
        for session in sessions:
            for key, part in session.records.items():
                self._parts.setdefault(key, []).append(part)

    def hard(self) -> list[tuple[RecordKey, HardEntry]]:
        """All hard entries, live or not."""
        keys = [key for key in self._keys() if key.family == DISLIKE_FAMILY]
        return [(key, entry) for key in keys if (entry := self.hard_entry(key)) is not None]

    def followed(self) -> set[str]:
        """Creators with a standing follow."""
        return {key.target for key in self._keys() if key.family == "follow" and self.positive(key) >= 0}

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

    def _keys(self) -> set[RecordKey]:
        return self._records.keys() | self._parts.keys()

    def _overruled_by(self, key: RecordKey) -> int:
        if key.scope == "content":
            return max(self.positive(RecordKey("content", key.target, kind)) for kind in _ON_CONTENT)
        if key.scope == "creator":
            return self.positive(RecordKey("creator", key.target, "follow"))
        return -1


_ON_CONTENT = tuple(kind for kind in POSITIVE_KINDS if kind != "follow")


def forgotten(
    records: dict[RecordKey, Record], sessions: Sequence[Session], first_day: int, now: int
) -> list[RecordKey]:
    """Records that count as absent: out of the window, excluding nothing, following nobody.

    Positive feedback stays as long as a dislikes record that it overrules.

    Args:
        records: sealed and late records.
        sessions: the sessions that may revive one: the sealing one, or all open ones.
        first_day: the first day of the window.
        now: the time (ms) a hard entry must outlive to be live.
    """
    start = first_day * DAY_MS
    old = {key for key, record in records.items() if record.newest < start}
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


def lightest(records: dict[RecordKey, Record], cap: int, now: int) -> list[RecordKey]:
    """Records beyond the cap (of those with a hard action and of the others each), lightest first.

    Those without effect go first, then those with the least newest ts; of hard ones not_interested and hide
    before dislike; block and report never.
    """
    standing = Standing(records)
    hard: list[tuple[tuple[bool, int, int, str, str, str], RecordKey]] = []
    others: list[tuple[tuple[bool, int, str, str, str], RecordKey]] = []
    for key, record in records.items():
        known = Known.of(record, [])
        name = (key.family, key.scope, key.target)
        if key.family == DISLIKE_FAMILY and known.acts.acted:
            entry = hard_entry_of(standing, key)
            live = entry is not None and entry.live(now)
            acted = known.acts.acted
            if live and any(acted.get(action, -1) > known.undo for action in ("block", "report")):
                rank = 2
            else:
                rank = int("dislike" in acted)
            hard.append(((live, rank, known.newest, *name), key))
        else:
            others.append(((_stands(key, known, standing), known.newest, *name), key))
    dropped = [key for order, key in sorted(hard)[: max(0, len(hard) - cap)] if order[1] != 2]
    return dropped + [key for _, key in sorted(others)[: max(0, len(others) - cap)]]


def hard_entry_of(standing: Standing, key: RecordKey) -> HardEntry | None:
    """The hard entry of any record; None for feedback."""
    return standing.hard_entry(key) if key.family == DISLIKE_FAMILY else None


def _stands(key: RecordKey, known: Known, standing: Standing) -> bool:
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

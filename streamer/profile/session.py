"""Sessions: a user's events joined by inactivity, one interaction per content (spec §2)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

from msgspec import Struct, field

from streamer.events import DAY_MS, Dislike, Event, Feedback, Impression, Play
from streamer.profile.explicit.erasing import newer_part, without_items
from streamer.profile.explicit.feedback import feedback_in
from streamer.profile.explicit.records import RecordKey, SessionRecord
from streamer.profile.rules import Rules
from streamer.scoring.counts import CONTENT, CREATOR, TAG
from streamer.signals import merging
from streamer.signals.interaction import Interaction, SessionFeedback
from streamer.signals.showings import name_of


class Session(Struct, gc=False):
    """One session. ``start`` and ``last`` are the least and greatest ts (ms) of its events.

    ``number`` names it within its user's epoch (``profile/saved_sessions.py``). ``changed`` and what follows is what
    has not been journalled yet: ``dirty``, whether anything, then which contents, which records, and the numbers of the
    sessions it took in. ``said``: see :meth:`feedback`; None: not worked out yet.
    """

    number: int
    session_id: str | None
    day: int
    start: int
    last: int
    interactions: dict[str, Interaction] = field(default_factory=dict)
    records: dict[RecordKey, SessionRecord] = field(default_factory=dict)
    cohort: str | None = None
    cohort_at: int = -1
    dirty: bool = False
    changed: set[str] = field(default_factory=set)
    changed_records: set[RecordKey] = field(default_factory=set)
    absorbed: list[int] = field(default_factory=list)
    said: dict[str, SessionFeedback] | None = None

    @classmethod
    def opened_by(cls, event: Event, number: int) -> Session:
        """A session whose bounds are those of one event, which has yet to be added."""
        return cls(number, event.session_id, event.ts // DAY_MS, event.ts, event.ts)

    @property
    def seal_order(self) -> tuple[int, bool, str, int]:
        """Sessions seal in this order: last, declared before derived, session id, start."""
        return (self.last, self.session_id is None, self.session_id or "", self.start)

    def takes(self, event: Event, gap_ms: int) -> bool:
        """Whether the event falls in this session."""
        ts = event.ts
        return (
            self.session_id == event.session_id
            and self.start - gap_ms <= ts <= self.last + gap_ms
            and ts // DAY_MS == self.day
        )

    def long_enough(self, rules: Rules) -> bool:
        """Whether the session lasted long enough for its exposures to count."""
        return self.last - self.start >= rules.min_session_ms

    def add_run(self, events: Sequence[Event], begin: int, rules: Rules) -> tuple[int, bool]:
        """Joins events from a place in their list on, up to the first that does not fall in this session.

        Returns:
            How many were joined, and whether one of them may change anything; see :meth:`add`.
        """
        taken, speaks = 0, False
        session_id, gap_ms, most = self.session_id, rules.gap_ms, rules.session_items
        passes, attention_at, opened_by = rules.gate.passes, rules.attention.at, merging.opened_by
        interactions, note_changed = self.interactions, self.changed.add
        start, last, cohort_at = self.start, self.last, self.cohort_at
        day_begin = self.day * DAY_MS
        day_end = day_begin + DAY_MS
        for event in islice(events, begin, None):
            ts = event.ts
            if not (start - gap_ms <= ts <= last + gap_ms and day_begin <= ts < day_end):
                break
            if event.session_id != session_id:
                break
            taken += 1
            if type(event) is not Impression or event.content_id in interactions or len(interactions) >= most:
                if self.add(event, rules):
                    speaks = True
                start, last, cohort_at = self.start, self.last, self.cohort_at
                continue
            # the same as what `add` does with the first impression of an item, without its calls: most events are one
            if ts > last:
                self.last = last = ts
            elif ts < start:
                self.start = start = ts
            cohort = event.cohort
            if cohort is not None and ts >= cohort_at:
                self._merge_cohort(ts, cohort)
                cohort_at = self.cohort_at
            seen = passes(event)
            content_id = event.content_id
            item = interactions[content_id] = opened_by(content_id, event)
            if seen:
                item.seen, item.showings = True, (name_of(event),)
                item.attention = attention_at(event.position, event.surface)
            note_changed(content_id)
        if taken:
            self.dirty = True
        return taken, speaks

    def add(self, event: Event, rules: Rules) -> bool:
        """Joins an event that falls in this session.

        Returns:
            Whether it may change what the session adds to the counts while it is open, its length aside.
        """
        ts = event.ts
        if ts > self.last:
            self.last = ts
        if ts < self.start:
            self.start = ts
        self.dirty = True
        if event.cohort is not None:
            self._merge_cohort(ts, event.cohort)
        speaks = False
        content_id = event.content_id
        if content_id is not None:
            interactions = self.interactions
            item = interactions.get(content_id)
            if item is None:
                item = interactions[content_id] = merging.opened_by(content_id, event)
                merging.act(item, event, rules.gate, rules.attention)
                self.changed.add(content_id)
                if len(interactions) > rules.session_items:
                    speaks = True
                    self.bound(rules)
            else:
                first = item.first
                merging.merge(item, event, rules.gate, rules.attention)
                self.changed.add(content_id)
                if item.first < first and len(interactions) > rules.session_items:
                    speaks = True  # it may count now instead of another
            speaks = speaks or item.responded or item.ended
        kind = type(event)
        if kind is Impression or kind is Play:
            return speaks
        assert isinstance(event, (Dislike, Feedback))
        self._record(event, rules)
        return True

    def states(self, event: Event) -> bool:
        """Whether an event of this session is a statement, or names a content that one is of."""
        if isinstance(event, (Dislike, Feedback)) and RecordKey.of(event) is not None:
            return True
        return bool(self.records) and event.content_id in self.feedback()

    def _record(self, event: Dislike | Feedback, rules: Rules) -> None:
        key = RecordKey.of(event)
        if key is None:
            return
        record = self.records.get(key)
        if record is None and len(self.records) >= rules.records_held:
            rules.dropped["explicit_records"] += 1
            return
        if record is None:
            record = self.records[key] = SessionRecord()
        record.add(event)
        self.changed_records.add(key)
        self.said = None

    def join(self, other: Session, rules: Rules) -> None:
        """Takes in a session that turned out to be part of this one."""
        self.start = min(self.start, other.start)
        self.last = max(self.last, other.last)
        self.dirty = True
        self.absorbed += [other.number, *other.absorbed]
        self.changed.update(other.interactions)
        self.changed_records.update(other.records)
        if other.cohort is not None:
            self._merge_cohort(other.cohort_at, other.cohort)
        for content_id, item in other.interactions.items():
            mine = self.interactions.setdefault(content_id, item)
            if mine is not item:
                merging.join(mine, item)
        self.bound(rules)
        for key, record in other.records.items():
            mine_record = self.records.setdefault(key, record)
            if mine_record is not record:
                mine_record.join(record)
        self.said = None

    def erase(self, until: int) -> dict[RecordKey, SessionRecord]:
        """Takes what is not newer than a time (ms), which is before ``last``, and the items that were met by then.

        Returns:
            What was said of these items afterwards.
        """
        gone = frozenset(item.content_id for item in self.interactions.values() if item.first <= until)
        self.keep(self.interactions.keys() - gone)
        left = {key: part for key, held in self.records.items() if (part := newer_part(held, until)) is not None}
        late = {key: part for key, part in left.items() if key.scope == CONTENT and key.target in gone}
        self.records = {key: without_items(part, gone) for key, part in left.items() if key not in late}
        self.changed_records &= self.records.keys()
        self.said = None
        self.start = until + 1
        if self.cohort_at <= until:
            self.cohort, self.cohort_at = None, -1
        return late

    def keep(self, content_ids: Collection[str]) -> None:
        """Drops all interactions but these."""
        self.interactions = {name: item for name, item in self.interactions.items() if name in content_ids}
        self.changed &= self.interactions.keys()

    def feedback(self) -> Mapping[str, SessionFeedback]:
        """What was said of its contents and stands."""
        if self.said is None:
            self.said = feedback_in(self.records)
        return self.said

    def names(self, keys: Collection[tuple[str, str]] | None) -> bool:
        """Whether it may touch any of these (kind, value); None: of all."""
        if not keys:
            return keys is None
        return bool(self.records) or any(
            (CREATOR, item.creator) in keys or any((TAG, tag) in keys for tag in item.tags)
            for item in self.interactions.values()
        )

    def positions_of(self, content_ids: Iterable[str]) -> dict[str, int] | None:
        """What is to be saved of where items stood: nothing (:class:`streamer.profile.positions.PositionedSession`)."""
        return None

    def take_positions(self, positions: dict[str, int]) -> None:
        """Takes in what was saved of where items stood."""

    def counted(self, rules: Rules) -> list[Interaction]:
        """The interactions that count, in any order: the earliest by (first, content id), at most ``session_items``."""
        if len(self.interactions) <= rules.session_items:
            return list(self.interactions.values())
        items = sorted(self.interactions.values(), key=lambda item: (item.first, item.content_id))
        return items[: rules.session_items]

    def _merge_cohort(self, ts: int, cohort: str) -> None:
        if self.cohort is None or (ts, cohort) > (self.cohort_at, self.cohort):
            self.cohort_at, self.cohort = ts, cohort

    def bound(self, rules: Rules) -> None:
        """Keeps memory bounded (I6): far more items than count are held, so that which ones count stays exact.

        Many are dropped at a time, since finding the latest costs as much as finding many of them.
        """
        if len(self.interactions) <= rules.session_items_held:
            return
        items = sorted(self.interactions.values(), key=lambda item: (item.first, item.content_id))
        for item in items[rules.session_items_kept :]:
            del self.interactions[item.content_id]
            self.changed.discard(item.content_id)
            rules.dropped["session_items"] += 1

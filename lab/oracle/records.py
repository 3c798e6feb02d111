"""The oracle, spec §4 and §5: explicit records, the hard entries they make and the evidence they contribute.

Part of the oracle (see ``oracle.py``): plain and slow on purpose, written from docs/spec.md alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.oracle.counts import Key, Tiles, Window, add, micro, with_contexts
from lab.oracle.sessions import (
    APPLAUSE,
    NEVER,
    Context,
    Ratings,
    Session,
    context_of,
    is_explicit,
    taken_back,
)
from streamer.events import DAY_MS, Dislike, Event, Feedback, normal_tags
from streamer.settings import Settings

RecordKey = tuple[str, str, str]
"""(scope, target, family): family is "dislikes" or a feedback kind."""

ENDLESS = ("block", "report")
LASTS_DAYS = {"dislike": 180, "not_interested": 90, "hide": 30}
WEIGHTS = {
    "like": 0.70,
    "love": 0.90,
    "save": 0.70,
    "share": 0.70,
    "comment": 0.10,
    "purchase": 1.00,
    "return": -1.00,
    "dislikes": -1.50,
}


@dataclass(frozen=True)
class Mark:
    """One event of a record, with what its session knew of its item."""

    event: Dislike | Feedback
    late: bool
    tags: tuple[str, ...]  # of the interaction
    creator: str | None  # of the interaction
    ratings: Ratings  # what a rating is measured by
    context: Context  # of the interaction, else of the event

    @property
    def ts(self) -> int:
        return self.event.ts

    @property
    def action(self) -> str:
        return self.event.action if isinstance(self.event, Dislike) else self.event.kind

    @property
    def item_tags(self) -> tuple[str, ...]:
        """As the event says, else its interaction."""
        return normal_tags(self.event.tags) or self.tags

    @property
    def item_creator(self) -> str | None:
        """As the event says, else its interaction."""
        return self.creator if self.event.creator_id is None else self.event.creator_id

    @property
    def rating(self) -> int:
        assert isinstance(self.event, Feedback)
        assert self.event.value is not None
        return self.event.value


@dataclass(frozen=True)
class Contribution:
    """Evidence that a record has given, to be taken back exactly."""

    ts: int
    ld: dict[Key, int]
    returned: bool = False

    @property
    def day(self) -> int:
        return self.ts // DAY_MS


@dataclass
class Record:
    """All that is known of one (scope, target, family)."""

    settled: list[Mark] = field(default_factory=list)  # of sealed sessions, or late
    fresh: list[Mark] = field(default_factory=list)  # of the sessions being looked at
    contribution: Contribution | None = None

    @property
    def marks(self) -> list[Mark]:
        return self.settled + self.fresh

    @property
    def newest(self) -> int:
        return max(mark.ts for mark in self.marks)

    @property
    def undone(self) -> int:
        """The last undo."""
        return max((mark.ts for mark in self.marks if mark.action == "undo"), default=NEVER)

    @property
    def standing(self) -> list[Mark]:
        """The actions that no undo cancels."""
        return [mark for mark in self.marks if mark.action != "undo" and mark.ts > self.undone]


Records = dict[RecordKey, Record]


@dataclass(frozen=True)
class Hard:
    """A hard entry: until when (None: no end), and since when."""

    until: int | None
    since: int

    def live(self, at: int) -> bool:
        return self.until is None or self.until > at


def record_key(event: Dislike | Feedback) -> RecordKey:
    if isinstance(event, Dislike):
        return (event.scope, event.target, "dislikes")
    return ("creator" if event.family == "follow" else "content", event.target, event.family)


def mark_of_late(event: Dislike | Feedback, ratings: Ratings) -> Mark:
    return Mark(event, late=True, tags=(), creator=None, ratings=ratings, context=())


def marks_of(session: Session, r: Window) -> list[Mark]:
    """The session's explicit events."""
    ratings = r.ratings.plus(session.ratings)
    return [_mark(event, session, ratings, r.settings) for event in session.telling if is_explicit(event)]


def _mark(event: Event, session: Session, ratings: Ratings, settings: Settings) -> Mark:
    assert isinstance(event, (Dislike, Feedback))
    i = None if event.content_id is None else session.interactions.get(event.content_id)
    if i is None:
        return Mark(event, False, (), None, ratings, context_of([event], settings))
    return Mark(event, False, i.tags, i.creator, ratings, i.context)


def with_fresh(records: Records, fresh: Iterable[Mark]) -> Records:
    """A copy of the records, these events added."""
    view = {key: Record(list(record.settled), [], record.contribution) for key, record in records.items()}
    for mark in fresh:
        view.setdefault(record_key(mark.event), Record()).fresh.append(mark)
    return view


def erase_statements(records: Records, until: int) -> Records:
    """What is left of settled records after an erasure up to a time: newer marks; evidence on days that stay."""
    left = {}
    for key, record in records.items():
        marks = [mark for mark in record.settled if mark.ts > until]
        given = record.contribution
        if marks:
            left[key] = Record(marks, [], None if given is None or given.day <= until // DAY_MS else given)
    return left


def settle(records: Records) -> None:
    for record in records.values():
        record.settled += record.fresh
        record.fresh = []


# --- what stands ---------------------------------------------------------------------------------------------


def standing_purchases(records: Records, content_id: str, late_too: bool) -> list[Mark]:
    """Purchases neither undone nor taken back by a standing return."""
    purchases = records.get(("content", content_id, "purchase"), Record()).standing
    returns = records.get(("content", content_id, "return"), Record()).standing
    taking = [m.event for m in returns if isinstance(m.event, Feedback) and (late_too or not m.late)]
    return [
        m
        for m in purchases
        if isinstance(m.event, Feedback) and (late_too or not m.late) and not taken_back(m.event, taking)
    ]


def positive_at(records: Records, key: RecordKey) -> int:
    """The newest standing positive feedback of this record; NEVER: none stands."""
    _, target, family = key
    if key not in records or family in ("dislikes", "return"):
        return NEVER
    if family == "purchase":
        standing = standing_purchases(records, target, late_too=True)
    else:
        standing = records[key].standing
    if not standing:
        return NEVER
    if family == "rating":
        newest = max(standing, key=lambda mark: (mark.ts, mark.rating))
        return newest.ts if newest.ratings.positive(newest.rating) else NEVER
    return max(mark.ts for mark in standing)


def positive_keys(scope: str, target: str) -> list[RecordKey]:
    """The records whose feedback overrules a dislike of this target."""
    if scope == "creator":
        return [("creator", target, "follow")]
    if scope == "content":
        return [("content", target, kind) for kind in (*APPLAUSE, "rating", "purchase")]
    return []


def follows(records: Records, creator: str) -> bool:
    return positive_at(records, ("creator", creator, "follow")) != NEVER


def hard_of(records: Records, key: RecordKey) -> Hard | None:
    """The hard entry that a dislikes record makes, ended or not."""
    scope, target, family = key
    if family != "dislikes":
        return None
    positive = max((positive_at(records, other) for other in positive_keys(scope, target)), default=NEVER)
    counting = [m for m in records[key].standing if m.action in ENDLESS or m.ts > positive]
    if not counting:
        return None
    endless = any(m.action in ENDLESS for m in counting)
    until = None if endless else max(m.ts + LASTS_DAYS[m.action] * DAY_MS for m in counting)
    return Hard(until, max(m.ts for m in counting))


def is_live(records: Records, key: RecordKey, at: int) -> bool:
    hard = hard_of(records, key)
    return hard is not None and hard.live(at)


def present(records: Records, today: int, at: int, settings: Settings) -> Records:
    """The records that count: the others are out of the window and nothing holds them (§4, Kept)."""

    def in_window(key: RecordKey) -> bool:
        return records[key].newest // DAY_MS > today - settings.window_days

    def held(key: RecordKey) -> bool:
        return is_live(records, key, at) or (key[2] == "follow" and follows(records, key[1]))

    kept = {key for key in records if in_window(key) or held(key)}
    for key in sorted(kept):
        if key[2] != "dislikes":
            continue
        actions = {m.action for m in records[key].marks if m.action != "undo"}
        newest = [max(m.ts for m in records[key].marks if m.action == action) for action in actions]
        for other in positive_keys(key[0], key[1]):
            if other in records and any(ts <= positive_at(records, other) for ts in newest):
                kept.add(other)
    return {key: record for key, record in records.items() if key in kept}


def apply_record_cap(records: Records, at: int, settings: Settings) -> None:
    """Drops what is over the cap (§4, Kept). What a dropped record contributed stays in its tile."""
    hard = {k for k, r in records.items() if any(m.action in (*LASTS_DAYS, *ENDLESS) for m in r.marks)}

    def without_effect(key: RecordKey) -> bool:
        if key in hard:
            return not is_live(records, key, at)
        if key[2] == "purchase":
            return not standing_purchases(records, key[1], late_too=True)
        return not records[key].standing

    def order(key: RecordKey) -> tuple[bool, bool, int, str, str, str]:
        scope, target, family = key
        disliked = key in hard and any(m.action == "dislike" for m in records[key].marks)
        return (not without_effect(key), disliked, records[key].newest, family, scope, target)

    def never(key: RecordKey) -> bool:
        return any(m.action in ENDLESS for m in records[key].standing)

    for group in (hard, set(records) - hard):
        over = len(group) - settings.explicit_cap
        droppable = sorted((key for key in group if not never(key)), key=order)
        for key in droppable[: max(0, over)]:
            del records[key]


# --- evidence ------------------------------------------------------------------------------------------------


def item_keys(mark: Mark, records: Records) -> list[Key]:
    """The tags, sorted, and the creator of a mark's item: as its event says, else its interaction, else its record."""
    key = record_key(mark.event)
    tags, creator = _stated_keys(mark, records[key])
    if not tags and creator is None and key[2] == "return":
        bought = records.get((key[0], key[1], "purchase"))
        if bought is not None:
            tags, creator = _kept_keys(bought)
    return [*(("tag", tag) for tag in sorted(tags)), *([] if creator is None else [("creator", creator)])]


def _stated_keys(mark: Mark, record: Record) -> tuple[tuple[str, ...], str | None]:
    newest, newest_by = _kept_keys(record)
    return mark.item_tags or newest, newest_by if mark.item_creator is None else mark.item_creator


def _kept_keys(record: Record) -> tuple[tuple[str, ...], str | None]:
    """The item's keys that a record keeps: of the newest event that had any, from itself or its interaction."""
    tagged = [(mark.ts, mark.item_tags) for mark in record.marks if mark.item_tags]
    signed = [(mark.ts, mark.item_creator) for mark in record.marks if mark.item_creator is not None]
    return max(tagged, default=(NEVER, ()))[1], max(signed, default=(NEVER, None))[1]


def nats(mark: Mark, records: Records, r: Window) -> dict[Key, int]:
    """The ld that a mark contributes per key, in millionths (§5, explicit evidence)."""
    scope, target, family = record_key(mark.event)
    if family == "follow":
        return {("creator", target): micro(-3.0)}
    if family == "dislikes" and scope != "content":
        return {(scope, target): micro(2.0)}
    weight = mark.ratings.weight(mark.rating) if family == "rating" else WEIGHTS[family]
    keys = item_keys(mark, records)
    if family == "rating":
        return {key: micro(-2 / 3 * weight) for key in with_contexts(keys, mark.context)}
    if weight >= 0:
        return {key: micro(-15 / 7 * weight) for key in with_contexts(keys, mark.context)}
    v = 4 / 3 * -weight
    innocent = {key: 1 - r.dislike_probability(key) for key in keys}
    ld = {}
    for key in keys:
        po = 1 - math.prod(innocent[other] for other in keys if other != key)
        for each in with_contexts([key], mark.context):
            ld[each] = micro(v - math.log(po * math.exp(v) + 1 - po))
    return ld


def _knows_keys(mark: Mark, records: Records) -> bool:
    scope, _, family = record_key(mark.event)
    return family == "follow" or scope != "content" or bool(item_keys(mark, records))


def _key_order(mark: Mark, records: Records) -> tuple[tuple[str, ...], str]:
    tags, creator = _stated_keys(mark, records[record_key(mark.event)])
    return tags, creator or ""


def evidence(records: Records, r: Window) -> Tiles:
    """Lets the fresh actions contribute, takes back what no longer stands: the changes of ld by day and key.

    The records' contributions are replaced by what stands afterwards.
    """
    changes: Tiles = {}
    for key, record in records.items():
        _, target, family = key
        standing = record.contribution
        if standing is not None and standing.day <= r.today - r.settings.window_days:
            standing = None
        purchases = standing_purchases(records, target, late_too=False) if family == "purchase" else []
        if standing is not None and (standing.ts <= record.undone or (family == "purchase" and not purchases)):
            _move(changes, standing, -1)
            standing = None
        candidates = [
            m
            for m in record.fresh
            if m.action != "undo"
            and m.ts > record.undone
            and (family != "purchase" or m in purchases)
            and _knows_keys(m, records)
        ]
        chosen = _choose(family, candidates, records)
        if chosen is not None and (standing is None or (family == "rating" and chosen.ts > standing.ts)):
            if standing is not None:
                _move(changes, standing, -1)
            standing = Contribution(chosen.ts, nats(chosen, records, r), family == "return")
            _move(changes, standing, 1)
        record.contribution = standing
    return changes


def _choose(family: str, candidates: list[Mark], records: Records) -> Mark | None:
    """The first action, for ratings the newest; ties: the greater, then the one in the smaller context."""
    candidates = sorted(candidates, key=_context_order)
    if not candidates:
        return None
    if family == "rating":
        return max(candidates, key=lambda m: (m.ts, m.rating, _key_order(m, records)))
    first = min(m.ts for m in candidates)
    return max((m for m in candidates if m.ts == first), key=lambda m: _key_order(m, records))


def _context_order(mark: Mark) -> tuple[str, str]:
    context = dict(mark.context)
    return context.get("daypart", ""), context.get("device", "")


def take_back_undone(record: Record, today: int, settings: Settings) -> Tiles:
    """What a late undo takes back on arrival."""
    changes: Tiles = {}
    standing = record.contribution
    if standing is not None and standing.ts <= record.undone:
        if standing.day > today - settings.window_days:
            _move(changes, standing, -1)
        record.contribution = None
    return changes


def _move(changes: Tiles, contribution: Contribution, sign: int) -> None:
    for key, amount in contribution.ld.items():
        add(changes, contribution.day, key, ld=sign * amount, returned=sign * contribution.returned)

"""Explicit records: what a user stated about a content, creator or tag, and took back (spec §4).

Everything merges by newest ts, so statements may arrive in any order and repeatedly; an undo is kept even if it
comes first, and cancels what is not newer (I5).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct, field

from streamer.events import Dislike, Feedback, normal_tags
from streamer.profile.explicit.contributed import Contribution
from streamer.profile.explicit.orders import ORDERS, keep_newest, newest, newest_by_key, newest_standing_purchase
from streamer.signals import explicit
from streamer.signals.context import daypart
from streamer.signals.interaction import Interaction

STATEMENTS: Final = 64
"""Statements of one record remembered per open session; the newest stay, for an undo cancels the older (I6)."""


class RecordKey(NamedTuple):
    """What a record is about: family is ``dislike`` or one feedback kind."""

    scope: str
    target: str
    family: str

    @classmethod
    def of(cls, event: Dislike | Feedback) -> RecordKey | None:
        """The record an event belongs to; None for clicks, which state nothing."""
        if isinstance(event, Dislike):
            return cls(event.scope, event.target, explicit.DISLIKE_FAMILY)
        family = event.family
        if family == "click":
            return None
        return cls("creator" if family == "follow" else "content", event.target, family)


class ItemKeys(Struct, array_like=True, gc=False):
    """Tags and creator of the newest events that are known to have them (ties: the greater)."""

    tags: tuple[str, ...] = ()
    tags_at: int = -1
    creator: str = ""
    creator_at: int = -1

    def merge(self, other: ItemKeys) -> None:
        if (other.tags_at, other.tags) > (self.tags_at, self.tags):
            self.tags_at, self.tags = other.tags_at, other.tags
        if (other.creator_at, other.creator) > (self.creator_at, self.creator):
            self.creator_at, self.creator = other.creator_at, other.creator


class Acts(Struct, array_like=True, gc=False):
    """The newest ts of everything stated. Purchases and returns by order, "" is "without an order"."""

    acted: dict[str, int] = field(default_factory=dict)
    rating: int = 0
    rating_at: int = -1
    rating_positive: bool = False
    purchases: dict[str, int] = field(default_factory=dict)
    returns: dict[str, int] = field(default_factory=dict)

    def merge(self, other: Acts) -> None:
        newest_by_key(self.acted, other.acted)
        if (other.rating_at, other.rating) > (self.rating_at, self.rating):
            self.rating_at, self.rating, self.rating_positive = other.rating_at, other.rating, other.rating_positive
        newest_by_key(self.purchases, other.purchases)
        newest_by_key(self.returns, other.returns)
        keep_newest(self.purchases, ORDERS)
        keep_newest(self.returns, ORDERS)

    def newest(self) -> int:
        """The newest ts stated; −1 if nothing was."""
        return max([self.rating_at, *self.acted.values(), *self.purchases.values(), *self.returns.values()])


class Statement(Struct, array_like=True, frozen=True):
    """One action as it was stated, for the evidence it may contribute. ``content_id``: what a follow named, or ""."""

    ts: int
    tags: tuple[str, ...]
    creator: str
    daypart: str
    device: str | None
    value: int
    order: str
    content_id: str = ""


class SessionRecord(Struct, array_like=True, gc=False):
    """What one open session holds of a record.

    Attributes:
        acts, undo: what was stated, and when that was last undone.
        keys: those that events carried themselves.
        statements: the actions, by :func:`statement_order`.
        tags_left_out, creator_left_out: the newest ts of an event that carried no tags, or no creator; −1: none.
    """

    acts: Acts = field(default_factory=Acts)
    undo: int = -1
    keys: ItemKeys = field(default_factory=ItemKeys)
    statements: list[Statement] = field(default_factory=list)
    tags_left_out: int = -1
    creator_left_out: int = -1

    def add(self, event: Dislike | Feedback) -> None:
        """Takes in one event of this record."""
        ts = event.ts
        tags = normal_tags(event.tags)
        creator = event.creator_id or ""
        self.keys.merge(ItemKeys(tags, ts if tags else -1, creator, ts if creator else -1))
        if not tags:
            self.tags_left_out = max(self.tags_left_out, ts)
        if not creator:
            self.creator_left_out = max(self.creator_left_out, ts)
        value, order, content_id = 0, "", ""
        if isinstance(event, Dislike):
            action = event.action
            if action == "undo":
                self.undo = max(self.undo, ts)
                return
            newest(self.acts.acted, action, ts)
        else:
            kind = event.kind
            if kind == "undo":
                self.undo = max(self.undo, ts)
                return
            value, order = event.value or 0, event.order_id or ""
            if kind == "follow":
                content_id = event.content_id or ""
            self.acts.merge(_acts_of(kind, ts, value, order))
        part = daypart(ts, event.tz_offset_min)
        self._state(Statement(ts, tags, creator, part, event.device, value, order, content_id))

    def join(self, other: SessionRecord) -> None:
        """Takes in what another session, now the same one, holds of this record."""
        self.acts.merge(other.acts)
        self.undo = max(self.undo, other.undo)
        self.keys.merge(other.keys)
        self.tags_left_out = max(self.tags_left_out, other.tags_left_out)
        self.creator_left_out = max(self.creator_left_out, other.creator_left_out)
        for statement in other.statements:
            self._state(statement)

    def add_item_keys(self, keys: ItemKeys, item: Interaction | None) -> None:
        """Adds the item's keys: of each event those that it carried, else those of its interaction, if that counts."""
        keys.merge(self.keys)
        if item is not None:
            tags_at = self.tags_left_out if item.tags else -1
            creator_at = self.creator_left_out if item.creator else -1
            keys.merge(ItemKeys(item.tags, tags_at, item.creator or "", creator_at))

    def _state(self, statement: Statement) -> None:
        if statement not in self.statements:
            self.statements.append(statement)
            self.statements.sort(key=statement_order)
            del self.statements[:-STATEMENTS]


class ExplicitRecord(Struct, array_like=True, gc=False):
    """One record over sealed sessions and late events; late ones overrule and exclude, but contribute nothing."""

    sealed: Acts = field(default_factory=Acts)
    late: Acts = field(default_factory=Acts)
    undo: int = -1
    keys: ItemKeys = field(default_factory=ItemKeys)
    contributed: Contribution | None = None

    @property
    def newest(self) -> int:
        """The newest ts of everything stated or undone."""
        return max(self.undo, self.sealed.newest(), self.late.newest())

    def seal(self, part: SessionRecord, item: Interaction | None) -> None:
        """Takes in what a session held of this record, now that it seals; and the item's keys from its interaction."""
        self.sealed.merge(part.acts)
        self.undo = max(self.undo, part.undo)
        part.add_item_keys(self.keys, item)

    def add_late(self, part: SessionRecord) -> None:
        """Takes in what was said too late to be counted."""
        self.late.merge(part.acts)
        self.undo = max(self.undo, part.undo)
        self.keys.merge(part.keys)


class Known(Struct):
    """A record together with what open sessions hold of it: all that is known now."""

    acts: Acts
    undo: int
    newest: int

    @classmethod
    def of(cls, record: ExplicitRecord | None, parts: list[SessionRecord]) -> Known:
        acts = Acts()
        undo = -1
        if record is not None:
            acts.merge(record.sealed)
            acts.merge(record.late)
            undo = record.undo
        for part in parts:
            acts.merge(part.acts)
            undo = max(undo, part.undo)
        return cls(acts, undo, max(undo, acts.newest()))


class HardEntry(Struct, frozen=True):
    """A standing exclusion: since its newest counting action, until ``until`` (ms; None: until undone)."""

    since: int
    until: int | None

    def live(self, now: int) -> bool:
        return self.until is None or self.until > now


def hard_entry(known: Known, overruled_by: int) -> HardEntry | None:
    """The hard entry of a dislikes record; None if nothing counts.

    Args:
        known: the record.
        overruled_by: ts of the newest standing positive feedback on the same target, −1 if there is none.
            Block and report yield only to an undo.
    """
    since = -1
    until: int | None = -1
    for action, ts in known.acts.acted.items():
        ends = explicit.hard_until(action, ts)
        if ts <= known.undo or (ends is not None and ts <= overruled_by):
            continue
        since = max(since, ts)
        until = None if ends is None or until is None else max(until, ends)
    return None if since < 0 else HardEntry(since, until)


def standing_positive(family: str, known: Known, returned: Known | None) -> int:
    """ts of the newest standing positive feedback of one record; −1 if there is none.

    Args:
        family: the record's family.
        known: the record.
        returned: the returns of the same content, for purchases.
    """
    acts = known.acts
    if family == "rating":
        stands = acts.rating_positive and acts.rating_at > known.undo
        return acts.rating_at if stands else -1
    if family == "purchase":
        returns, undone = ({}, -1) if returned is None else (returned.acts.returns, returned.undo)
        newest_ts = newest_standing_purchase(acts.purchases, known.undo, returns, undone)
        return -1 if newest_ts is None else newest_ts
    if family not in explicit.POSITIVE_KINDS:
        return -1
    ts = acts.acted.get(family, -1)
    return ts if ts > known.undo else -1


def statement_order(statement: Statement) -> tuple[int, list[list[int]], list[int], str, str, int, str, str]:
    """Earliest first; of those with one ts, the greater (tags, creator) first."""
    return (
        statement.ts,
        [_descending(tag) for tag in statement.tags] + [[1]],
        _descending(statement.creator),
        statement.daypart,
        statement.device or "",
        -statement.value,
        statement.order,
        statement.content_id,
    )


def _descending(text: str) -> list[int]:
    return [-ord(c) for c in text] + [1]


def _acts_of(kind: str, ts: int, value: int, order: str) -> Acts:
    if kind == "rating":
        return Acts(rating=value, rating_at=ts)
    if kind == "purchase":
        return Acts(purchases={order: ts})
    if kind == "return":
        return Acts(returns={order: ts})
    return Acts(acted={kind: ts})

"""One item in one session: what was shown, joined with what was done (spec §2).

Merging is commutative, associative and idempotent: every field is a maximum, a minimum or a set, so any
order of arrival and any repeats give the same interaction (I1).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from streamer.events import Event, Feedback, Impression, Media, Play, normal_tags
from streamer.signals.context import daypart
from streamer.signals.exposure import Attention, Gate

PLAYBACKS: Final = 8
ORDERS: Final = 32
"""Orders of one content remembered per session; the newest stay (I6)."""


class SessionFeedback(Struct, array_like=True, gc=False):
    """Explicit feedback within one session: the newest ts by kind, of undos too; of purchases and returns by order.

    Orders: "" is "without an order".
    """

    acted: dict[str, int] = field(default_factory=dict)
    undone: dict[str, int] = field(default_factory=dict)
    rating: int = 0
    rating_at: int = -1
    purchases: dict[str, int] = field(default_factory=dict)
    returns: dict[str, int] = field(default_factory=dict)

    def merge(self, event: Feedback) -> None:
        """Takes in one event; clicks are not explicit."""
        kind, ts = event.kind, event.ts
        if kind == "undo":
            newest(self.undone, event.family, ts)
        elif kind == "rating":
            assert event.value is not None
            self._merge_rating(ts, event.value)
        elif kind == "purchase":
            newest(self.purchases, event.order_id or "", ts)
            keep_newest(self.purchases, ORDERS)
        elif kind == "return":
            newest(self.returns, event.order_id or "", ts)
            keep_newest(self.returns, ORDERS)
        else:
            newest(self.acted, kind, ts)

    def join(self, other: SessionFeedback) -> None:
        newest_by_key(self.acted, other.acted)
        newest_by_key(self.undone, other.undone)
        self._merge_rating(other.rating_at, other.rating)
        newest_by_key(self.purchases, other.purchases)
        newest_by_key(self.returns, other.returns)
        keep_newest(self.purchases, ORDERS)
        keep_newest(self.returns, ORDERS)

    def _merge_rating(self, ts: int, value: int) -> None:
        if (ts, value) > (self.rating_at, self.rating):
            self.rating_at, self.rating = ts, value

    @property
    def positive(self) -> bool:
        """Whether a like, love, save, share, follow or comment stands, or a purchase; ratings are judged elsewhere."""
        if any(ts > self.undone.get(kind, -1) for kind, ts in self.acted.items()):
            return True
        return bool(self.standing_purchases)

    @property
    def standing_kinds(self) -> tuple[str, ...]:
        """The kinds among like, love, save, share, follow and comment that stand, sorted."""
        return tuple(sorted(kind for kind, ts in self.acted.items() if ts > self.undone.get(kind, -1)))

    @property
    def standing_purchases(self) -> list[int]:
        """When the purchases were made that are neither undone nor returned, ms; one per order."""
        undone = self.undone.get
        return standing_purchases(self.purchases, undone("purchase", -1), self.returns, undone("return", -1))

    @property
    def standing_rating(self) -> int | None:
        """The newest rating, if it was not undone in this session."""
        return self.rating if self.rating_at > self.undone.get("rating", -1) else None

    @property
    def returned(self) -> bool:
        """Whether a return was made and not undone."""
        return max(self.returns.values(), default=-1) > self.undone.get("return", -1)


class Interaction(Struct, array_like=True, gc=False):
    """All that is known of one content in one session. Times are ms, ``attention`` thousandths.

    ``*_at`` is the ts of the event a field was taken from: the newest for item fields, the earliest for the
    context. ``responded``: some event of dislikes or feedback named it. ``given``: None until feedback is.
    """

    content_id: str
    first: int
    device: str | None
    daypart: str
    creator: str | None = None
    creator_at: int = -1
    tags: tuple[str, ...] = ()
    tags_at: int = -1
    media: Media | None = None
    media_at: int = -1
    duration_s: float | None = None
    duration_at: int = -1
    seen: bool = False
    attention: int = 0
    clicked: bool = False
    responded: bool = False
    started: bool = False
    ended: bool = False
    playbacks: dict[str, float] | None = None
    position_s: float | None = None
    scroll_depth: float | None = None
    given: SessionFeedback | None = None

    @classmethod
    def opened_by(cls, content_id: str, event: Event, seen: bool = False, attention: int = 0) -> Interaction:
        """An interaction with the context and the item fields of ``event``, which has yet to act on it.

        Args:
            content_id: of what.
            event: the first to name it.
            seen: whether it is an impression that passes the gate; it need not act then.
            attention: what an impression that does gives it, thousandths.
        """
        ts, creator, media, duration_s = event.ts, event.creator_id, event.media, event.duration_s
        tags = normal_tags(event.tags) if event.tags else ()
        return cls(
            content_id,
            ts,
            event.device,
            daypart(ts, event.tz_offset_min),
            creator,
            -1 if creator is None else ts,
            tags,
            ts if tags else -1,
            media,
            -1 if media is None else ts,
            duration_s,
            -1 if duration_s is None else ts,
            seen,
            attention,
        )

    def merge(self, event: Event, gate: Gate, attention: Attention) -> None:
        """Takes in one event that names this content."""
        self._merge_item(event)
        self.act(event, gate, attention)

    def act(self, event: Event, gate: Gate, attention: Attention) -> None:
        """Takes in what an event did; its context and item fields are known."""
        kind = type(event)
        if kind is Impression:
            assert isinstance(event, Impression)
            if gate.passes(event):
                self.seen = True
                examined = attention.at(event.position)
                if examined > self.attention:
                    self.attention = examined
        elif kind is Play:
            assert isinstance(event, Play)
            self._merge_play(event)
        else:
            self.responded = True
            if isinstance(event, Feedback):
                self._merge_feedback(event)

    def join(self, other: Interaction) -> None:
        """Takes in what another session, now the same one, knew of this content."""
        self._merge_context(other.first, other.device, other.daypart)
        self.seen |= other.seen
        self.attention = max(self.attention, other.attention)
        self.clicked |= other.clicked
        self.responded |= other.responded
        self.started |= other.started
        self.ended |= other.ended
        for playback_id, played_s in (other.playbacks or {}).items():
            self._merge_playback(playback_id, played_s)
        self.position_s = greater(self.position_s, other.position_s)
        self.scroll_depth = greater(self.scroll_depth, other.scroll_depth)
        if other.creator is not None:
            self._merge_creator(other.creator_at, other.creator)
        if other.tags:
            self._merge_tags(other.tags_at, other.tags)
        if other.media is not None:
            self._merge_media(other.media_at, other.media)
        if other.duration_s is not None:
            self._merge_duration(other.duration_at, other.duration_s)
        if self.given is None:
            self.given = other.given
        elif other.given is not None:
            self.given.join(other.given)

    def _merge_item(self, event: Event) -> None:
        ts = event.ts
        creator = event.creator_id
        if creator is not None:
            self._merge_creator(ts, creator)
        if event.tags:
            tags = self.tags if event.tags == self.tags else normal_tags(event.tags)
            if tags:
                self._merge_tags(ts, tags)
        if event.media is not None:
            self._merge_media(ts, event.media)
        if event.duration_s is not None:
            self._merge_duration(ts, event.duration_s)
        if ts <= self.first:
            self._merge_context(ts, event.device, daypart(ts, event.tz_offset_min))

    def _merge_context(self, ts: int, device: str | None, part: str) -> None:
        if ts < self.first:
            self.first, self.device, self.daypart = ts, device, part
        elif ts == self.first:
            self.device = None if self.device is None or device is None else min(self.device, device)
            self.daypart = min(self.daypart, part)

    def _merge_creator(self, ts: int, creator: str) -> None:
        if ts > self.creator_at or (ts == self.creator_at and (self.creator is None or creator > self.creator)):
            self.creator_at, self.creator = ts, creator

    def _merge_tags(self, ts: int, tags: tuple[str, ...]) -> None:
        if ts > self.tags_at or (ts == self.tags_at and tags > self.tags):
            self.tags_at, self.tags = ts, tags

    def _merge_media(self, ts: int, media: Media) -> None:
        if ts > self.media_at or (ts == self.media_at and (self.media is None or media > self.media)):
            self.media_at, self.media = ts, media

    def _merge_duration(self, ts: int, seconds: float) -> None:
        if ts > self.duration_at or (ts == self.duration_at and (self.duration_s is None or seconds > self.duration_s)):
            self.duration_at, self.duration_s = ts, seconds

    def _merge_playback(self, playback_id: str, played_s: float) -> None:
        if self.playbacks is None:
            self.playbacks = {playback_id: played_s}
            return
        playbacks = self.playbacks
        known = playbacks.get(playback_id)
        if known is None or played_s > known:
            playbacks[playback_id] = played_s
            if len(playbacks) > PLAYBACKS:
                del playbacks[max(playbacks, key=lambda p: (-playbacks[p], p))]

    def _merge_play(self, play: Play) -> None:
        self.started = True
        self.ended |= play.ended
        if play.played_s is not None:
            self._merge_playback(play.playback_id, play.played_s)
        self.position_s = greater(self.position_s, play.position_s)
        self.scroll_depth = greater(self.scroll_depth, play.scroll_depth)

    def _merge_feedback(self, event: Feedback) -> None:
        if event.kind == "click":
            self.clicked = True
            return
        if self.given is None:
            self.given = SessionFeedback()
        self.given.merge(event)

    @property
    def standing_rating(self) -> int | None:
        """The newest rating, if it was not undone in this session."""
        return None if self.given is None else self.given.standing_rating

    @property
    def returned(self) -> bool:
        """Whether a return was made here and not undone."""
        return self.given is not None and self.given.returned


def standing_purchases(
    purchases: dict[str, int], purchase_undone: int, returns: dict[str, int], return_undone: int
) -> list[int]:
    """The ts of the purchases that are neither undone nor taken by a standing return.

    A return takes the purchase of its order, without an order all purchases up to it; a purchase without an
    order is taken by any return not older. Orders map to their newest ts; "" is "without an order".

    >>> standing_purchases({"a": 1, "b": 2, "c": 4}, -1, {"b": 3}, -1)
    [1, 4]
    >>> standing_purchases({"": 5}, -1, {"b": 3}, -1), standing_purchases({"a": 5}, -1, {"": 9}, -1)
    ([5], [])
    """
    taken = {order: ts for order, ts in returns.items() if ts > return_undone}
    any_return = max(taken.values(), default=-1)
    blanket = taken.get("", -1)
    return [
        ts
        for order, ts in purchases.items()
        if ts > purchase_undone and (ts > any_return if order == "" else order not in taken and ts > blanket)
    ]


def newest_standing_purchase(
    purchases: dict[str, int], purchase_undone: int, returns: dict[str, int], return_undone: int
) -> int | None:
    """The newest of :func:`standing_purchases`; None if none stands."""
    return max(standing_purchases(purchases, purchase_undone, returns, return_undone), default=None)


def newest(newest_ts: dict[str, int], key: str, ts: int) -> None:
    """Keeps the greatest ts of a key."""
    if ts > newest_ts.get(key, -1):
        newest_ts[key] = ts


def newest_by_key(into: dict[str, int], other: dict[str, int]) -> None:
    """Keeps the greatest ts of every key of both."""
    for key, ts in other.items():
        newest(into, key, ts)


def keep_newest(newest_ts: dict[str, int], most: int) -> None:
    """Drops the oldest keys beyond ``most``; ties: the greater key goes."""
    while len(newest_ts) > most:
        del newest_ts[min(newest_ts, key=lambda k: (newest_ts[k], [-ord(c) for c in k]))]


def greater(a: float | None, b: float | None) -> float | None:
    """The greater of two numbers that may be unknown."""
    if a is None:
        return b
    return a if b is None or a >= b else b

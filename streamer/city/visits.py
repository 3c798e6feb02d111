"""One visit to the app: a feed of 20–40 items, and what the user does with each."""

from __future__ import annotations

from random import Random
from typing import Final, TypedDict

from streamer.city.catalogue import Item
from streamer.city.tastes import Habits, Taste, consumed, watched
from streamer.events import (
    DAY_MS,
    Action,
    Dislike,
    Event,
    Feedback,
    FeedbackKind,
    FeedbackKindOrUndo,
    Impression,
    Play,
    Scope,
)

PAGE: Final = 8
"""Items on one screenful: positions run from 0 to 7, then a new page begins."""

_ATTENTION: Final = tuple((1 + position) ** -0.5 for position in range(PAGE))
_ACTIONS: Final[tuple[Action, ...]] = ("dislike", "not_interested", "hide", "block", "report")
_ACTION_WEIGHTS: Final = (45, 75, 90, 96, 100)  # cumulative
_PRAISE: Final[tuple[FeedbackKindOrUndo, ...]] = ("like", "love", "save", "share", "comment", "follow", "rating")
_PRAISE_WEIGHTS: Final = (45, 53, 61, 67, 72, 80, 100)  # cumulative
_UNDOABLE: Final[dict[FeedbackKindOrUndo, FeedbackKind]] = {"like": "like", "save": "save", "follow": "follow"}


class _Stamp(TypedDict):
    user_id: str
    ts: int
    session_id: str | None
    device: str
    cohort: str | None
    tz_offset_min: int


class Visit:
    """Builds the events of one visit, in the order in which they are made (not quite that of their ts).

    Args:
        taste: who visits.
        habits: how.
        session_id: None if the user's app sends none.
        start_ms: when the first item is shown.
        rng: source of all chance.
    """

    def __init__(self, taste: Taste, habits: Habits, session_id: str | None, start_ms: int, rng: Random) -> None:
        self._taste = taste
        self._habits = habits
        self._session = session_id
        self._device = habits.devices[0] if rng.random() < 0.7 else rng.choice(habits.devices)
        self._rng = rng
        self._now = start_ms
        self._playbacks = 0
        self._events: list[tuple[str, Event]] = []

    def walk(self, feed: list[Item]) -> list[tuple[str, Event]]:
        """The events of scrolling through ``feed``; returns and late undos may lie days after the visit."""
        random = self._rng.random
        for number, item in enumerate(feed):
            position = number % PAGE
            ratio = self._taste.ratio(item)
            examined = random() < _ATTENTION[position]
            start = examined and random() < min(0.95, self._habits.start_rate * ratio)
            self._show(item, position, start or examined or random() < 0.6)
            if start:
                self._consume(item, ratio)
            elif examined and ratio < 0.5 and random() < 0.08:
                self._complain(item)
            self._now += int(300 + 2_500 * random())
        return self._events

    def _stamp(self, now: int, delay_ms: int = 0) -> _Stamp:
        """Who does something so long after ``now``, when and where; what comes a minute later names no session."""
        return {
            "user_id": self._taste.user_id,
            "ts": now + delay_ms,
            "session_id": self._session if delay_ms < 60_000 else None,
            "device": self._device,
            "cohort": self._habits.cohort,
            "tz_offset_min": self._habits.tz_offset_min,
        }

    def _show(self, item: Item, position: int, in_view: bool) -> None:
        rng = self._rng
        visible_ms: int | None = int(2_000 + 6_000 * rng.random()) if in_view else int(1_500 * rng.random())
        visible_ratio = min(1.0, round(0.6 + 0.8 * rng.random(), 2)) if in_view else round(rng.random(), 2)
        ts = self._now
        self._now += visible_ms or 0
        if rng.random() < 0.04:
            visible_ms = None
        self._events.append(
            (
                "impressions",
                Impression(
                    **self._stamp(ts),
                    position=position,
                    visible_ms=visible_ms,
                    visible_ratio=visible_ratio,
                    **item.carried,
                ),
            )
        )

    def _consume(self, item: Item, ratio: float) -> None:
        rng = self._rng
        if item.media == "product":
            self._shop(item, ratio)
            return
        played, share = watched(item, ratio, rng)
        self._playbacks += 1
        playback = f"p{self._playbacks}"
        began = self._now
        if played > 8 and rng.random() < 0.3:
            part = rng.uniform(0.3, 0.8)
            self._now = began + int(1000 * played * part)
            self._play(item, playback, played * part, share * part, ended=False)
        self._now = began + int(1000 * played)
        if rng.random() < 0.99:  # else the app was killed: only what was reported before is known
            self._play(item, playback, played, share, ended=True)
        if share >= 0.8 and rng.random() < 0.06:
            self._playbacks += 1
            self._now += int(1000 * played)
            self._play(item, f"p{self._playbacks}", played, share, ended=True)
        if share >= 0.35 and rng.random() < min(0.4, 0.12 * ratio):
            self._praise(item, ratio)
        elif share < 0.2 and ratio < 0.5 and rng.random() < 0.2:
            self._complain(item)

    def _play(self, item: Item, playback: str, played: float, share: float, *, ended: bool) -> None:
        self._events.append(
            (
                "plays",
                Play(
                    **self._stamp(self._now),
                    playback_id=playback,
                    **consumed(item, played, share),
                    ended=ended,
                    **item.carried,
                ),
            )
        )

    def _shop(self, item: Item, ratio: float) -> None:
        rng = self._rng
        if rng.random() < 0.5:
            self._feedback("click", item)
        self._now += int(15_000 * rng.random())
        self._playbacks += 1
        self._play(item, f"p{self._playbacks}", rng.uniform(3, 60), 0.0, ended=True)
        if rng.random() < min(0.3, 0.1 * ratio):
            order = f"order-{self._now}"
            self._feedback("purchase", item, order_id=order)
            if rng.random() < 0.25:
                days_later = int(DAY_MS * rng.uniform(1, 6))
                self._feedback("return", item, order_id=order, delay_ms=days_later)

    def _praise(self, item: Item, ratio: float) -> None:
        rng = self._rng
        kind = rng.choices(_PRAISE, cum_weights=_PRAISE_WEIGHTS)[0]
        self._now += int(500 + 3_000 * rng.random())
        if kind == "rating":
            middle = 4.2 if ratio > 1 else 3.4 if ratio >= 0.5 else 1.8
            self._feedback(kind, item, value=min(5, max(1, round(rng.gauss(middle, 0.8)))))
            return
        self._feedback(kind, item)
        undone = _UNDOABLE.get(kind)
        if undone is not None and rng.random() < 0.05:
            self._feedback("undo", item, of=undone, delay_ms=int(20_000 * rng.random()) + 1)

    def _feedback(
        self,
        kind: FeedbackKindOrUndo,
        item: Item,
        *,
        value: int | None = None,
        of: FeedbackKind | None = None,
        order_id: str | None = None,
        delay_ms: int = 0,
    ) -> None:
        self._events.append(
            (
                "feedback",
                Feedback(
                    **self._stamp(self._now, delay_ms),
                    kind=kind,
                    value=value,
                    of=of,
                    order_id=order_id,
                    **item.carried,
                ),
            )
        )

    def _complain(self, item: Item) -> None:
        rng = self._rng
        tag = self._taste.disliked_tag(item)
        by_creator = item.creator_id in self._taste.disliked_creators
        scope: Scope = "content"
        if by_creator and rng.random() < 0.4:
            scope = "creator"
        elif tag is not None and rng.random() < 0.3:
            scope = "tag"
        action = rng.choices(_ACTIONS, cum_weights=_ACTION_WEIGHTS)[0]
        self._now += int(500 + 2_000 * rng.random())
        keyed = rng.random() < 0.7  # some apps send only the target
        self._dislike(action, scope, item, tag, keyed, 0)
        chance = rng.random()
        if chance < 0.06:
            self._dislike("undo", scope, item, tag, keyed, int(15_000 * rng.random()) + 1)
        elif chance < 0.08:
            self._dislike("undo", scope, item, tag, keyed, int(DAY_MS * rng.uniform(0.5, 3)))

    def _dislike(self, action: Action, scope: Scope, item: Item, tag: str | None, keyed: bool, delay_ms: int) -> None:
        self._events.append(
            (
                "dislikes",
                Dislike(
                    **self._stamp(self._now, delay_ms),
                    creator_id=item.creator_id if keyed or scope == "creator" else None,
                    tags=item.tags if keyed else (),
                    action=action,
                    scope=scope,
                    content_id=item.content_id if keyed or scope == "content" else None,
                    tag=tag if scope == "tag" else None,
                ),
            )
        )

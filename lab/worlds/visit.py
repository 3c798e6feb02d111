"""One visit to a world's app: what is shown, what is examined, and what the user does with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from lab.worlds.regime import Regime
from lab.worlds.resident import DISLIKED, Leanings, Resident
from streamer.city.catalogue import Item
from streamer.city.tastes import consumed, watched
from streamer.events import Action, Dislike, Event, Feedback, FeedbackKindOrUndo, Impression, Play, Scope

_MOST_START: Final = 0.95
_MOOD_SIGMA: Final = 0.4  # spread of a user's start rate from visit to visit, log-normal with mean 1
_UNWANTED: Final = 0.2  # what `watched` takes for an item that is mostly left early
_MISTAKEN: Final = 0.02  # complaints about what is not unwanted, relative to those about what is
_FAR: Final = 0.35
_ACTIONS: Final[tuple[Action, ...]] = ("dislike", "not_interested", "hide", "block")
_ACTION_WEIGHTS: Final = (45, 80, 95, 100)  # cumulative
_PRAISE: Final[tuple[FeedbackKindOrUndo, ...]] = ("like", "love", "save", "share")
_NAMES_THE_CREATOR: Final = 0.15
_NAMES_THE_TAG: Final = 0.10


class Visit:
    """Builds the events of one visit, ts ascending.

    Args:
        who: the visitor.
        regime: how the app shows things.
        hooks: creators that draw in.
        appeals: how much each content appeals to everybody, by id; 1 on average.
        start_ms: when the first item is shown, ms since 1970.
        rng: source of all chance.
        chance: gives what happens with an item its own source of chance, so that it does not depend on what was shown
            before; None: it is ``rng``.
    """

    def __init__(
        self,
        who: Resident,
        regime: Regime,
        hooks: frozenset[str],
        appeals: Mapping[str, float],
        start_ms: int,
        rng: Random,
        chance: Callable[[Item], Random] | None = None,
    ) -> None:
        self._who = who
        self._regime = regime
        self._hooks = hooks
        self._appeals = appeals
        self._rate = who.start_rate * rng.lognormvariate(-(_MOOD_SIGMA**2) / 2, _MOOD_SIGMA)
        self._now = start_ms
        self._rng = rng
        self._chance = chance
        self._attention = [(1 + position) ** -who.position_bias for position in range(regime.page)]
        self._playbacks = 0
        self._events: list[Event] = []

    def walk(self, feed: list[Item]) -> list[Event]:
        """The events of going through ``feed``."""
        regime, who = self._regime, self._who
        for number, item in enumerate(feed):
            if self._chance is not None:
                self._rng = self._chance(item)
            random = self._rng.random
            position = number % regime.page
            truth = who.at(self._now)
            in_view = random() >= regime.unseen
            examined = in_view and random() < self._attention[position]
            starts = examined and random() < min(_MOST_START, self._rate * self._draw(item, truth))
            self._show(item, position, in_view or random() < regime.reported_seen)
            if starts:
                self._consume(item, truth)
            if examined:
                unwanted = self._is_unwanted(item, truth)
                if random() < who.complains * (1.0 if unwanted else _MISTAKEN):
                    self._complain(item, truth)
            self._now += int(300 + 2_500 * random())
        return self._events

    def _draw(self, item: Item, truth: Leanings) -> float:
        return self._appeals[item.content_id] * truth.draw(item, self._hooks)

    def _is_unwanted(self, item: Item, truth: Leanings) -> bool:
        """Whether they act as with something unwanted."""
        if not truth.displeases(item):
            return False
        return truth.taste == 1 or truth.displeases_by_more(item) or self._rng.random() < truth.taste

    def _show(self, item: Item, position: int, seen: bool) -> None:
        random = self._rng.random
        visible_ms = int(2_000 + 6_000 * random()) if seen else int(900 * random())
        self._events.append(
            Impression(
                user_id=self._who.user_id,
                ts=self._now,
                position=position,
                visible_ms=visible_ms,
                **item.carried,
            )
        )
        self._now += visible_ms

    def _consume(self, item: Item, truth: Leanings) -> None:
        rng = self._rng
        unwanted = self._is_unwanted(item, truth)
        if item.media == "product":
            self._feedback("click", item)
            self._now += int(15_000 * rng.random())
            if not unwanted and rng.random() < 0.1:
                self._feedback("purchase", item)
            return
        played, share = watched(item, _UNWANTED if unwanted else self._draw(item, truth), rng)
        self._playbacks += 1
        self._now += int(1000 * played)
        self._events.append(
            Play(
                user_id=self._who.user_id,
                ts=self._now,
                playback_id=f"p{self._playbacks}",
                **consumed(item, played, share),
                **item.carried,
            )
        )
        if share >= _FAR and not unwanted and rng.random() < self._who.praises:
            self._feedback(rng.choice(_PRAISE), item)

    def _feedback(self, kind: FeedbackKindOrUndo, item: Item) -> None:
        self._now += int(500 + 2_000 * self._rng.random())
        self._events.append(
            Feedback(
                user_id=self._who.user_id,
                ts=self._now,
                kind=kind,
                **item.carried,
            )
        )

    def _complain(self, item: Item, truth: Leanings) -> None:
        rng = self._rng
        scope: Scope = "content"
        tag = next((each for each in item.tags if truth.tags[each] <= DISLIKED), None)
        if item.creator_id in truth.disliked("creator") and rng.random() < _NAMES_THE_CREATOR:
            scope = "creator"
        elif tag is not None and rng.random() < _NAMES_THE_TAG:
            scope = "tag"
        self._now += int(500 + 2_000 * rng.random())
        self._events.append(
            Dislike(
                user_id=self._who.user_id,
                ts=self._now,
                action=rng.choices(_ACTIONS, cum_weights=_ACTION_WEIGHTS)[0],
                scope=scope,
                tag=tag if scope == "tag" else None,
                **item.carried,
            )
        )

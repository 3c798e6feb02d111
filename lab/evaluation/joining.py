"""What baselines see: sessions as the worker joins them, with the outcome of every interaction.

Uses the worker's own session join and outcome rules, for events in ts order, so that baselines differ from ours in
what they conclude and in nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from streamer.events import DAY_MS, Event, normal_tags
from streamer.profile import Rules
from streamer.profile.session import Session
from streamer.scoring.counts import CREATOR, TAG
from streamer.signals.feedback import Refusals, present, unified_weight
from streamer.signals.interaction import NOTHING_SAID, Interaction, SessionFeedback
from streamer.signals.outcome import Outcome

_DONE_OR_SAID: Final = Refusals(0, 0)
"""The rule of the weighted sum is of what was done and said: what was passed over has rules of its own."""

Key = tuple[str, str]
"""(kind, value): kind is tag, creator, content or duration."""


@lru_cache(maxsize=65_536)
def keys_of(tags: tuple[str, ...], creator_id: str | None) -> tuple[Key, ...]:
    """The tags and the creator of an item, tags in their normal form.

    >>> keys_of(("News ", "cats"), "c1")
    (('tag', 'news'), ('tag', 'cats'), ('creator', 'c1'))
    """
    keys = [(TAG, tag) for tag in normal_tags(tags)]
    return (*keys, (CREATOR, creator_id)) if creator_id is not None else tuple(keys)


class Joined(Struct, frozen=True):
    """One interaction of a closed session: what was shown with what was done, and what that means.

    ``weight``: its unified weight (spec §4), dislikes and refusals without a word aside.
    """

    keys: tuple[Key, ...]
    item: Interaction
    outcome: Outcome
    weight: float


class Sitting(Struct, frozen=True):
    """One closed session. ``last``: ts of its last event, ms."""

    last: int
    joined: tuple[Joined, ...]

    @property
    def day(self) -> int:
        """Its UTC day since 1970."""
        return self.last // DAY_MS


class Joining:
    """Joins one user's events, given in ts order, to sittings.

    Args:
        rules: the deployment's constants.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._open: dict[str | None, Session] = {}
        self._ratings = 0
        self._rating_sum = 0

    def add(self, event: Event) -> list[Sitting]:
        """Takes in an event; returns the sittings that it ends."""
        ended = self.advance(event.ts)
        session = self._open.get(event.session_id)
        if session is not None and not session.takes(event, self._rules.gap_ms):
            ended.append(self._close(event.session_id))
            session = None
        if session is None:
            session = self._open[event.session_id] = Session.opened_by(event, 0)
        session.add(event, self._rules)
        return ended

    def advance(self, now_ms: int) -> list[Sitting]:
        """Lets time pass; returns the sittings that it ends."""
        due = [key for key, session in self._open.items() if session.last + self._rules.gap_ms < now_ms]
        return [self._close(key) for key in due]

    def _close(self, key: str | None) -> Sitting:
        session, rules = self._open.pop(key), self._rules
        items = session.counted(rules)
        said = session.feedback()
        of_items = [said.get(item.content_id, NOTHING_SAID) for item in items]
        rated = [of.rating for of in of_items if of.rating is not None]
        self._ratings += len(rated)
        self._rating_sum += sum(rated)
        long_enough = session.long_enough(rules)
        joined = [self._joined(item, of, long_enough) for item, of in zip(items, of_items, strict=True)]
        return Sitting(session.last, tuple(joined))

    def _joined(self, item: Interaction, said: SessionFeedback, long_enough: bool) -> Joined:
        ratings, rating_sum = self._ratings, self._rating_sum
        outcome = self._rules.outcomes.read(item, said, long_enough, True, ratings, rating_sum)
        found = present(item, outcome, replace(said, disliked=False), ratings, rating_sum)
        weight = unified_weight(found, _DONE_OR_SAID)
        return Joined(keys_of(item.tags, item.creator), item, outcome, weight)

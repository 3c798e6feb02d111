"""The one interface of all rules. A new rule is one small class: see ``abandonment_count.py`` for the shortest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar

from msgspec import Struct

from lab.evaluation.joining import Key, Sitting, keys_of
from streamer.events import Event
from streamer.profile import Rules
from streamer.scoring.counts import CONTENT
from streamer.scoring.document import Tier
from streamer.serving.candidate import Candidate
from streamer.serving.rules import LEAST_PENALTY

LISTED_MULTIPLIER = 0.3
"""What being listed does to relevance, for rules that have no factor of their own."""


class Listed(Struct, frozen=True):
    """How a key stands on a rule's list. ``multiplier``: its effect on relevance, 0 (excluded) to 1."""

    tier: Tier
    multiplier: float


class Rule(ABC):
    """What one rule makes of one user's events, which come in ts order.

    Args:
        user_id: whose.
        rules: the deployment's constants.
    """

    name: ClassVar[str]
    what: ClassVar[str]
    """One line for people."""
    calibrated: ClassVar[bool] = False
    """Whether scores are log odds, which can be compared with what is true."""

    among: ClassVar[bool] = False
    """Whether it goes by rates that other users give, where there are any (spec §10)."""

    def __init__(self, user_id: str, rules: Rules) -> None:
        self.user_id = user_id
        self.rules = rules

    neutral: float = 0.0
    """The score of a key of which nothing is known."""

    def unknown(self, key: Key) -> float:
        """The score of a key that :meth:`scores` leaves out."""
        return self.neutral

    def see(self, event: Event) -> None:  # noqa: B027 - what a rule does not look at, it need not take
        """Takes in one event."""

    def sit(self, sitting: Sitting) -> None:  # noqa: B027
        """Takes in one closed session."""

    @abstractmethod
    def scores(self, now_ms: int) -> Mapping[Key, float]:
        """How much each tag and creator is disliked; higher is more. Only the order matters, unless calibrated."""

    @abstractmethod
    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        """The list that the rule would serve."""

    def penalties(self, items: Sequence[Candidate], now_ms: int) -> list[float]:
        """What each item's relevance is multiplied by: 0 (excluded), or .1 to 1."""
        listed = self.listed(now_ms)
        return [_penalty(listed, item) for item in items]


def _penalty(listed: Mapping[Key, Listed], item: Candidate) -> float:
    keys = (*keys_of(tuple(item.tags), item.creator_id), (CONTENT, item.content_id))
    product = prod(listed[key].multiplier for key in keys if key in listed)
    return max(LEAST_PENALTY, product) if product > 0 else 0.0

"""Impression discounting: the more often something was seen in vain, the less it is worth showing.

Lee, Lakshmanan, Tiwari, Shah: Modeling impression discounting in large-scale recommender systems, KDD 2014. They fit
linear, inverse, exponential and quadratic decays to the count of past impressions of an item; here the exponential one
is applied to tags and creators, with the count starting anew at every engagement.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import Final

from lab.evaluation.joining import Key, Sitting
from lab.evaluation.rules.base import Listed, Rule
from streamer.profile import Rules

DECAY: Final = 0.1
LISTED_AT: Final = 0.5
LEAST: Final = 0.1


class ImpressionDiscounting(Rule):
    """Scores a key by the impressions seen in vain since it was last engaged with; lists it from a discount to half."""

    name = "discounting"
    what = "impression discounting, exp(-.1 n) of n seen in vain"

    def __init__(self, user_id: str, rules: Rules) -> None:
        super().__init__(user_id, rules)
        self._in_vain: dict[Key, int] = {}

    def sit(self, sitting: Sitting) -> None:
        for joined in sitting.joined:
            for key in joined.keys:
                if joined.outcome.engaged:
                    self._in_vain[key] = 0
                elif joined.outcome.exposed:
                    self._in_vain[key] = self._in_vain.get(key, 0) + 1

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        return self._in_vain

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        discounts = {key: discount(count) for key, count in self._in_vain.items()}
        return {key: Listed("strong", factor) for key, factor in discounts.items() if factor <= LISTED_AT}


def discount(in_vain: int) -> float:
    """What relevance is multiplied by after so many impressions in vain.

    >>> [round(discount(n), 2) for n in (0, 7, 100)]
    [1.0, 0.5, 0.1]
    """
    return max(LEAST, exp(-DECAY * in_vain))

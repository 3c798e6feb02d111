"""Dunning's log-likelihood ratio: is a key engaged with less often than everything else, beyond chance?

Dunning: Accurate methods for the statistics of surprise and coincidence, Computational Linguistics 19(1), 1993.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Final

from lab.evaluation.joining import Key, Sitting
from lab.evaluation.rules.base import LISTED_MULTIPLIER, Listed, Rule
from lab.evaluation.rules.tally import Tally
from streamer.events import DAY_MS
from streamer.profile import Rules

LISTED_FROM: Final = 10.83
"""χ² with one degree of freedom at p = .001."""

_ALL: Final = ("all", "")


class LikelihoodRatio(Rule):
    """Scores a key by G², signed: positive if it is engaged with less often than what does not carry it."""

    name = "dunning"
    what = "Dunning's log-likelihood ratio of engagements, listed from 10.83"

    def __init__(self, user_id: str, rules: Rules) -> None:
        super().__init__(user_id, rules)
        self._tally = Tally(rules.half_life_days, 2)

    def sit(self, sitting: Sitting) -> None:
        for joined in sitting.joined:
            if joined.outcome.exposed or joined.item.started or joined.item.responded:
                for key in (*joined.keys, _ALL):
                    self._tally.add(key, sitting.day, (joined.outcome.engaged, 1))

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        today = now_ms // DAY_MS
        all_engaged, all_shown = self._tally.of(_ALL, today)
        return {
            key: signed_g2(engaged, shown, all_engaged - engaged, all_shown - shown)
            for key, (engaged, shown) in self._tally.items(today)
        }

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        listed = Listed("strong", LISTED_MULTIPLIER)
        today = now_ms // DAY_MS
        all_engaged, all_shown = self._tally.of(_ALL, today)
        return {
            key: listed
            for key, (engaged, shown) in self._tally.items(today)
            if engaged * all_shown < all_engaged * shown  # as quick as most of them need
            and signed_g2(engaged, shown, all_engaged - engaged, all_shown - shown) >= LISTED_FROM
        }


def signed_g2(hits: float, trials: float, other_hits: float, other_trials: float) -> float:
    """G² of two rates, positive if the first is the lower one, negative if it is the higher.

    >>> round(signed_g2(0, 10, 50, 100), 3), round(signed_g2(50, 100, 0, 10), 3)
    (12.953, -12.953)
    """
    if trials <= 0 or other_trials <= 0:
        return 0.0
    pooled = (hits + other_hits) / (trials + other_trials)
    g2 = 2 * sum(
        _log_likelihood(k, n, k / n) - _log_likelihood(k, n, pooled)
        for k, n in ((hits, trials), (other_hits, other_trials))
    )
    lower = hits * other_trials < other_hits * trials
    return max(g2, 0.0) if lower else -max(g2, 0.0)


def _log_likelihood(hits: float, trials: float, rate: float) -> float:
    missed = trials - hits
    return (hits * log(rate) if hits > 0 else 0.0) + (missed * log(1 - rate) if missed > 0 and rate < 1 else 0.0)

"""X's feedback fatigue: after "show less often" an author is gone for two weeks and comes back slowly.

``FeedbackFatigueScorer`` of twitter/the-algorithm (home-mixer, 2023): 14 days filtered, then a factor that rises from
.2 to 1 over 140 days. X applies it to authors; here the tags of the item are held responsible too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lab.evaluation.joining import Key
from lab.evaluation.rules.base import Listed
from lab.evaluation.rules.complaints import ComplaintRule
from streamer.events import DAY_MS

OFF_DAYS: Final = 14
BACK_DAYS: Final = 140
LEAST: Final = 0.2


class FeedbackFatigue(ComplaintRule):
    """Lists what was complained of, and all keys of such items, until 154 days later."""

    name = "fatigue"
    what = "X-style feedback fatigue: 14 days off, then x.2 to x1 over 140 days"

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        return {key: 1 - factor for key, factor in self._factors(now_ms).items()}

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        return {
            key: Listed("hard" if factor == 0 else "strong", factor) for key, factor in self._factors(now_ms).items()
        }

    def _factors(self, now_ms: int) -> dict[Key, float]:
        factors: dict[Key, float] = {}
        for complaint in self._complaints:
            factor = factor_after((now_ms - complaint.ts) / DAY_MS)
            if factor < 1:
                for key in (complaint.named, *complaint.keys):
                    factors[key] = min(factor, factors.get(key, 1.0))
        return factors


def factor_after(days: float) -> float:
    """What relevance is multiplied by so many days after the complaint.

    >>> [round(factor_after(days), 2) for days in (13, 14, 84, 154, 200)]
    [0.0, 0.2, 0.6, 1.0, 1.0]
    """
    if days < OFF_DAYS:
        return 0.0
    return min(1.0, LEAST + (1 - LEAST) * (days - OFF_DAYS) / BACK_DAYS)

"""Weighted sum: every signal has a weight, a key's weights are added up (spec §4's unified weights)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lab.evaluation.joining import Key, Sitting
from lab.evaluation.rules.base import LISTED_MULTIPLIER, Listed
from lab.evaluation.rules.complaints import ComplaintRule
from lab.evaluation.rules.tally import Tally
from streamer.events import DAY_MS
from streamer.profile import Rules
from streamer.signals.feedback import WEIGHTS

LISTED_FROM: Final = -WEIGHTS["dislike"]
"""As much as one dislike."""


class WeightedSum(ComplaintRule):
    """Scores a key by minus the sum of its items' weights, faded; lists it from the weight of one dislike."""

    name = "weighted"
    what = "weighted sum of all signals, listed from one dislike's worth"

    def __init__(self, user_id: str, rules: Rules) -> None:
        super().__init__(user_id, rules)
        self._half_life_days = rules.half_life_days
        self._tally = Tally(rules.half_life_days, 1)

    def sit(self, sitting: Sitting) -> None:
        for joined in sitting.joined:
            if joined.weight:
                for key in joined.keys:
                    self._tally.add(key, sitting.day, (joined.weight,))

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        scores = {key: -weight for key, (weight,) in self._tally.items(now_ms // DAY_MS)}
        for complaint in self._complaints:
            age_days = (now_ms - complaint.ts) / DAY_MS
            said = -WEIGHTS["dislike"] * 2.0 ** (-age_days / self._half_life_days)
            for key in complaint.keys:
                scores[key] = scores.get(key, 0.0) + said
        return scores

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        listed = Listed("strong", LISTED_MULTIPLIER)
        return {key: listed for key, score in self.scores(now_ms).items() if score >= LISTED_FROM}

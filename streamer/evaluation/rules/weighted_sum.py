"""Weighted sum: every signal has a weight, a key's weights are added up (spec §4's unified weights)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streamer.evaluation.joining import Joined, Key, Sitting
from streamer.evaluation.rules.base import LISTED_MULTIPLIER, Listed, Rule
from streamer.evaluation.rules.complaints import Complaints
from streamer.evaluation.rules.tally import Tally
from streamer.events import Event
from streamer.profile import Rules
from streamer.settings import DAY_MS
from streamer.signals.completion import LOVED, replays
from streamer.signals.explicit import DISLIKE_FAMILY, WEIGHTS

IMPRESSION: Final = 0.01
CLICK: Final = 0.10
WATCHED_HALF: Final = 0.30
WATCHED: Final = 0.60
REWATCH: Final = 1.20
LISTED_FROM: Final = -WEIGHTS[DISLIKE_FAMILY]
"""As much as one dislike."""


class WeightedSum(Rule):
    """Scores a key by minus the sum of its items' weights, faded; lists it from the weight of one dislike."""

    name = "weighted"
    what = "weighted sum of all signals, listed from one dislike's worth"

    def __init__(self, user_id: str, rules: Rules) -> None:
        super().__init__(user_id, rules)
        self._half_life_days = rules.half_life_days
        self._tally = Tally(rules.half_life_days, 1)
        self._complaints = Complaints()

    def see(self, event: Event) -> None:
        self._complaints.see(event)

    def sit(self, sitting: Sitting) -> None:
        for joined in sitting.joined:
            weight = unified_weight(joined)
            if weight:
                for key in joined.keys:
                    self._tally.add(key, sitting.day, (weight,))

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        scores = {key: -weight for key, (weight,) in self._tally.items(now_ms // DAY_MS)}
        for complaint in self._complaints:
            age_days = (now_ms - complaint.ts) / DAY_MS
            said = -WEIGHTS[DISLIKE_FAMILY] * 2.0 ** (-age_days / self._half_life_days)
            for key in complaint.keys:
                scores[key] = scores.get(key, 0.0) + said
        return scores

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        listed = Listed("strong", LISTED_MULTIPLIER)
        return {key: listed for key, score in self.scores(now_ms).items() if score >= LISTED_FROM}


def unified_weight(joined: Joined) -> float:
    """The unified weight of one interaction, dislikes aside: the sum of what is present."""
    item, outcome = joined.item, joined.outcome
    weight = IMPRESSION * outcome.exposed + CLICK * item.clicked + joined.rated
    if outcome.completion is not None and outcome.completion >= 0.5:
        weight += WATCHED if outcome.completion >= LOVED else WATCHED_HALF
    if item.playbacks is not None and replays(item.playbacks.values(), item.duration_s):
        weight += REWATCH
    given = item.given
    if given is not None:
        stand = {kind for kind, ts in given.acted.items() if ts > given.undone.get(kind, -1)}
        weight += sum(WEIGHTS[kind] for kind in stand)
        weight += WEIGHTS["purchase"] * bool(given.purchases) + WEIGHTS["return"] * given.returned
    return weight

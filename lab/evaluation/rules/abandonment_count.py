"""Count of abandonments: the tags and creators that a user left early most often."""

from __future__ import annotations

from collections.abc import Mapping

from lab.evaluation.joining import Key, Sitting
from lab.evaluation.rules.base import LISTED_MULTIPLIER, Listed, Rule
from lab.evaluation.rules.tally import Tally
from streamer.events import DAY_MS
from streamer.profile import Rules

LISTED_FROM = 3.0


class AbandonmentCount(Rule):
    """Scores a key by its abandonments, faded; lists it from three."""

    name = "abandonments"
    what = "count of abandonments, listed from 3"

    def __init__(self, user_id: str, rules: Rules) -> None:
        super().__init__(user_id, rules)
        self._tally = Tally(rules.half_life_days, 1)

    def sit(self, sitting: Sitting) -> None:
        for joined in sitting.joined:
            if joined.outcome.abandoned:
                for key in joined.keys:
                    self._tally.add(key, sitting.day, (1,))

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        return {key: count for key, (count,) in self._tally.items(now_ms // DAY_MS)}

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        listed = Listed("strong", LISTED_MULTIPLIER)
        return {key: listed for key, count in self.scores(now_ms).items() if count >= LISTED_FROM}

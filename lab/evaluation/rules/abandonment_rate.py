"""Raw abandonment rate: abandonments ÷ plays, as a dashboard would show it."""

from __future__ import annotations

from collections.abc import Mapping

from lab.evaluation.joining import Key, Sitting
from lab.evaluation.rules.base import LISTED_MULTIPLIER, Listed, Rule
from lab.evaluation.rules.tally import Tally
from streamer.events import DAY_MS
from streamer.profile import Rules

LISTED_FROM = 0.5
LEAST_PLAYS = 3.0


class AbandonmentRate(Rule):
    """Scores a key by the share of its plays that were abandoned; lists it from one half, of three plays or more."""

    name = "rate"
    what = "raw abandonment rate, listed from .5 of 3 plays"

    def __init__(self, user_id: str, rules: Rules) -> None:
        super().__init__(user_id, rules)
        self._tally = Tally(rules.half_life_days, 2)

    def sit(self, sitting: Sitting) -> None:
        for joined in sitting.joined:
            if joined.outcome.started:
                for key in joined.keys:
                    self._tally.add(key, sitting.day, (joined.outcome.abandoned, 1))

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        return {key: abandoned / plays for key, (abandoned, plays) in self._tally.items(now_ms // DAY_MS)}

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        listed = Listed("strong", LISTED_MULTIPLIER)
        return {
            key: listed
            for key, (abandoned, plays) in self._tally.items(now_ms // DAY_MS)
            if plays >= LEAST_PLAYS and abandoned >= LISTED_FROM * plays
        }

"""Chance: every key has the same score and nothing is listed, so a ranking gets what guessing gets."""

from __future__ import annotations

from collections.abc import Mapping

from lab.evaluation.joining import Key
from lab.evaluation.rules.base import Listed, Rule


class Chance(Rule):
    """Knows nothing. Ties are broken evenly by the measures, so this is guessing without its noise."""

    name = "chance"
    what = "no rule at all: what guessing gets"

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        return {}

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        return {}

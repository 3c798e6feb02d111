"""All rules by name. To add one, write a small class like its neighbours and name it here."""

from __future__ import annotations

from typing import Final

from streamer.evaluation.rules.abandonment_count import AbandonmentCount
from streamer.evaluation.rules.abandonment_rate import AbandonmentRate
from streamer.evaluation.rules.base import Listed, Rule
from streamer.evaluation.rules.chance import Chance
from streamer.evaluation.rules.explicit_only import ExplicitOnly
from streamer.evaluation.rules.feedback_fatigue import FeedbackFatigue
from streamer.evaluation.rules.impression_discounting import ImpressionDiscounting
from streamer.evaluation.rules.likelihood_ratio import LikelihoodRatio
from streamer.evaluation.rules.ours import Alone, Ours
from streamer.evaluation.rules.weighted_sum import WeightedSum

__all__ = ["RULES", "Listed", "Rule"]

RULES: Final[dict[str, type[Rule]]] = {
    each.name: each
    for each in (
        Ours,
        Alone,
        LikelihoodRatio,
        WeightedSum,
        AbandonmentRate,
        AbandonmentCount,
        ImpressionDiscounting,
        FeedbackFatigue,
        ExplicitOnly,
        Chance,
    )
}
"""Rules by name, in the order of the tables."""

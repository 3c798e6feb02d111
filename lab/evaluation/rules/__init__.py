"""All rules by name. To add one, write a small class like its neighbours and name it here."""

from __future__ import annotations

from typing import Final

from lab.evaluation.rules.abandonment_count import AbandonmentCount
from lab.evaluation.rules.abandonment_rate import AbandonmentRate
from lab.evaluation.rules.base import Listed, Rule
from lab.evaluation.rules.chance import Chance
from lab.evaluation.rules.explicit_only import ExplicitOnly
from lab.evaluation.rules.feedback_fatigue import FeedbackFatigue
from lab.evaluation.rules.impression_discounting import ImpressionDiscounting
from lab.evaluation.rules.likelihood_ratio import LikelihoodRatio
from lab.evaluation.rules.ours import Alone, Ours
from lab.evaluation.rules.weighted_sum import WeightedSum

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

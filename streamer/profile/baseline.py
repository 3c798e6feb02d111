"""A user's habits, which every interaction is compared with (spec §5): rates, chances and what keys explain, from R."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from streamer.profile.rollup.rollup import Rollup
from streamer.profile.rules import Rules
from streamer.scoring.counts import CREATOR, TAG
from streamer.scoring.score import CREDIT_CREATOR, CREDIT_TAG, log_odds, rate_ratio, sigmoid

PRIOR_EXPOSURES: Final = 20
PRIOR_PLAYS: Final = 5
PRIOR_STARTS: Final = 5


class Baseline:
    """The user's habits as R knows them on a day: what any interaction is compared with.

    Args:
        rollup: R.
        today: the day R is decayed to.
        rules: the deployment's constants.
    """

    def __init__(self, rollup: Rollup, today: int, rules: Rules) -> None:
        self.rollup = rollup.as_of(today)
        self._scale = scale = self.rollup.scale(today)
        self._priors = rules.priors
        self.untried = not (self.rollup.sums[TAG] or self.rollup.sums[CREATOR])
        """No key is known, so that all rate ratios are 1."""
        self._tag_ratio = _RateRatios(self.rollup, TAG, CREDIT_TAG, scale).__getitem__
        self._creator_ratios = _RateRatios(self.rollup, CREATOR, CREDIT_CREATOR, scale)
        totals = self.rollup.totals
        self._starts = totals.starts * scale
        self._theta = totals.theta * scale / 1000
        priors = rules.priors
        a = priors.abandonment
        self.beta = (totals.engaged * scale + PRIOR_STARTS * (1 - a)) / (totals.explained * scale / 1e6 + PRIOR_STARTS)
        """Engagements per start that rates and rate ratios foresee: what starts and ends in vain is not one."""
        abandoned = totals.abandoned * scale
        expected = totals.expected_abandoned * scale / 1e6
        self._abandonment = (abandoned + PRIOR_PLAYS * a) / (expected + PRIOR_PLAYS * a)
        """Plays that this user abandoned, as a ratio to what people at large would have."""

    def rate(self, starts: int = 0, theta: int = 0) -> float:
        """Starts per examined exposure, with those of a closed session (theta in thousandths) added."""
        prior = self._priors.start_rate
        return (self._starts + starts + PRIOR_EXPOSURES * prior) / (self._theta + theta / 1000 + PRIOR_EXPOSURES)

    def abandon_chance(self, duration_s: float | None) -> float:
        """pa: the chance that this user abandons a play of an item this long, s; None: of unknown length."""
        return min(max(self._priors.abandonment_of(duration_s) * self._abandonment, 0.03), 0.95)

    def usual_abandonment(self, duration_s: float | None) -> float:
        """pop_b: the same of people at large."""
        return self._priors.abandonment_of(duration_s)

    def rate_ratios(self, tags: Iterable[str], creator: str | None) -> list[float]:
        """λ of the tags, in their order, then of the creator, if there is one; 1 for those unknown."""
        ratios = list(map(self._tag_ratio, tags))
        if creator is not None:
            ratios.append(self._creator_ratios[creator])
        return ratios

    def disliked(self, kind: str, value: str) -> float:
        """p = σ(L): the probability that the user dislikes a key; π if unknown."""
        sums = self.rollup.sums_of(kind, value)
        prior = self._priors.prior_of(kind, value)
        if sums is None:
            return prior
        scale = self._scale
        return sigmoid(log_odds(sums.o * scale, sums.e * scale, sums.ld * scale, prior))


class _RateRatios(dict[str, float]):
    """λ by key, worked out when it is first asked for; 1 for keys unknown to R."""

    def __init__(self, rollup: Rollup, kind: str, alpha: float, scale: float) -> None:
        super().__init__()
        self._known = rollup.sums[kind]
        self._of = rollup, kind, alpha, scale

    def __missing__(self, value: str) -> float:
        ratio = 1.0
        if value in self._known:
            rollup, kind, alpha, scale = self._of
            sums = rollup.sums_of(kind, value)
            if sums is not None:
                ratio = rate_ratio(sums.o * scale, sums.e * scale, alpha)
        self[value] = ratio
        return ratio

"""The log odds that a user dislikes a tag or creator (spec §6).

Engagements with a key are Poisson with rate λ × what was expected. Three hypotheses about λ compete, each a
gamma distribution: disliked ~ Gamma(2, 8), and otherwise .92 neutral ~ Gamma(20, 20) + .08 liked ~ Gamma(4, 2).
The marginal likelihood of O engagements with E expected under Gamma(a, b) is the Gamma–Poisson (negative
binomial) m(a, b); L is the log posterior odds, plus explicit evidence.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from math import copysign, exp, lgamma, log, log1p
from typing import Final

LISTED: Final = -1.0
KEPT: Final = -1.5
STRONG: Final = 0.0
ALPHA_TAG: Final = 2.0
ALPHA_CREATOR: Final = 4.0
CREDIT_TAG: Final = 4.0
CREDIT_CREATOR: Final = 8.0
"""What a rate ratio leans on where it explains an item's other keys: more than in a key's own multiplier, since most
keys are neither liked nor disliked, and what little is known of three of them multiplies to noise."""


SAID_IN_FULL: Final = 2.0
"""Nats of what was said that count as they are: one dislike's."""


class _Gamma:
    """ln m(a, b) of a rate ratio ~ Gamma(a, b), constants worked out once."""

    __slots__ = ("a", "b", "constant")

    def __init__(self, a: float, b: float) -> None:
        self.a, self.b = a, b
        self.constant = a * log(b) - lgamma(a)

    def log_evidence(self, observed: float, expected: float) -> float:
        return lgamma(self.a + observed) + self.constant - (self.a + observed) * log(self.b + expected)


_DISLIKED: Final = _Gamma(2, 8)
_NEUTRAL: Final = _Gamma(20, 20)
_LIKED: Final = _Gamma(4, 2)
_LN_NEUTRAL: Final = log(0.92)
_LN_LIKED: Final = log(0.08)


def logit(p: float) -> float:
    """Log odds of a probability, 0 < p < 1."""
    return log(p / (1 - p))


def sigmoid(log_odds: float) -> float:
    """The probability of log odds; total on all floats.

    >>> sigmoid(0.0), sigmoid(-1000.0), sigmoid(1000.0)
    (0.5, 0.0, 1.0)
    """
    if log_odds >= 0:
        return 1 / (1 + exp(-log_odds))
    odds = exp(log_odds)
    return odds / (1 + odds)


def said(explicit: float) -> float:
    """What explicit evidence counts for, nats: as it is up to one dislike's, and less and less beyond.

    Statements about items with a tag are not independent of one another: who says what they think of ten films says
    hardly more of a genre than who says it of three, and what everybody says of it tells as much.

    Args:
        explicit: LD, the sum of what each statement is worth alone.

    >>> said(2.0), said(-1.5), round(said(4.0), 2), round(said(-30.0), 2)
    (2.0, -1.5, 2.8, -4.02)
    """
    beyond = abs(explicit) - SAID_IN_FULL
    return explicit if beyond <= 0 else copysign(SAID_IN_FULL + log1p(2 * beyond) / 2, explicit)


def log_odds(observed: float, expected: float, explicit: float, prior: float) -> float:
    """L: log odds that the user dislikes the key.

    Args:
        observed: O, engagements, ≥ 0.
        expected: E, engagements, ≥ 0.
        explicit: LD, nats.
        prior: π, 0–1.

    >>> [round(log_odds(o, e, ld, .04), 4) for o, e, ld in [(0, 5, 0), (1.5, 8, 0), (0, 1, 2), (1.5, 6, 2)]]
    [0.3481, -0.2741, -0.399, 0.6153]
    """
    return logit(prior) + _of_trials(observed, expected) + said(explicit)


def evidence(observed: float, expected: float, explicit: float) -> float:
    """ℓ: what a user's evidence adds to the log odds, what was said in full; arguments as for :func:`log_odds`.

    >>> round(evidence(0, 5, 0), 2), round(evidence(0, 5, 4), 2)
    (3.53, 7.53)
    """
    return _of_trials(observed, expected) + explicit


def _of_trials(observed: float, expected: float) -> float:
    neutral = _LN_NEUTRAL + _NEUTRAL.log_evidence(observed, expected)
    liked = _LN_LIKED + _LIKED.log_evidence(observed, expected)
    top, low = (neutral, liked) if neutral >= liked else (liked, neutral)
    otherwise = top + log1p(exp(low - top))
    return _DISLIKED.log_evidence(observed, expected) - otherwise


def rate_ratio(observed: float, expected: float, alpha: float) -> float:
    """λ: how much the user engages with the key, as a ratio to what was expected.

    >>> round(rate_ratio(0, 5, ALPHA_TAG), 4)
    0.2857
    """
    return (alpha + observed) / (alpha + expected)


class Expiry:
    """When evidence that is only getting older no longer lists a key (spec §7).

    Args:
        half_life_days: days after which evidence weighs half.
        window_days: days after which it is gone.
    """

    def __init__(self, half_life_days: float, window_days: int) -> None:
        self._decay = tuple(2 ** (-day / half_life_days) for day in range(window_days + 1))
        self.days_left = lru_cache(maxsize=65_536)(self._days_left)

    def _days_left(self, observed: float, expected: float, explicit: float, prior: float) -> int:
        """Least whole days Δ ≥ 1 after which L < −1.5, at most the window.

        Args as for :func:`log_odds`, as of the last evidence day.
        """

        def forgotten(day: int) -> bool:
            decay = self._decay[day]
            return log_odds(observed * decay, expected * decay, explicit * decay, prior) < KEPT

        days = range(1, len(self._decay) - 1)
        if observed == 0 and explicit >= 0:  # L falls with every day then: dL/dE > 0 at O = 0
            return 1 + bisect_left(days, True, key=forgotten)
        return next((day for day in days if forgotten(day)), len(self._decay) - 1)

"""Explicit feedback (spec §4, §5): what a stated like or dislike weighs, and how long a "no" stands.

Evidence is in nats of log odds that the user dislikes a key. A dislike is 2 nats, a like −1.5.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

from streamer.events import DAY_MS

HARD_DAYS: Final = {"dislike": 180, "not_interested": 90, "hide": 30, "block": None, "report": None}
"""Days a hard entry stands after the action; None: until undone."""

DISLIKE_FAMILY: Final = "dislike"
POSITIVE_KINDS: Final = ("like", "love", "save", "share", "follow", "comment", "purchase", "rating")

WEIGHTS: Final = {
    "like": 0.70,
    "love": 0.90,
    "save": 0.70,
    "share": 0.70,
    "follow": 0.70,
    "comment": 0.10,
    "purchase": 1.00,
    "dislike": -1.50,
    "return": -1.00,
}
"""The unified weight of each kind of explicit feedback; ratings are weighed by :func:`rating_weight`."""

RATING_WEIGHTS: Final = {5: 0.90, 4: 0.65, 3: 0.0, 2: -0.60, 1: -1.20}
RATINGS_FOR_A_MEAN: Final = 3
RATED_WELL: Final = 4
FOLLOW_NATS: Final = -3.0


def hard_until(action: str, ts: int) -> int | None:
    """When the hard entry of an action at ``ts`` ends, ms; None: never.

    >>> hard_until("hide", 0), hard_until("block", 0)
    (2592000000, None)
    """
    days = HARD_DAYS[action]
    return None if days is None else ts + days * DAY_MS


def rating_deviation(value: int, ratings: int, rating_sum: int) -> float:
    """r' of a rating: its distance from the user's own mean, once they have three.

    Args:
        value: the rating, 1–5.
        ratings: how many ratings the user gave, this one included.
        rating_sum: their sum.

    >>> round(rating_deviation(4, 3, 5 + 4 + 1), 2), rating_deviation(4, 2, 9)
    (0.67, 1)
    """
    if ratings >= RATINGS_FOR_A_MEAN:
        return value - rating_sum / ratings
    return value - 3


def rating_positive(value: int, ratings: int, rating_sum: int) -> bool:
    """Whether a rating speaks for its item; arguments as for :func:`rating_deviation`.

    >>> rating_positive(4, 1, 4), rating_positive(4, 3, 14), rating_positive(3, 3, 5)
    (True, False, False)
    """
    return value >= RATED_WELL and rating_deviation(value, ratings, rating_sum) >= 0


def rating_weight(value: int, ratings: int, rating_sum: int) -> float:
    """The unified weight of a rating; arguments as for :func:`rating_deviation`.

    >>> rating_weight(1, 1, 1), round(rating_weight(4, 3, 10), 2)
    (-1.2, 0.3)
    """
    if ratings >= RATINGS_FOR_A_MEAN:
        return max(-1.2, min(0.9, 0.45 * rating_deviation(value, ratings, rating_sum)))
    return RATING_WEIGHTS[value]


def nats(weight: float) -> float:
    """Evidence of one statement of this unified weight, before blame is shared.

    >>> round(nats(-1.5), 6), round(nats(0.7), 6)
    (2.0, -1.5)
    """
    return -4 / 3 * weight if weight < 0 else -15 / 7 * weight


def rating_nats(weight: float) -> float:
    """Evidence of one rating on every key of its item: as much for it as against it, and no key takes the blame.

    r' is measured from the user's own mean. Were what lies above it worth more than what lies below, or were the lower
    half shared out among keys and the upper not, every key would look the better the more it is rated. And since a key
    may be rated hundreds of times, one rating says half of what a dislike of that weight would.

    >>> round(rating_nats(-1.2), 6), round(rating_nats(0.9), 6)
    (0.8, -0.6)
    """
    return -2 / 3 * weight


def blamed(v: float, disliked_other: float) -> float:
    """What is left of ``v`` nats against one key when another may be to blame.

    A dislike of an item says that at least one of its keys is disliked: its likelihood ratio for this key is
    e^v ÷ (po·e^v + 1 − po), with po the probability that some other key explains it already.

    Args:
        v: nats, > 0.
        disliked_other: po, 0–1.

    >>> blamed(2.0, 0.0), round(blamed(2.0, 1.0), 9)
    (2.0, 0.0)
    """
    return v - log(disliked_other * exp(v) + 1 - disliked_other)

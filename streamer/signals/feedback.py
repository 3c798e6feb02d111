"""The feedback matrix (spec §4): what a user's interaction with an item weighs as one number, and as training data.

What is present in an interaction adds up to its unified weight; a model then takes its sign as the preference and
its size as the confidence of one cell of the user–item matrix.

>>> watched = Present(exposed=True, clicked=True, completion=1.0, rewatched=True, stated=("like",))
>>> unified_weight(watched)
2.61
>>> unified_weight(Present(exposed=True, clicked=True, completion=0.5, disliked=True))
-1.09
>>> TrainingWeights(Settings()).confidence(-1.5)
61.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from types import MappingProxyType
from typing import Final, NamedTuple

from msgspec import Struct

from streamer.settings import Settings
from streamer.signals import explicit
from streamer.signals.completion import LOVED, replays
from streamer.signals.interaction import Interaction, SessionFeedback
from streamer.signals.outcome import Outcome

WATCHED_HALF: Final = 0.50
PURCHASE_HALF_LIFE_DAYS: Final = 90
REPEATED_PURCHASE: Final = 2
DISLIKE_PER_LIKE: Final = 3

WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "impression": 0.01,
        "click": 0.10,
        "watch_50": 0.30,
        "watch_80": 0.60,
        "rewatch": 1.20,
        **explicit.WEIGHTS,
        **{f"rating_{value}": weight for value, weight in explicit.RATING_WEIGHTS.items()},
    }
)
"""The whole matrix of what is done and said: what each signal weighs by itself."""


class Refusals(NamedTuple):
    """What it weighs that something was refused without a word: the part of the matrix that a deployment may set.

    What weighs 0 is not among the signals of a label.

    Attributes:
        abandoned: left early (setting ``weight_abandoned``).
        ignored: seen, and not acted on (setting ``weight_ignored``).
    """

    abandoned: float = -0.40
    ignored: float = -0.02


REFUSALS: Final = Refusals()
"""The settings' defaults."""


class Present(Struct, frozen=True, gc=False):
    """What is present in one interaction. Flags and sets: how often and in what order it came does not matter.

    Attributes:
        exposed: a valid exposure (spec §3).
        clicked: any click.
        completion: the consumed share, 0–1; None if unknown or nothing was played.
        rewatched: at least one replay (``completion.replays``).
        stated: the standing kinds of like, love, save, share, follow, comment; each counts once.
        rating: the weight of the standing rating (``explicit.rating_weight``); None if there is none.
        purchases: standing purchases, each of its own order: neither undone nor returned.
        purchased_days: days since the newest of them.
        disliked: a dislike, not_interested, hide, block or report of the content stands; all of them count once.
        returned: a return stands. The purchase that it takes is not in ``purchases``.
        abandoned, ignored: whether the outcome is one of these (spec §4).
    """

    exposed: bool = False
    clicked: bool = False
    completion: float | None = None
    rewatched: bool = False
    stated: tuple[str, ...] = ()
    rating: float | None = None
    purchases: int = 0
    purchased_days: float = 0.0
    disliked: bool = False
    returned: bool = False
    abandoned: bool = False
    ignored: bool = False


def present(item: Interaction, outcome: Outcome, said: SessionFeedback, ratings: int, rating_sum: int) -> Present:
    """What is present in an interaction of a session; what the session itself undid or returned is not.

    Args:
        item: the interaction.
        outcome: its reading.
        said: what was said of it.
        ratings: the user's ratings, those of the session included.
        rating_sum: their sum.
    """
    played = item.playbacks
    return Present(
        outcome.exposed,
        item.clicked,
        outcome.completion,
        played is not None and replays(played.values(), item.duration_s) > 0,
        said.kinds,
        None if said.rating is None else explicit.rating_weight(said.rating, ratings, rating_sum),
        said.purchases,
        0.0,
        said.disliked,
        said.returned,
        outcome.abandoned,
        outcome.ignored,
    )


def weights(of: Present, refusals: Refusals = REFUSALS) -> dict[str, float]:
    """What is present, by name, and what each weighs.

    >>> weights(Present(exposed=True, completion=0.8, stated=("like", "like"), purchases=2))
    {'impression': 0.01, 'watch': 0.6, 'like': 0.7, 'purchase': 2.0}
    >>> weights(Present(returned=True))  # the purchase it takes back is taken out
    {'return': -1.0}
    >>> weights(Present(exposed=True, ignored=True))
    {'impression': 0.01, 'ignored': -0.02}
    """
    found: dict[str, float] = {}
    if of.exposed:
        found["impression"] = WEIGHTS["impression"]
    if of.clicked:
        found["click"] = WEIGHTS["click"]
    if of.completion is not None and of.completion >= WATCHED_HALF:
        found["watch"] = WEIGHTS["watch_80" if of.completion >= LOVED else "watch_50"]
    if of.rewatched:
        found["rewatch"] = WEIGHTS["rewatch"]
    for kind in sorted(set(of.stated)):
        found[kind] = WEIGHTS[kind]
    if of.rating is not None:
        found["rating"] = of.rating
    if of.purchases:
        found["purchase"] = purchase_weight(of.purchased_days, of.purchases > 1)
    if of.disliked:
        found["dislike"] = WEIGHTS["dislike"]
    if of.returned:
        found["return"] = WEIGHTS["return"]
    if of.abandoned and refusals.abandoned:
        found["abandoned"] = refusals.abandoned
    if of.ignored and refusals.ignored:
        found["ignored"] = refusals.ignored
    return found


def unified_weight(of: Present, refusals: Refusals = REFUSALS) -> float:
    """The sum of what is present, rounded to nine places, so that 2.61 is 2.61.

    >>> unified_weight(Present())
    0.0
    """
    return total(weights(of, refusals))


def total(named: Mapping[str, float]) -> float:
    """The sum of :func:`weights`, the same in whatever order they stand."""
    return round(fsum(named.values()), 9) + 0.0


def purchase_weight(days: float, repeated: bool) -> float:
    """The weight of having bought an item, halved every 90 days and doubled if it was bought again.

    Args:
        days: since the newest standing purchase.
        repeated: whether another order of the same content stands too.

    >>> purchase_weight(0, False), purchase_weight(90, False), purchase_weight(180, True)
    (1.0, 0.5, 0.5)
    """
    weight: float = WEIGHTS["purchase"] * 2.0 ** (-days / PURCHASE_HALF_LIFE_DAYS)
    return weight * REPEATED_PURCHASE if repeated else weight


def preference(likes: float, dislikes: float) -> float:
    """A preference sum over items: a dislike outweighs three likes.

    >>> preference(3, 1), preference(1, 1)
    (0, -2)
    """
    return likes - DISLIKE_PER_LIKE * dislikes


def centred(ratings: Sequence[int]) -> list[float]:
    """r' of all ratings of one user: from their own mean once there are three, before that from 3.

    Some people give everything five stars: centring on the user's own mean takes that out (Herlocker et al. 1999).

    >>> [round(r, 2) for r in centred([5, 4, 1])], centred([5, 4])
    ([1.67, 0.67, -2.33], [2, 1])
    """
    total = sum(ratings)
    return [explicit.rating_deviation(value, len(ratings), total) for value in ratings]


class TrainingWeights:
    """How much an observation counts when a model is trained.

    Args:
        settings: ``weight_abandoned``, ``weight_ignored``, ``hkv_alpha`` and ``ips_clip``.

    Attributes:
        refusals: what abandoning and ignoring weigh.
    """

    __slots__ = ("_alpha", "_clip", "refusals")

    def __init__(self, settings: Settings) -> None:
        self.refusals = Refusals(settings.weight_abandoned, settings.weight_ignored)
        self._alpha = settings.hkv_alpha
        self._clip = settings.ips_clip

    def confidence(self, weight: float) -> float:
        """1 + alpha·|weight| (Hu, Koren, Volinsky 2008, with the unified weight as the observation r).

        >>> round(TrainingWeights(Settings()).confidence(2.61), 9)
        105.4
        """
        return 1 + self._alpha * abs(weight)

    def ips(self, propensity: float) -> float:
        """Inverse propensity weight of a click: min(1 ÷ propensity, clip).

        An item that few examined had few chances to be clicked, so its clicks stand for more (Joachims, Swaminathan,
        Schnabel 2017); clipping bounds the variance.

        Args:
            propensity: the probability that the item was examined, 0–1 (:class:`streamer.signals.exposure.Attention`).

        >>> training = TrainingWeights(Settings())
        >>> training.ips(0.05), training.ips(0.5), training.ips(0.0)
        (20.0, 2.0, 20.0)
        """
        return self._clip if propensity * self._clip <= 1 else 1 / propensity

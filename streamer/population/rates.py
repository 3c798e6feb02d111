"""From totals to the snapshot of rates that every user is judged by (spec §10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import log
from typing import Final

from streamer.population.appeal import Appeal, believed
from streamer.population.bins import CENTRES
from streamer.population.sums import EveryoneSums, TagSums
from streamer.population.totals import Totals
from streamer.scoring.buckets import ALL_EDGES
from streamer.scoring.priors import DEFAULT, Priors
from streamer.scoring.score import logit, sigmoid

CREATOR_RANGE: Final = (0.005, 0.5)
TAG_RANGE: Final = (0.02, 0.08)
"""Half and twice the usual: what is stated depends on what is shown, and may move L by .7 nats at most."""

APPEAL_RANGE: Final = (0.01, 0.15)
"""The same once it is known how much the tag is engaged with: 1.4 nats at most."""

TAG_RATES: Final = 0.3
"""Nats that π of a tag falls by for each by which its rate ratio over all users exceeds the usual."""

TAG_LEAN: Final = 100
TAG_LEAN_STATED: Final = 20
"""Stated dislikes, as usual, that are added to a tag's own; with fewer, chance says more than the tag. The second where
people state what they think of all that they meet."""

RATE_RANGE: Final = (0.005, 0.95)
"""What start and abandonment rates are kept within, so that no expectation is nothing or certain."""

EVERYBODY_PRIOR_EXPOSURES: Final = 1000
EVERYBODY_PRIOR_PLAYS: Final = 200
"""Examined exposures and plays at the constants that are added to everybody's, so that the first few users of a
deployment do not decide for all."""

STEP: Final = 0.05
"""Nats that a probability must move by to be told anew: by π, L moves by no more, and its thresholds lie half a nat
apart; and users untouched by a snapshot need not be scored again."""

KEYS: Final = 10_000
"""Tags, and creators, that a snapshot names at most: those with the most users."""


def creator_prior(bins: Iterable[int]) -> float:
    """π of a creator, from its users by bin of ℓ: the share who dislike it by expectation maximisation.

    From .04, five times π ← (.8 + Σ n·σ(logit π + ℓ)) ÷ (20 + Σ n), then clipped to [.005, .5]. Each user's evidence
    counts without that user's own prior, so a prior does not feed itself. .8 ÷ 20 is .04 as twenty users would say.

    Ten users at ℓ = 2: σ(−3.178 + 2) = .2354, (.8 + 2.354) ÷ 30 = .1051; then .1816, .2337, .2576, .2664.

    >>> round(creator_prior([0] * 12), 4), round(creator_prior([0] * 8 + [10, 0, 0, 0]), 4)
    (0.04, 0.2664)
    >>> creator_prior([0] * 11 + [1000]), creator_prior([1000] + [0] * 11)
    (0.5, 0.005)
    """
    return _creator_prior(tuple(bins))


@lru_cache(maxsize=262_144)
def _creator_prior(bins: tuple[int, ...]) -> float:
    counted = [(users, centre) for users, centre in zip(bins, CENTRES, strict=True) if users > 0]
    users = sum(number for number, _ in counted)
    prior = DEFAULT.prior
    for _ in range(5):
        at = logit(prior)
        prior = (0.8 + sum(number * sigmoid(at + centre) for number, centre in counted)) / (20 + users)
    return _within(prior, CREATOR_RANGE)


def tag_prior(dislikes: int, usual: float, lean: float = TAG_LEAN) -> float:
    """π of a tag: .04 · (s + lean) ÷ (x + lean), clipped to [.02, .08].

    A plain share of dislikes among statements would not do: only dislikes get stated.

    Args:
        dislikes: s, stated dislikes of the tag.
        usual: x, how many a tag like it usually has (:class:`UsualDislikes`).
        lean: dislikes, as usual, that are added.

    A tag with 80 dislikes where 30 are usual: .04 · 180 ÷ 130 = .0554.

    >>> round(tag_prior(80, 30.0), 4), tag_prior(200, 0.3), tag_prior(0, 300.0)
    (0.0554, 0.08, 0.02)
    """
    return _within(DEFAULT.prior * (max(0, dislikes) + lean) / (max(0.0, usual) + lean), TAG_RANGE)


def engaged_prior(stated: float, ratio: float, users: int, tag_rates: float = TAG_RATES) -> float:
    """π of a tag by what is stated of it and by how much it is engaged with: odds of the one × ρ^(−κ·n ÷ (n + 200)).

    Args:
        stated: π by statements alone (:func:`tag_prior`).
        ratio: ρ, the tag's rate ratio over all users (:class:`~streamer.population.appeal.Appeal`).
        users: n, who have met it.
        tag_rates: κ, 0: only statements count.

    Half as much as is usual of a tag that 200 users have met, κ = 8: odds × 2^4, at most .15; κ = 1: odds × 2^.5.

    >>> engaged_prior(.04, .5, 200, 8.), round(engaged_prior(.04, .5, 200, 1.), 4), engaged_prior(.04, 1., 200)
    (0.15, 0.0556, 0.04)
    """
    if ratio == 1.0 or not tag_rates:
        return stated
    return _within(sigmoid(logit(stated) - tag_rates * believed(users) * log(ratio)), APPEAL_RANGE)


class UsualDislikes:
    """How many dislikes each tag would have if all were disliked alike.

    By its users, as far as tags are known by what is done, and by its statements, as far as by what is said: by a
    share w of twice the dislikes, or likes, whichever are fewer, per user and tag, 1 at most, since a share of dislikes
    tells nothing where nothing else is stated. What is shown or talked about more is disliked more often by word; and
    where people state what they think of nearly everything, users who have met a tag tell only how often it is shown.

    Args:
        tags: the sums by tag.

    Attributes:
        lean: what a tag's dislikes lean on: on fewer, the more is stated.

    >>> known = {"a": TagSums(users=10, dislikes=6, likes=2), "b": TagSums(users=30, dislikes=2, likes=10)}
    >>> usual = UsualDislikes(known)  # w = 16 ÷ 40: .6 · 10 · 8 ÷ 40 + .4 · 8 · 8 ÷ 20; .6 · 6 + .4 · 4.8
    >>> round(usual.of(known["a"]), 2), round(usual.of(known["b"]), 2), usual.lean
    (2.48, 5.52, 68.0)
    """

    def __init__(self, tags: Mapping[str, TagSums]) -> None:
        dislikes = sum(max(0, tag.dislikes) for tag in tags.values())
        likes = sum(max(0, tag.likes) for tag in tags.values())
        met = sum(max(0, tag.users) for tag in tags.values())
        stated = min(1.0, 2 * min(dislikes, likes) / met) if met else 0.0
        self._per_user = (1 - stated) * dislikes / met if met else 0.0
        self._per_statement = stated * dislikes / (dislikes + likes) if stated else 0.0
        self.lean = (1 - stated) * TAG_LEAN + stated * TAG_LEAN_STATED

    def of(self, tag: TagSums) -> float:
        """Of this one."""
        statements = max(0, tag.dislikes) + max(0, tag.likes)
        return self._per_user * max(0, tag.users) + self._per_statement * statements


def start_rate(starts: int, theta: int) -> float:
    """r_pop: starts per examined exposure (``theta`` in thousandths), leaning on .10.

    9,000 starts of 29,000 exposures: (9,000 + 100) ÷ 30,000.

    >>> round(start_rate(9_000, 29_000_000), 4), start_rate(0, 0)
    (0.3033, 0.1)
    """
    trials = max(0, theta) / 1000 + EVERYBODY_PRIOR_EXPOSURES
    return _within((max(0, starts) + EVERYBODY_PRIOR_EXPOSURES * DEFAULT.start_rate) / trials, RATE_RANGE)


def abandonment_rates(buckets: Mapping[int, list[int]]) -> tuple[float, tuple[float, ...]]:
    """a, and pop_b of every bucket in the order of their edges, each leaning on what stands above it: pop_b on a, a on
    the constant.

    Args:
        buckets: upper edge, 0 for the unbounded one -> [plays, abandoned].

    600 plays of a minute, 120 of them abandoned, and 200 of an hour, 160 abandoned: a = (280 + 70) ÷ 1000 = .35, and
    pop_b = (120 + 70) ÷ 800 = .2375, (160 + 70) ÷ 400 = .575, elsewhere a.

    >>> overall, each = abandonment_rates({60: [600, 120], 0: [200, 160]})
    >>> round(overall, 4), round(each[2], 4), round(each[14], 4), round(each[0], 4)
    (0.35, 0.2375, 0.575, 0.35)
    """
    plays = sum(max(0, pair[0]) for pair in buckets.values())
    abandoned = sum(max(0, pair[1]) for pair in buckets.values())
    overall = _leaning(abandoned, plays, DEFAULT.abandonment)
    each = (buckets.get(edge, (0, 0)) for edge in ALL_EDGES)
    return overall, tuple(_leaning(pair[1], pair[0], overall) for pair in each)


def snapshot(
    totals: Totals,
    version: int,
    as_of: int,
    previous: Priors = DEFAULT,
    keys: int = KEYS,
    tag_rates: float = TAG_RATES,
) -> Priors:
    """The rates that follow from totals.

    A rate that has moved by less than 5 % (.05 nats of log odds) since the previous snapshot stays as it was told, and
    a key within that of the prior is not named.

    Args:
        totals: the sums over all users.
        version: of this snapshot, greater than the previous one's.
        as_of: now, ms.
        previous: the snapshot before.
        keys: tags, and creators, named at most.
        tag_rates: κ of :func:`engaged_prior`.
    """
    everyone = totals.everyone
    overall, each = abandonment_rates(everyone.buckets)
    before = previous.abandonments or (previous.abandonment,) * len(each)
    usual, appeal = UsualDislikes(totals.tags), Appeal(totals)
    stated = ((name, tag, tag_prior(tag.dislikes, usual.of(tag), usual.lean)) for name, tag in totals.tags.items())
    tags = (
        (name, tag.users, engaged_prior(prior, appeal.of(name), tag.users, tag_rates)) for name, tag, prior in stated
    )
    creators = ((name, creator.users, creator_prior(creator.bins)) for name, creator in totals.creators.items())
    return Priors(
        version=version,
        as_of=as_of,
        prior=DEFAULT.prior,
        start_rate=_told(_rate_of(everyone), previous.start_rate),
        abandonment=_told(overall, previous.abandonment),
        abandonments=tuple(_told(rate, known) for rate, known in zip(each, before, strict=True)),
        tags=_named(tags, previous.tags, keys),
        creators=_named(creators, previous.creators, keys),
    )


def _rate_of(everyone: EveryoneSums) -> float:
    return start_rate(everyone.starts, everyone.theta)


def _named(rates: Iterable[tuple[str, int, float]], previous: Mapping[str, float], keys: int) -> dict[str, float]:
    """The keys whose rate is not just the prior, from (key, users, rate); those with the most users, if too many."""
    found: list[tuple[int, str, float]] = []
    for name, users, rate in rates:
        known = previous.get(name)
        told = _told(rate, DEFAULT.prior if known is None else known)
        if abs(logit(told) - logit(DEFAULT.prior)) >= STEP:
            found.append((users, name, told))
    if len(found) > keys:
        found.sort(key=lambda each: (-each[0], each[1]))
        del found[keys:]
    return {name: told for _, name, told in sorted(found, key=lambda each: each[1])}


def _told(rate: float, known: float) -> float:
    """A rate as it is told: the known one unless it has moved by a step; six places are plenty."""
    return known if abs(logit(rate) - logit(known)) < STEP else round(rate, 6)


def _leaning(number: int, of: int, prior: float) -> float:
    return _within((max(0, number) + EVERYBODY_PRIOR_PLAYS * prior) / (max(0, of) + EVERYBODY_PRIOR_PLAYS), RATE_RANGE)


def _within(rate: float, bounds: tuple[float, float]) -> float:
    return min(max(rate, bounds[0]), bounds[1])

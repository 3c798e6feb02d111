"""Opinions on tags themselves: does a rule that saw opinions on items know what their owners say of the tags?

Some people state six opinions, most of them likes, so people are not judged one by one: all (user, tag) pairs are
ranked together. Intervals are over users all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from lab.evaluation.bootstrap import Figure, Floats, Share, figures_of
from lab.evaluation.contenders import Contender
from lab.evaluation.figures import Measure
from lab.evaluation.report import Found, group_from
from lab.evaluation.sets.history import History, Scores, concluded, halves_of
from streamer.profile import Rules
from streamer.scoring.score import logit

STATED_MEASURES: Final = (
    Measure("stated.auc", "AUC", True, "", "chance that a tag stated as disliked scores above one stated as liked"),
    Measure("stated.ap", "avg. prec.", True, "", "average precision of the ranking of all users' stated tags"),
    Measure("stated.right", "right", True, "%", "of the stated tags that are listed, those stated as disliked"),
    Measure("stated.found", "found", True, "%", "of the tags stated as disliked, those listed"),
    Measure("stated.liked", "liked, listed", False, "%", "of the tags stated as liked, those listed"),
    Measure("prior.auc", "AUC of π", True, "", "the AUC of the population's π of the tag alone; none without one"),
)


class _Pair(NamedTuple):
    user: int
    score: float
    prior: float
    listed: bool
    disliked: bool


def study(
    name: str,
    histories: Sequence[History],
    contenders: Sequence[Contender],
    base: Rules,
    resamples: int,
    seed: int,
    report: Callable[[], None] = lambda: None,
) -> Found:
    """What all contenders make of all histories, held against the tags in their tests."""
    found: list[list[_Pair]] = [[] for _ in contenders]
    halves = halves_of(contenders, histories)
    for place, history in enumerate(histories):
        rules, now_ms = concluded(history, halves[place % 2], base)
        for own, rule in zip(found, rules, strict=True):
            scores, listed = Scores(rule, now_ms), rule.listed(now_ms)
            for test in history.tests:
                (key,) = test.keys
                prior = logit(rule.rules.priors.prior_of(*key))
                own.append(_Pair(place, scores.key(key), prior, key in listed, test.unwanted))
        report()
    weights = _drawn(len(histories), resamples, seed)
    figures = [_figures(own, len(histories), weights, resamples, seed) for own in found]
    return Found(group_from(name, len(histories), [each.label for each in contenders], figures), {})


def _figures(pairs: Sequence[_Pair], users: int, weights: Floats, resamples: int, seed: int) -> dict[str, Figure]:
    by_user: list[list[_Pair]] = [[] for _ in range(users)]
    for pair in pairs:
        by_user[pair.user].append(pair)
    shares = {
        "stated.right": [_share([p.disliked for p in own if p.listed]) for own in by_user],
        "stated.found": [_share([p.listed for p in own if p.disliked]) for own in by_user],
        "stated.liked": [_share([p.listed for p in own if not p.disliked]) for own in by_user],
    }
    made = figures_of(list(shares.values()), resamples, seed)
    figures = {name: figure for name, figure in zip(shares, made, strict=True) if figure is not None}
    owners = np.array([pair.user for pair in pairs], dtype=np.intp)
    disliked = np.array([pair.disliked for pair in pairs])
    if disliked.any() and not disliked.all():
        scores = np.array([pair.score for pair in pairs])
        priors = np.array([pair.prior for pair in pairs])
        told = int(np.unique(owners).size), float(len(pairs))
        ranked = ranking(scores, disliked, np.ones((1, len(pairs)))), ranking(scores, disliked, weights[:, owners])
        figures["stated.auc"] = Figure(float(ranked[0].auc[0]), ranked[1].auc, *told)
        figures["stated.ap"] = Figure(float(ranked[0].precision[0]), ranked[1].precision, *told)
        if np.ptp(priors) > 0:
            alone = ranking(priors, disliked, np.ones((1, len(pairs)))).auc[0]
            figures["prior.auc"] = Figure(float(alone), ranking(priors, disliked, weights[:, owners]).auc, *told)
    return figures


def _share(found: Sequence[bool]) -> Share:
    return Share(sum(found), len(found))


def _drawn(users: int, resamples: int, seed: int) -> Floats:
    """How often each resample has each user."""
    draws = np.random.default_rng(seed).multinomial(users, np.full(users, 1 / users), size=resamples)
    weights: Floats = draws.astype(np.float64)
    return weights


class Ranking(NamedTuple):
    """AUC and average precision, by resample."""

    auc: Floats
    precision: Floats


def ranking(scores: Floats, disliked: np.ndarray[tuple[int], np.dtype[np.bool_]], weights: Floats) -> Ranking:
    """How well a ranking by falling score puts the disliked first, for each row of weights.

    Those with equal scores count as one step: half a pair is won, and precision is that at the end of the step.

    Args:
        scores: of all pairs.
        disliked: whether each is.
        weights: resamples × pairs.

    >>> scores, disliked = np.array([3.0, 2.0, 1.0, 1.0]), np.array([True, False, True, False])
    >>> [float(each[0]) for each in ranking(scores, disliked, np.ones((1, 4)))]
    [0.625, 0.75]
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.nonzero(np.diff(scores[order]))[0], len(scores) - 1)
    above = np.cumsum(weights[:, order] * disliked[order], axis=1)[:, ends]
    below = np.cumsum(weights[:, order] * ~disliked[order], axis=1)[:, ends]
    new_above = np.diff(above, axis=1, prepend=0)
    new_below = np.diff(below, axis=1, prepend=0)
    all_above, all_below = above[:, -1], below[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        auc: Floats = (new_above * (all_below[:, None] - below + new_below / 2)).sum(axis=1) / (all_above * all_below)
        shares = np.where(above + below > 0, above / (above + below), 0)
        precision: Floats = (new_above * shares).sum(axis=1) / all_above
    return Ranking(auc, precision)

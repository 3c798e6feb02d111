"""All contenders in the worlds of one regime: every user's trial, added up by size of user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from lab.evaluation.bootstrap import Share, figures_of
from lab.evaluation.contenders import Contender
from lab.evaluation.crowd import Life, among
from lab.evaluation.figures import BIN_EDGES, Bin, Shares, bins_of, shares_of
from lab.evaluation.report import Group, Reliability, WorldReport, group_of
from lab.evaluation.trial import SETTLED_MS, run
from lab.worlds import SIZES, World
from streamer.profile import Rules
from streamer.scoring.counts import CREATOR, TAG

KINDS = (TAG, CREATOR)


def study(
    worlds: Sequence[World],
    contenders: Sequence[Contender],
    base: Rules,
    resamples: int,
    report: Callable[[int], None] = lambda showings: None,
) -> WorldReport:
    """Runs worlds of one regime and sums them up as if all users lived in one.

    Args:
        worlds: at least one; they differ in their seeds.
        base: the constants by which the baselines' sessions are joined.
        resamples: of the bootstrap.
        report: called after each user with the number of showings in their life.
    """
    shares: dict[str, list[list[Shares]]] = {size: [] for size in SIZES}
    bins: dict[tuple[int, str], list[list[Bin]]] = {}
    showings = 0
    for world in worlds:
        halves = among(contenders, partial(_lives, world))
        for place, who in enumerate(world.residents()):
            trial = run(who, world, halves[place % 2], base)
            shares[who.size].append(shares_of(trial, world))
            for number, (contender, tale) in enumerate(zip(contenders, trial.tales, strict=True)):
                if contender.rule.calibrated:
                    for kind in KINDS:
                        bins.setdefault((number, kind), []).append(bins_of(trial, tale, kind))
            showings += who.showings
            report(who.showings)
    seed, regime = worlds[0].seed, worlds[0].regime
    labels = [contender.label for contender in contenders]
    groups = [
        _group(size, labels, found, resamples, seed)
        for size, found in [*shares.items(), ("all", [each for found in shares.values() for each in found])]
        if found
    ]
    reliability = {
        label: tuple(row for kind in KINDS for row in _reliability(kind, bins.get((number, kind), []), resamples, seed))
        for number, label in enumerate(labels)
        if contenders[number].rule.calibrated
    }
    return WorldReport(regime.name, regime.what, showings, tuple(groups), reliability)


def _lives(world: World) -> Iterator[Life]:
    for who in world.residents():
        yield Life(who.user_id, world.life(who), world.end_ms + SETTLED_MS)


def _group(name: str, labels: Sequence[str], users: list[list[Shares]], resamples: int, seed: int) -> Group:
    by_contender = [
        {measure: [user[number][measure] for user in users] for measure in users[0][number]}
        for number in range(len(labels))
    ]
    return group_of(name, labels, by_contender, resamples, seed)


def _reliability(kind: str, users: list[list[Bin]], resamples: int, seed: int) -> list[Reliability]:
    edges = (None, *BIN_EDGES, None)
    bins = list(zip(*users, strict=True))
    figures = figures_of([[Share(each.disliked, each.keys) for each in here] for here in bins], resamples, seed)
    rows = []
    for low, high, here, found in zip(edges, edges[1:], bins, figures, strict=False):
        if found is not None:
            keys = sum(each.keys for each in here)
            predicted = sum(each.predicted for each in here) / keys
            rows.append(Reliability(kind, low, high, keys, predicted, found.estimate()))
    return rows

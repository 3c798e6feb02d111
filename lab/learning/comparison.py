"""All contenders on one source, with several seeds, alone and with avoid lists: every user's ten items, judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lab.evaluation.bootstrap import RESAMPLES, Share
from lab.evaluation.evaluate import Watcher
from lab.evaluation.report import group_of
from lab.learning.contenders import ALS, POPULAR, Ranked, ranked
from lab.learning.lives import Study
from lab.learning.measures import MEASURES, RATIOS, compared, judge, keys_of, top
from lab.learning.report import WITH_LIST, Found
from streamer.errors import LearningError
from streamer.learning.retriever.histories import Floats
from streamer.learning.retriever.options import Options

Shares = dict[str, list[Share]]
"""By measure, a share for each user."""


def compare(
    name: str,
    what: str,
    studies: Sequence[Callable[[], Study]],
    names: list[str],
    seeds: Sequence[int],
    options: Options,
    watcher: Watcher,
    least_met: int = 0,
) -> Found:
    """Trains and judges.

    Args:
        name, what: of the source.
        studies: one for each seed, whose users are others; or one alone, whose users' figures are means over the seeds.
        names: of contenders; all are compared with the first, in probabilities only if it says some.
        seeds: of training.
        options: of the retriever, but for ablation and seed.
        watcher: is told how far it is, in steps of training.
        least_met: only users with so many interactions before the split are judged; all are learned from.

    Raises:
        LearningError: no user has so many.
    """
    trained = len([each for each in names if each not in (POPULAR, ALS)])
    watcher.start(name, len(seeds) * trained * options.steps)
    found: list[dict[str, Shares]] = []
    coverage: list[dict[str, float]] = []
    interactions = 0
    study: Study | None = None
    for number, seed in enumerate(seeds):
        if study is None or len(studies) > 1:
            study = studies[number]()
            interactions += len(study.histories.item)
        shares, covered = _judged(study, names, seed, options, watcher, least_met)
        found.append(shares)
        coverage.append(covered)
    labels = list(found[0])
    merged = [_pooled(found, label) if len(studies) > 1 else _mean(found, label) for label in labels]
    group = group_of(name, labels, merged, RESAMPLES, seeds[0])
    covers = {label: float(np.mean([each[label] for each in coverage])) for label in labels}
    return Found(name, what, None, interactions, group, covers)


def _judged(
    study: Study, names: list[str], seed: int, options: Options, watcher: Watcher, least_met: int
) -> tuple[dict[str, Shares], dict[str, float]]:
    keys = keys_of(study.histories.items)
    judged_users = [place for place, case in enumerate(study.cases) if len(case.state) >= least_met]
    if not judged_users:
        raise LearningError(f"no user has {least_met} interactions before the split: ask for fewer with --least-met")
    cases = [study.cases[place] for place in judged_users]
    penalties = np.stack([case.penalties for case in cases])
    shares: dict[str, Shares] = {}
    covered: dict[str, float] = {}
    first: Ranked | None = None
    for each in ranked(study, names, seed, options, watcher.done):
        first = each if first is None else first
        name, relevance = each.name, each.relevance[judged_users]
        for label, final in ((name, relevance), (name + WITH_LIST, relevance * penalties)):
            tops = [top(row, case.met) for row, case in zip(final, cases, strict=True)]
            judged = [judge(case, listed, keys) for case, listed in zip(cases, tops, strict=True)]
            shares[label] = {each.name: [user[each.name] for user in judged] for each in MEASURES}
            covered[label] = len({item for listed in tops for item in listed}) / (len(keys) - 1)
        ndcg, ndcg_of_first = shares[name]["ndcg"], shares[first.name]["ndcg"]
        shares[name] |= _ratios(study, judged_users, each.probability, first.probability, ndcg, ndcg_of_first)
    return shares, covered


def _ratios(
    study: Study,
    users: Sequence[int],
    own: Floats | None,
    first: Floats | None,
    ndcgs: Sequence[Share],
    ndcgs_of_first: Sequence[Share],
) -> Shares:
    if own is None or first is None:
        return {}
    both = zip(users, ndcgs, ndcgs_of_first, strict=True)
    found = [compared(study.cases[user], own[user], first[user], *ndcg) for user, *ndcg in both]
    return {each.name: [user[each.name] for user in found] for each in RATIOS}


def _pooled(found: Sequence[dict[str, Shares]], label: str) -> Shares:
    return {measure: [share for shares in found for share in shares[label][measure]] for measure in found[0][label]}


def _mean(found: Sequence[dict[str, Shares]], label: str) -> Shares:
    """Of each user the mean over seeds."""
    return {
        measure: [
            Share(sum(share.amount for share in own) / len(own), sum(share.of for share in own) / len(own))
            for own in zip(*(shares[label][measure] for shares in found), strict=True)
        ]
        for measure in found[0][label]
    }

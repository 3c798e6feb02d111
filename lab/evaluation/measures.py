"""How good a ranking is, for one user. Ties are broken evenly: a rule that cannot tell gets what guessing gets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from scipy.stats import rankdata


def average_precision(scores: Sequence[float], relevant: Sequence[bool]) -> float | None:
    """Average precision of a ranking by falling score, 0–1; None if nothing is relevant.

    The mean, over the relevant, of the share of relevant ones among all ranked as high. Where scores tie, its
    expectation over all orders of the tied (McSherry, Najork: Computing information retrieval performance measures
    efficiently in the presence of tied scores, ECIR 2008).

    >>> average_precision([3, 2, 1], [True, False, True])  # (1/1 + 2/3) / 2
    0.8333333333333333
    >>> average_precision([0, 0], [True, False])  # 1 or 1/2, equally likely
    0.75
    """
    wanted = sum(relevant)
    if not wanted:
        return None
    ranked = sorted(zip(scores, relevant, strict=True), key=lambda pair: -pair[0])
    before = found = 0
    total = 0.0
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        tied = [is_relevant for _, is_relevant in group]
        size, hits = len(tied), sum(tied)
        if hits:
            others = (hits - 1) / (size - 1) if size > 1 else 0.0
            total += hits / size * sum((found + 1 + n * others) / (before + 1 + n) for n in range(size))
        before += size
        found += hits
    return total / wanted


def auc(above: Sequence[float], below: Sequence[float]) -> float | None:
    """Area under the ROC curve: the chance that one of ``above`` scores higher than one of ``below``; ties are halves.

    None if either is empty (Mann, Whitney 1947).

    >>> auc([3, 1], [2, 1])
    0.625
    """
    if not above or not below:
        return None
    rank_sum = float(rankdata([*above, *below])[: len(above)].sum())  # those tied share their mean rank
    return (rank_sum - len(above) * (len(above) + 1) / 2) / (len(above) * len(below))

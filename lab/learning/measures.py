"""How good ten items are, for one user; all of a catalogue was ranked for them, none of it sampled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np

from lab.evaluation.bootstrap import NOTHING, Share
from lab.evaluation.figures import Measure
from lab.learning.lives import Case
from streamer.learning.retriever.histories import Floats, Items

K: Final = 10

MEASURES: Final = (
    Measure("ndcg", f"NDCG@{K}", True, "", "of items wanted later, by how far up they stand; 1: all on top"),
    Measure("recall", f"recall@{K}", True, "", f"of items wanted later, at most {K}, those among the ten"),
    Measure("refused", "refused", False, "%", "of the ten, items that the user refused later"),
    Measure("unwanted", "unwanted", False, "%", "of the ten, items that the user really would rather not be shown"),
    Measure("liked", "liked", True, "%", "of the ten, items with something that the user really likes"),
    Measure("diversity", "diversity", True, "", "1 − the mean Jaccard similarity of pairs' creators and tags"),
)
"""Means over users: of those for whom there is something to tell."""

RATIOS: Final = (
    Measure("ratio.ndcg", f"NDCG@{K}", True, "x", "mean NDCG"),
    Measure(
        "ratio.unwanted", "p(unwanted)", False, "x", "probability of all that the user really would rather not be shown"
    ),
    Measure("ratio.before", "p(refused before)", False, "x", "mean probability of the items refused before the split"),
    Measure("ratio.refused", "p(refused)", False, "x", "the same of those refused later"),
    Measure("ratio.disliked", "p(disliked)", False, "x", "the same of those that were disliked, not only abandoned"),
    Measure("ratio.wanted", "p(wanted)", True, "x", "the same of those wanted later"),
    Measure("log.refused", "p(refused), geometric", False, "x", "the geometric mean instead"),
    Measure("log.wanted", "p(wanted), geometric", True, "x", "the same of those wanted later"),
)
"""What a model makes of it, divided by what the first contender does; of those that say a probability."""


def top(relevance: Floats, met: frozenset[int]) -> list[int]:
    """The best items, at most ten; none that was met before, or has relevance 0. Ties go by index.

    Args:
        relevance: (items,); index 0 is no item.

    >>> top(np.array([0, .1, .5, 0, .2]), frozenset([2]))
    [4, 1]
    """
    order = np.argsort(-relevance, kind="stable")[: K + len(met) + 1].tolist()
    return [item for item in order if item and relevance[item] > 0 and item not in met][:K]


def judge(case: Case, listed: Sequence[int], keys: Sequence[frozenset[str]]) -> dict[str, Share]:
    """What one user's list adds to :data:`MEASURES`.

    Args:
        listed: items, the best first.
        keys: of every item of the catalogue its creator and tags.
    """
    hits = [item in case.wanted for item in listed]
    most = min(K, len(case.wanted))
    truth = case.truth
    return {
        "ndcg": Share(_gain(hits) / _gain([True] * most), 1) if most else NOTHING,
        "recall": Share(sum(hits) / most, 1) if most else NOTHING,
        "refused": Share(sum(item in case.refused for item in listed) / K, 1) if case.refused else NOTHING,
        "unwanted": NOTHING if truth is None else Share(float(truth.unwanted[list(listed)].sum()) / K, 1),
        "liked": NOTHING if truth is None else Share(float(truth.wanted[list(listed)].sum()) / K, 1),
        "diversity": _diversity([keys[item] for item in listed]),
    }


def compared(case: Case, own: Floats, first: Floats, ndcg: Share, ndcg_of_first: Share) -> dict[str, Share]:
    """What one user adds to :data:`RATIOS`; of the geometric ones to the mean of the logarithm.

    Args:
        own, first: (items,) probabilities by this model, and by the one that it is compared with.
        ndcg, ndcg_of_first: the user's.
    """
    found = {"ratio.ndcg": Share(ndcg.amount, ndcg_of_first.amount)}
    if case.truth is not None:
        found["ratio.unwanted"] = Share(float(own[case.truth.unwanted].sum()), float(first[case.truth.unwanted].sum()))
    else:
        found["ratio.unwanted"] = NOTHING
    kinds = {"before": case.refused_before, "refused": case.refused, "disliked": case.disliked, "wanted": case.wanted}
    for name, chosen in kinds.items():
        items = sorted(chosen)
        found[f"ratio.{name}"] = Share(float(own[items].mean()), float(first[items].mean())) if items else NOTHING
        logs = float(np.mean(np.log(own[items]) - np.log(first[items]))) if items else 0.0
        found[f"log.{name}"] = Share(logs, 1) if items else NOTHING
    return found


def keys_of(items: Items) -> list[frozenset[str]]:
    """Of every item its creator and tags, told apart."""
    found = []
    for creator, tags in zip(items.creator_of.tolist(), items.tags_of.tolist(), strict=True):
        found.append(frozenset([f"c{creator}"] * bool(creator) + [f"t{tag}" for tag in tags if tag]))
    return found


def _gain(hits: Sequence[bool]) -> float:
    """Discounted cumulative gain (Järvelin, Kekäläinen 2002).

    >>> round(_gain([True, False, True]), 2)
    1.5
    """
    return float(sum(1 / np.log2(place + 2) for place, hit in enumerate(hits) if hit))


def _diversity(listed: Sequence[frozenset[str]]) -> Share:
    pairs = [len(a & b) / len(a | b) if a | b else 0.0 for a, b in combinations(listed, 2)]
    return Share(1 - sum(pairs) / len(pairs), 1) if pairs else NOTHING

"""What is compared: baselines, and the retriever's ablations, as relevance of every item for every user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
from implicit.als import AlternatingLeastSquares
from msgspec.structs import replace
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from lab.learning.lives import Study
from streamer.learning.retriever.checkpoint import Trained
from streamer.learning.retriever.correcting import corrected, scored
from streamer.learning.retriever.histories import Floats
from streamer.learning.retriever.options import CORRECTED, Options
from streamer.learning.retriever.proposing import RetrieverRecommender
from streamer.learning.retriever.training import train

POPULAR: Final = "popularity"
ALS: Final = "implicit ALS"
ORACLE: Final = "oracle"
CONTENDERS: Final[dict[str, str]] = {
    "none": "SASRec: the retriever without negative feedback",
    POPULAR: "how often an item was wanted, the same for all",
    ALS: "Hu, Koren, Volinsky 2008: refused items are preference 0, the surer the more they weigh",
    "input": "the retriever that sees refusals in histories",
    "loss": "the retriever that learns what not to recommend",
    "both": "the retriever that does both",
    "exclusion": "SASRec, and by hand nothing of creators whom the user disliked something of",
    "contrast": "two encoders, of what was wanted and of what was refused",
    "taste": "SASRec, and how much more often than usual the user wanted a creator's items, or those with a tag",
    "apart": "taste, and what not to recommend learned apart: label only, as of loss",
    ORACLE: "SASRec, and by hand nothing that the user truly would rather not be shown: no model can know more",
}
"""By name: what each is. All are compared with the first."""

SMALL: Final = Options(
    width=32, blocks=1, heads=2, length=50, dropout=0.3, steps=300, batch=32, targets=512, learning_rate=0.005
)
"""The retriever's options here: some ten seconds a training."""
_FACTORS: Final = 32
_NEXT_TO_NOTHING: Final = 1e-6
"""What the oracle leaves of the odds of what it takes off, so that logarithms stay finite."""


class Ranked(NamedTuple):
    """What a contender makes of every item for every user.

    Attributes:
        name: of :data:`CONTENDERS`.
        relevance: (users, items) ≥ 0, in the order of a study's cases and of the catalogue; 0: is not recommended.
        probability: (users, items) that an item comes next; None: it does not say.
    """

    name: str
    relevance: Floats
    probability: Floats | None


def ranked(
    study: Study, names: list[str], seed: int, options: Options, report: Callable[[int], None]
) -> Iterator[Ranked]:
    """Trains contenders one after the other.

    Args:
        names: of :data:`CONTENDERS`.
        seed: of what is trained.
        options: of the retriever, but for ablation and seed.
        report: told how many steps of training were done.
    """
    plain: Trained | None = None
    for name in names:
        if name == POPULAR:
            yield Ranked(name, np.tile(_popularity(study), (len(study.cases), 1)), None)
        elif name == ALS:
            yield Ranked(name, _als(study, seed), None)
        elif name == ORACLE:
            plain = train(study.histories, replace(options, ablation="none", seed=seed)) if plain is None else plain
            report(options.steps)
            yield _knowing(_retrieved(name, study, plain), study)
        elif name == "exclusion" and plain is not None:
            report(options.steps)
            yield _retrieved(name, study, corrected(plain, study.histories, "exclusion"))._replace(
                probability=None  # that of none
            )
        elif name in CORRECTED:
            plain = train(study.histories, replace(options, ablation="none", seed=seed)) if plain is None else plain
            report(options.steps)
            yield _retrieved(name, study, corrected(plain, study.histories, name))
        else:
            chosen = replace(options, ablation=name, seed=seed)
            trained = train(study.histories, chosen, report=lambda _: report(1))
            plain = trained if name == "none" else plain
            yield _retrieved(name, study, trained)


def _retrieved(name: str, study: Study, trained: Trained) -> Ranked:
    recommender = RetrieverRecommender(trained)
    found = probabilities(study, recommender)
    relevance: Floats = found.copy()
    for row, case in zip(relevance, study.cases, strict=True):
        row[recommender.barred(case.state)] = 0
    return Ranked(name, relevance, found)


def _knowing(plain: Ranked, study: Study) -> Ranked:
    """The same without what displeases, where that is known."""
    assert plain.probability is not None
    probability, relevance = plain.probability.copy(), plain.relevance.copy()
    for row, case in enumerate(study.cases):
        if case.truth is not None:
            probability[row, case.truth.unwanted] *= _NEXT_TO_NOTHING
            relevance[row, case.truth.unwanted] = 0
    probability /= probability.sum(axis=1, keepdims=True)
    return Ranked(plain.name, relevance, probability)


def probabilities(study: Study, recommender: RetrieverRecommender) -> Floats:
    """(users, items) of every item that it comes next."""
    scores = scored(recommender, [case.state for case in study.cases], [case.user_id for case in study.cases])
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Floats = odds / odds.sum(axis=1, keepdims=True)
    return found


def _popularity(study: Study) -> Floats:
    histories = study.histories
    count = np.bincount(histories.item[histories.weight > 0], minlength=len(histories.items.content_ids))
    popularity: Floats = (count / max(1, count.max())).astype(np.float32)
    return popularity


def _als(study: Study, seed: int) -> Floats:
    """Predicted preferences. What is predicted alike, as for users without a history, goes by popularity."""
    histories = study.histories
    shape = (len(histories.users), len(histories.items.content_ids))
    user = np.repeat(np.arange(shape[0]), np.diff(histories.begins))
    cells = csr_matrix((histories.weight.astype(np.float64), (user, histories.item)), shape=shape)
    cells.sum_duplicates()
    cells.data = np.sign(cells.data) * (1 + study.hkv_alpha * np.abs(cells.data))
    cells.eliminate_zeros()
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=_FACTORS, iterations=15, random_state=seed, num_threads=1)
        model.fit(cells, show_progress=False)
    found: Floats = np.maximum(model.user_factors @ model.item_factors.T, 0) + 1e-6 * _popularity(study)
    return found

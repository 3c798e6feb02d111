"""Recommenders that are retrained every day, and what they are trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from lab.closed_loop.town import Town
from streamer.learning.retriever.histories import action_of
from streamer.profile import Label

Floats: TypeAlias = npt.NDArray[np.float64]
Learns: TypeAlias = Literal["none", "loss", "both"]
"""What a recommender makes of a "no", as ``--ablation`` of  streamer train  has it."""

_FACTORS: Final = 16
_SWEEPS_AT_FIRST: Final = 8
_SWEEPS: Final = 2
_POPULARITY: Final = 1e-3
"""What an item's share of all that was chosen adds to its relevance: it decides where nothing is known of a user."""


class Row(NamedTuple):
    """One example: user and item by number, when (ms), the action type, and the unified weight."""

    user: int
    item: int
    ts: int
    action: str
    weight: float


class DailyRecommender(Protocol):
    """Learns every night."""

    def learn(self, rows: Sequence[Row]) -> None:
        """Takes a day's examples in, and retrains."""

    def relevance(self) -> Floats:
        """(users, items), ≥ 0: how much each item is for each user, as trained last."""


def rows_of(labels: Iterable[Label], town: Town) -> Iterator[Row]:
    """The examples in labels that somebody acted on: what was only ignored is left out, as histories do."""
    users = {who.user_id: number for number, who in enumerate(town.people)}
    items = {item.content_id: number for number, item in enumerate(town.catalogue.items)}
    for label in labels:
        for example in label.examples:
            action = action_of(example.outcome, example.signals)
            if action != "ignored":
                yield Row(users[label.user_id], items[example.content_id], example.first, action, example.weight)


class Factors:
    """Implicit-feedback ALS (Hu, Koren, Volinsky 2008), warm: each night two sweeps from yesterday's factors.

    Args:
        town: whose people and items.
        learns: ``none``: from what was wanted alone. Else a "no" is a cell of preference 0, believed as much as its
            weight says; there are no histories, so ``loss`` and ``both`` are the same.
        alpha: a cell of weight w is believed 1 + alpha·|w| (setting ``hkv_alpha``).
    """

    def __init__(self, town: Town, learns: Learns, alpha: float) -> None:
        self._learns = learns
        self._shape = (town.plan.users, town.plan.items)
        self._sums: dict[tuple[int, int], float] = {}
        self._alpha = alpha
        with threadpool_limits(1, "blas"):  # else it warns of the threads that it would have
            self._model = AlternatingLeastSquares(
                factors=_FACTORS, iterations=_SWEEPS_AT_FIRST, random_state=town.plan.seed, num_threads=1
            )

    def learn(self, rows: Sequence[Row]) -> None:
        """See :class:`DailyRecommender`."""
        for row in rows:
            if row.weight > 0 or self._learns != "none":
                key = (row.user, row.item)
                self._sums[key] = self._sums.get(key, 0.0) + row.weight
        with threadpool_limits(1, "blas"):
            self._model.fit(self._cells(), show_progress=False)
        self._model.iterations = _SWEEPS

    def relevance(self) -> Floats:
        """See :class:`DailyRecommender`."""
        cells = self._cells()
        chosen = np.bincount(cells.indices[cells.data > 0], minlength=self._shape[1])
        with threadpool_limits(1, "blas"):
            scores = np.asarray(self._model.user_factors @ self._model.item_factors.T, np.float64)
        found: Floats = np.maximum(scores, 0) + _POPULARITY * chosen / max(1, chosen.sum())
        return found

    def _cells(self) -> csr_matrix:
        """To ``implicit`` a negative number is preference 0, with that confidence."""
        keys = np.array(list(self._sums), np.int64).reshape(-1, 2)
        weight = np.array(list(self._sums.values()))
        data = np.sign(weight) * (1 + self._alpha * np.abs(weight))
        return csr_matrix((data, (keys[:, 0], keys[:, 1])), shape=self._shape)

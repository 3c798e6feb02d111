"""Whether an item is refused once it is met: −log p of what was wanted and −log(1 − p) of what was refused, apart.

The loss is that of ``loss.py``, Σ w⁺·(−log p) + Σ w⁻·(−log(1 − p)), where p is the chance that what was met is wanted,
1 − σ(h). h is linear, so the best fit is one, and found without a learning rate.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from scipy.special import expit
from threadpoolctl import threadpool_limits

from streamer.learning.retriever.affinities import user_of
from streamer.learning.retriever.histories import Floats, Histories, Items

_ITEM: Final = 4.0
_SHARED: Final = 2.0
_OWN: Final = 0.7
"""Precisions of normal priors: of an item's part of h, of a creator's or tag's, of what one user has to say of them."""
_CONSTANT: Final = 0.01
_AFFINITY: Final = 1.0
_USER: Final = 1.0
_ROUNDS: Final = 100

Longs = npt.NDArray[np.int64]


class Refusals:
    """A fitted h.

    Args:
        base: (items,), what holds for everybody.
        pulls: (affinities,), of the affinities of what a user wanted.
        users: ids of those who were learned from, sorted.
        bias: (users,), how readily each refuses.
        pair: (pairs,), sorted: user · (creators + tags) + creator, or the same with creators + tag.
        own: (pairs,), what each adds to h.
    """

    def __init__(
        self, base: Floats, pulls: Floats, users: tuple[str, ...], bias: Floats, pair: Longs, own: Floats
    ) -> None:
        self.base, self.pulls, self.users, self.bias, self.pair, self.own = base, pulls, users, bias, pair, own

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.users)}

    def log_odds(self, known: Floats, items: Items, user_id: str | None) -> Floats:
        """(items,) h of every item for a user, by their affinities."""
        found: Floats = self.base + known @ self.pulls
        user = self._place.get(user_id) if user_id is not None else None
        if user is None:
            return found
        count = len(items.creator_ids) + len(items.tags)
        first, last = np.searchsorted(self.pair, [user * count, (user + 1) * count])
        own = np.zeros(count, np.float32)
        own[self.pair[first:last] - user * count] = self.own[first:last]
        of_tags = own[len(items.creator_ids) :]
        of_tags[0] = own[0] = 0
        whole: Floats = found + self.bias[user] + own[items.creator_of] + of_tags[items.tags_of].sum(axis=1)
        return whole


class _Columns(NamedTuple):
    """A block of the design: its columns, and the precision of their prior."""

    block: csr_matrix
    precision: float


def fitted(histories: Histories, known: Floats) -> Refusals:
    """Fits h to histories.

    Args:
        known: (interactions, affinities), by what was wanted before each.
    """
    items, count = histories.items, len(histories.item)
    users = user_of(histories)
    keys = _keys(items)
    shared = _rows(keys[histories.item], len(items.creator_ids) + len(items.tags))
    coo = shared.tocoo()
    pair, place = np.unique(users[coo.row] * shared.shape[1] + coo.col, return_inverse=True)
    blocks = [
        _Columns(_rows(histories.item[:, None], len(items.content_ids)), _ITEM),
        _Columns(shared, _SHARED),
        _Columns(csr_matrix(known), _AFFINITY),
        _Columns(_rows(users[:, None] + 1, len(histories.users) + 1), _USER),
        _Columns(csr_matrix((np.ones(len(place)), (coo.row, place)), shape=(count, len(pair))), _OWN),
        _Columns(csr_matrix(np.ones((count, 1))), _CONSTANT),
    ]
    of_item, of_shared, pulls, bias, own, constant = _solved(blocks, histories.weight.astype(np.float64))
    base = of_item + _rows(keys, len(of_shared)) @ of_shared + constant[0]
    short = (each.astype(np.float32) for each in (base, pulls, bias[1:], own))
    of_all, of_affinities, of_user, of_pairs = short
    return Refusals(of_all, of_affinities, histories.users, of_user, pair.astype(np.int64), of_pairs)


def _solved(blocks: list[_Columns], weights: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """What each column adds to h, block by block, where loss and prior together are least."""
    scales = [each.precision**-0.5 for each in blocks]
    design = hstack([each.block * scale for each, scale in zip(blocks, scales, strict=True)]).tocsr()
    across = design.T.tocsr()
    is_refused, heavy = (weights < 0).astype(np.float64), np.abs(weights)

    def loss(x: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        h = design @ x
        value = heavy @ (np.logaddexp(0, h) - is_refused * h) + x @ x / 2
        return float(value), across @ (heavy * (expit(h) - is_refused)) + x

    start = np.zeros(design.shape[1])
    with threadpool_limits(1, "blas"):  # vectors are short: threads would wait for one another
        best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS}).x
    parts = np.split(best, np.cumsum([each.block.shape[1] for each in blocks])[:-1])
    return [part * scale for part, scale in zip(parts, scales, strict=True)]


def _keys(items: Items) -> npt.NDArray[np.int64]:
    """(items, 9) of every item its creator, and its tags behind all creators; 0 is none."""
    tags = np.where(items.tags_of > 0, items.tags_of + len(items.creator_ids), 0)
    return np.concatenate([items.creator_of[:, None], tags], axis=1).astype(np.int64)


def _rows(keys: npt.NDArray[np.integer], count: int) -> csr_matrix:
    """Rows of ones in the named columns but the first, which stands for none."""
    row, place = np.nonzero(keys)
    return csr_matrix((np.ones(len(row)), (row, keys[row, place])), shape=(len(keys), count))

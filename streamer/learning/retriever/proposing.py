"""A trained retriever as a recommender."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from streamer.learning.retriever.checkpoint import Trained
from streamer.learning.retriever.histories import ACTIONS, Floats, Met
from streamer.learning.retriever.model import Retriever
from streamer.learning.retriever.windows import seen_by

_DISLIKED: Final = "disliked"


class RetrieverRecommender:
    """Ranks the whole catalogue by a trained retriever. Items that it was not trained on are passed over in histories.

    Args:
        trained: the retriever.
    """

    def __init__(self, trained: Trained) -> None:
        self._trained = trained
        self._retriever = trained.retriever
        self._retriever.learn(False)
        self._index = {name: number for number, name in enumerate(trained.items.content_ids) if name}

    def recommend(self, state: Sequence[Met], k: int, user_id: str | None = None) -> list[str]:
        """See :class:`streamer.learning.recommender.Recommender`.

        Args:
            user_id: whose state it is; only ``apart`` makes something of that.
        """
        scores = self.scores(state, user_id)
        scores[self.barred(state)] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        return [self._trained.items.content_ids[item] for item in best if scores[item] > -np.inf]

    def scores(self, state: Sequence[Met], user_id: str | None = None) -> Floats:
        """(items,) logits of all items by index; that of index 0, none, is −inf."""
        found: Floats = self.scores_of([state], [user_id])[0]
        return found

    def scores_of(self, states: Sequence[Sequence[Met]], user_ids: Sequence[str | None] = ()) -> Floats:
        """(states, items) logits of many histories at one go. Compiled for every number of them: ask for as many.

        Args:
            user_ids: whose each is; empty: it is not said of any.
        """
        length = self._trained.options.length
        shape = (len(states), length)
        item, action, count = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(len(states), np.int32)
        for row, state in enumerate(states):
            newest = self._seen(state)[-length:]
            count[row] = len(newest)
            for place, met in enumerate(newest):
                item[row, place], action[row, place] = self._index[met.content_id], ACTIONS.index(met.action)
        scores = np.array(_scores(self._retriever, *map(jnp.asarray, (item, action, count))))
        scores[:, 0] = -np.inf
        return scores if self._trained.correction is None else self._corrected(scores, states, user_ids)

    def _corrected(self, scores: Floats, states: Sequence[Sequence[Met]], user_ids: Sequence[str | None]) -> Floats:
        correction = self._trained.correction
        assert correction is not None
        rows = []
        for logits, state, user_id in zip(scores, states, user_ids or [None] * len(states), strict=True):
            wanted = [self._index[met.content_id] for met in self._seen(state)]
            rows.append(correction.corrected(logits, wanted, self._trained.items, user_id))
        return np.stack(rows)

    def barred(self, state: Sequence[Met]) -> list[int]:
        """Items that are not recommended, by index: those met, and of ``exclusion`` those by disliked creators."""
        known = [self._index[met.content_id] for met in state if met.content_id in self._index]
        return known + self._of_disliked_creators(state) if self._trained.options.ablation == "exclusion" else known

    def _seen(self, state: Sequence[Met]) -> list[Met]:
        """The part of a history that the model sees."""
        known = [met for met in state if met.content_id in self._index]
        is_seen = seen_by(self._trained.options.ablation, np.array([met.weight for met in known], np.float32))
        return [met for met, kept in zip(known, is_seen, strict=True) if kept]

    def _of_disliked_creators(self, state: Sequence[Met]) -> list[int]:
        creator_of = self._trained.items.creator_of
        disliked = {
            int(creator_of[self._index[met.content_id]])
            for met in state
            if met.action == _DISLIKED and met.content_id in self._index
        } - {0}
        return np.flatnonzero(np.isin(creator_of, list(disliked))).tolist()


@nnx.jit
def _scores(retriever: Retriever, item: Array, action: Array, count: Array) -> Array:
    states = retriever.states(item, action)[jnp.arange(item.shape[0]), count]
    everything = retriever.vectors(jnp.arange(retriever.creator_of[...].shape[0]))
    return states @ everything.T

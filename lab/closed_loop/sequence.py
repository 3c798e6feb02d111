"""The retriever (:mod:`streamer.learning.retriever`), retrained every night from where it was the night before."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array

from lab.closed_loop.recommender import Floats, Learns, Row
from lab.closed_loop.town import Town
from streamer.learning.retriever import loss
from streamer.learning.retriever.histories import ACTIONS, TAGS_OF_AN_ITEM, Histories, Items
from streamer.learning.retriever.model import Retriever
from streamer.learning.retriever.options import Options
from streamer.learning.retriever.windows import Batch, batches, seen_by, windows_of

STEPS_AT_FIRST: Final = 60
STEPS: Final = 20
"""Of a night."""


def options_of(learns: Learns, seed: int) -> Options:
    """A model small enough to be trained every night of some weeks; its loss is that of  ``streamer train``."""
    return Options(ablation=learns, width=32, blocks=1, length=50, batch=32, targets=512, learning_rate=0.01, seed=seed)


class Retrained:
    """A retriever that goes on every night, its optimizer too, which ``streamer train`` begins anew.

    Args:
        town: whose people and items.
        learns: the ablation.
    """

    def __init__(self, town: Town, learns: Learns) -> None:
        self._options = options_of(learns, town.plan.seed)
        self._items = items_of(town)
        self._users = tuple(who.user_id for who in town.people)
        self._rows: list[Row] = []
        self._met = self._histories()
        self._nights = 0
        self._raised = jnp.float32(loss.against(self._options.refused_among, town.plan.items))
        self._rng = np.random.default_rng(town.plan.seed)
        self._retriever = Retriever(self._items, self._options)
        self._optimizer = nnx.Optimizer(self._retriever, _rule(self._options.learning_rate), wrt=nnx.Param)

    def learn(self, rows: Sequence[Row]) -> None:
        """See :class:`lab.closed_loop.recommender.DailyRecommender`. Until anything was wanted, it stays as it is."""
        self._rows += rows
        self._met = self._histories()
        if not (self._met.weight > 0).any():
            return
        steps = STEPS if self._nights else STEPS_AT_FIRST
        self._nights += 1
        windows = windows_of(self._met, self._options)
        self._retriever.learn(True)
        for _, batch in zip(range(steps), batches(windows, self._options, self._rng), strict=False):
            _step(self._retriever, self._optimizer, batch, self._raised)

    def relevance(self) -> Floats:
        """See :class:`lab.closed_loop.recommender.DailyRecommender`: probabilities."""
        histories, options = self._met, self._options
        shape = (len(self._users), options.length)
        item, action, count = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(len(self._users), np.int32)
        is_seen = seen_by(options.ablation, histories.weight)
        for user, (begin, end) in enumerate(zip(histories.begins[:-1], histories.begins[1:], strict=True)):
            newest = np.flatnonzero(is_seen[begin:end])[-options.length :] + begin
            count[user] = len(newest)
            item[user, : len(newest)], action[user, : len(newest)] = histories.item[newest], histories.action[newest]
        self._retriever.learn(False)
        found = _probabilities(self._retriever, jnp.asarray(item), jnp.asarray(action), jnp.asarray(count))
        return np.asarray(found, np.float64)[:, 1:]

    def _histories(self) -> Histories:
        rows = sorted(self._rows, key=lambda row: (row.user, row.ts, row.item))
        return Histories(
            self._items,
            self._users,
            np.searchsorted([row.user for row in rows], np.arange(len(self._users) + 1)),
            np.array([row.item + 1 for row in rows], np.int32),
            np.array([ACTIONS.index(row.action) for row in rows], np.int32),
            np.array([row.weight for row in rows], np.float32),
            np.array([row.ts for row in rows], np.int64),
        )


def items_of(town: Town) -> Items:
    """The town's catalogue; item n of the town has index n + 1."""
    items = town.catalogue.items
    creators = {name: number for number, name in enumerate(("", *town.catalogue.creators))}
    tags = {name: number for number, name in enumerate(("", *town.catalogue.tags))}
    creator_of, tags_of = np.zeros(len(items) + 1, np.int32), np.zeros((len(items) + 1, TAGS_OF_AN_ITEM), np.int32)
    for number, item in enumerate(items, 1):
        creator_of[number] = creators[item.creator_id]
        tags_of[number, : len(item.tags)] = [tags[tag] for tag in item.tags]
    return Items(("", *(item.content_id for item in items)), tuple(creators), tuple(tags), creator_of, tags_of)


@cache
def _rule(learning_rate: float) -> optax.GradientTransformation:
    """The same object for the same argument, or every retriever of a process would be compiled anew."""
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(learning_rate))


@nnx.jit
def _step(retriever: Retriever, optimizer: nnx.Optimizer[Retriever], batch: Batch, raised: Array) -> None:
    def of_batch(model: Retriever) -> Array:
        states = model.states(batch.item, batch.action)[batch.row, batch.after]
        everything = model.vectors(jnp.arange(1, model.creator_of[...].shape[0]))
        odds = loss.log_odds(states, everything, jnp.maximum(batch.target - 1, 0))
        return loss.not_to_recommend(odds, batch.weight, raised) / jnp.maximum(jnp.sum(batch.weight != 0), 1)

    optimizer.update(retriever, nnx.grad(of_batch)(retriever))


@nnx.jit
def _probabilities(retriever: Retriever, item: Array, action: Array, count: Array) -> Array:
    states = retriever.states(item, action)[jnp.arange(item.shape[0]), count]
    logits = states @ retriever.vectors(jnp.arange(retriever.creator_of[...].shape[0])).T
    return jax.nn.softmax(logits.at[:, 0].set(-jnp.inf), axis=1)

"""Training: Adam over batches of windows, a checkpoint every so often, and a stop where numbers end."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from math import isfinite
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array

from streamer.errors import TrainingDiverged
from streamer.learning.retriever import checkpoint, loss
from streamer.learning.retriever.checkpoint import Trained
from streamer.learning.retriever.correcting import corrected
from streamer.learning.retriever.histories import Histories
from streamer.learning.retriever.model import Retriever
from streamer.learning.retriever.options import CORRECTED, Options
from streamer.learning.retriever.windows import Batch, batches, windows_of

Graph: TypeAlias = nnx.GraphDef[tuple[Retriever, nnx.Optimizer[Retriever]]]
State: TypeAlias = nnx.State[int, object]

STEPS_OF_A_CHECKPOINT: Final = 100
_LARGEST_GRADIENT: Final = 1.0
_WARMING_UP: Final = 50


class Progress(NamedTuple):
    """How training goes: steps done, and the loss per target, the mean over the last steps, some twenty."""

    step: int
    loss: float


class _Sample(NamedTuple):
    """Items drawn to stand for all others, and log of how often each was to be expected; of a full softmax empty.

    ``raised``: see :func:`streamer.learning.retriever.loss.not_to_recommend`; told at every step, to be no constant
    that steps are compiled for.
    """

    items: Array
    log_expected: Array
    raised: Array


def train(
    histories: Histories,
    options: Options,
    file: Path | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    """Trains a retriever.

    Args:
        histories: to learn from.
        options: what, and how.
        file: where checkpoints go; None: nowhere.
        report: told after every step.

    Raises:
        SettingsError: the options cannot work.
        LearningError: there is nothing to learn from.
        TrainingDiverged: loss or gradient became infinite or no number; the last good checkpoint stays.
    """
    options.check()
    windows = windows_of(histories, options)
    retriever, good = (Retriever(histories.items, options) for _ in range(2))
    good.learn(False)
    trained = Trained(good, options, histories.items, 0)
    retriever.learn(True)
    optimizer = nnx.Optimizer(retriever, _rule(options.learning_rate, options.steps), wrt=nnx.Param)
    graph, state = nnx.split((retriever, optimizer))
    rng = np.random.default_rng(options.seed)
    sampler = _Sampler(histories, options, rng)
    mean = 0.0
    for done, batch in zip(range(options.steps + 1), batches(windows, options, rng), strict=False):
        before = state
        state, value, slope = _step(graph, state, batch, sampler.draw())
        if not (isfinite(value) and isfinite(slope)):
            raise TrainingDiverged(_diverged(done + 1, float(value), float(slope), trained.step, file))
        if done and (done % STEPS_OF_A_CHECKPOINT == 0 or done == options.steps):
            learned, _ = nnx.merge(graph, before)  # only the loss of the step after shows that a state is good
            nnx.update(good, nnx.state(learned, nnx.Param))
            trained.step = done
            if file is not None:
                checkpoint.save(file, trained)
        if done < options.steps:
            mean += (float(value) - mean) / min(done + 1, 20)
            report(Progress(done + 1, mean))
    return _finished(trained, histories, file)


def _finished(trained: Trained, histories: Histories, file: Path | None) -> Trained:
    if trained.options.ablation not in CORRECTED:
        return trained
    whole = corrected(trained, histories, trained.options.ablation)
    if file is not None:
        checkpoint.save(file, whole)
    return whole


def _diverged(step: int, value: float, slope: float, saved: int, file: Path | None) -> str:
    kept = f"; the checkpoint of step {saved} stays in {file}" if file is not None and saved else ""
    return f"at step {step} the loss is {value:g} and its gradient {slope:g}{kept}: try a lower learning rate"


@cache
def _rule(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Adam that warms up and cools down. The same object for the same arguments, or steps would be compiled anew."""
    rate = optax.schedules.warmup_cosine_decay_schedule(
        0.0, learning_rate, min(_WARMING_UP, steps), max(steps, _WARMING_UP + 1)
    )
    return optax.chain(optax.clip_by_global_norm(_LARGEST_GRADIENT), optax.adam(rate))


@partial(jax.jit, static_argnums=0)
def _step(graph: Graph, state: State, batch: Batch, sample: _Sample) -> tuple[State, Array, Array]:
    """State goes in and comes out: to take a small model apart and put it together costs more than its step."""
    retriever, optimizer = nnx.merge(graph, state)
    value, gradient = nnx.value_and_grad(_loss)(retriever, batch, sample)
    optimizer.update(retriever, gradient)
    return nnx.split((retriever, optimizer))[1], value, optax.tree.norm(gradient)


def _loss(retriever: Retriever, batch: Batch, sample: _Sample) -> Array:
    """The loss per target."""
    states = retriever.states(batch.item, batch.action)[batch.row, batch.after]
    if retriever.refused is None:
        found = loss.not_to_recommend(_odds(retriever, states, batch, sample), batch.weight, sample.raised)
    else:
        found = _contrasted(retriever, states, batch, sample)
    return found / jnp.maximum(jnp.sum(batch.weight != 0), 1)


def _contrasted(retriever: Retriever, wanted: Array, batch: Batch, sample: _Sample) -> Array:
    """Each encoder foresees its own kind; of both, each target is to be nearer to its own."""
    refused = retriever.states_of_refused(batch.refused_item, batch.refused_action)[batch.row, batch.after_refused]
    is_wanted = (batch.weight > 0)[:, None]
    own = jnp.where(is_wanted, wanted, refused)
    foreseen = loss.not_to_recommend(_odds(retriever, own, batch, sample), jnp.abs(batch.weight))
    targets = retriever.vectors(batch.target)
    by_wanted, by_refused = jnp.sum(wanted * targets, axis=1), jnp.sum(refused * targets, axis=1)
    return foreseen + loss.contrast(by_wanted, by_refused, batch.weight)


def _odds(retriever: Retriever, states: Array, batch: Batch, sample: _Sample) -> Array:
    if sample.items.shape[0] == 0:
        everything = retriever.vectors(jnp.arange(1, retriever.creator_of[...].shape[0]))
        return loss.log_odds(states, everything, jnp.maximum(batch.target - 1, 0))
    own, others = retriever.vectors(batch.target), retriever.vectors(sample.items)
    return loss.sampled_log_odds(states, own, others, batch.target, sample.items, sample.log_expected)


class _Sampler:
    """Draws items by how often they were met: half of that, half evenly, so that each may come."""

    def __init__(self, histories: Histories, options: Options, rng: np.random.Generator) -> None:
        self._rng = rng
        count = len(histories.items.content_ids) - 1
        self._drawn = 0 if count < options.full_below else options.sampled
        met = np.bincount(histories.item, minlength=count + 1)[1:]
        self._raised = jnp.float32(loss.against(options.refused_among, count))
        self._q = 0.5 * met / met.sum() + 0.5 / count

    def draw(self) -> _Sample:
        if not self._drawn:
            return _Sample(jnp.zeros(0, jnp.int32), jnp.zeros(0), self._raised)
        found = self._rng.choice(len(self._q), self._drawn, p=self._q)
        return _Sample(jnp.asarray(found + 1), jnp.asarray(np.log(self._drawn * self._q[found])), self._raised)


def devices() -> str:
    """What JAX computes on, in words."""
    return ", ".join(sorted({device.platform for device in jax.devices()}))

"""Histories cut to windows: what a model sees, and what it is to foresee, as an ablation has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from streamer.errors import LearningError
from streamer.learning.retriever.histories import Floats, Histories, Ints
from streamer.learning.retriever.options import Ablation, Options

Bools = npt.NDArray[np.bool_]


class Sequence(NamedTuple):
    """What one encoder sees: (windows, length) items and actions, 0 past the end."""

    item: Ints
    action: Ints


class Windows(NamedTuple):
    """All windows.

    Attributes:
        seen: what the encoder sees.
        refused: what the second encoder of ``contrast`` sees; of other ablations empty.
        target: (windows, length), items to foresee.
        after: (windows, length), how many of ``seen`` came before each target.
        after_refused: how many of ``refused`` did.
        weight: (windows, length), unified weights of the targets, 0 where there is none.
    """

    seen: Sequence
    refused: Sequence
    target: Ints
    after: Ints
    after_refused: Ints
    weight: Floats


class Batch(NamedTuple):
    """What one step of training takes: some windows, and a fixed number of their targets.

    Attributes:
        item, action: (windows, length), what the encoder sees.
        refused_item, refused_action: what the second one does.
        row: (targets,), of which window each target is.
        target, after, after_refused, weight: (targets,), as of :class:`Windows`.
    """

    item: Array
    action: Array
    refused_item: Array
    refused_action: Array
    row: Array
    target: Array
    after: Array
    after_refused: Array
    weight: Array


def windows_of(histories: Histories, options: Options) -> Windows:
    """Cuts every history to windows of ``length`` interactions, the last one full if there are as many.

    Raises:
        LearningError: there is nothing to foresee, for want of anything wanted.
    """
    spans = [
        (max(begin, end - options.length), end)
        for first, last in zip(histories.begins[:-1].tolist(), histories.begins[1:].tolist(), strict=True)
        for begin in [first]
        for end in range(last, first, -options.length)
    ]
    shape = (len(spans), options.length)
    item, action, weight = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for row, (begin, end) in enumerate(spans):
        item[row, : end - begin] = histories.item[begin:end]
        action[row, : end - begin] = histories.action[begin:end]
        weight[row, : end - begin] = histories.weight[begin:end]
    there = item > 0
    is_seen = there & seen_by(options.ablation, weight)
    is_refused = there & (weight < 0) if options.ablation == "contrast" else np.zeros(shape, bool)
    told = weight if options.ablation in ("loss", "both", "contrast") else np.maximum(weight, 0)
    if not (told > 0).any():
        raise LearningError(
            "nobody wanted anything in these examples, so there is nothing to foresee: export those of more days "
            "(streamer labels export FOLDER)"
        )
    return Windows(
        _packed(item, action, is_seen),
        _packed(item, action, is_refused),
        item,
        _before(is_seen),
        _before(is_refused),
        told,
    )


def seen_by(ablation: Ablation, weight: Floats) -> Bools:
    """Which interactions the encoder sees: all of them, or those that were wanted."""
    everything: Bools = np.ones(weight.shape, bool)
    wanted: Bools = weight > 0
    return everything if ablation in ("input", "both") else wanted


def batches(windows: Windows, options: Options, rng: np.random.Generator) -> Iterator[Batch]:
    """Batches without end: windows in a new order each time round."""
    count = len(windows.target)
    while True:
        order = rng.permutation(count)
        if count < options.batch:
            order = np.resize(order, options.batch)
        for begin in range(0, len(order) - options.batch + 1, options.batch):
            yield _batch(windows, order[begin : begin + options.batch], options.targets, rng)


def _batch(windows: Windows, rows: npt.NDArray[np.int64], targets: int, rng: np.random.Generator) -> Batch:
    weight = windows.weight[rows]
    row, place = np.nonzero(weight)
    chosen = rng.permutation(len(row))[:targets]
    row, place = row[chosen], place[chosen]
    spare = targets - len(row)

    def of(values: npt.NDArray[np.generic]) -> Array:
        return jnp.asarray(np.pad(values[rows][row, place], (0, spare)))

    seen_item, seen_action, refused_item, refused_action = (
        jnp.asarray(each[rows]) for each in (*windows.seen, *windows.refused)
    )
    return Batch(
        seen_item,
        seen_action,
        refused_item,
        refused_action,
        jnp.asarray(np.pad(row, (0, spare)).astype(np.int32)),
        of(windows.target),
        of(windows.after),
        of(windows.after_refused),
        of(windows.weight),
    )


def _packed(item: Ints, action: Ints, kept: Bools) -> Sequence:
    """The kept ones of each row, moved to its beginning."""
    order = np.argsort(~kept, axis=1, kind="stable")
    still = np.take_along_axis(kept, order, axis=1)
    return Sequence(
        np.take_along_axis(item, order, axis=1) * still,
        np.take_along_axis(action, order, axis=1) * still,
    )


def _before(kept: Bools) -> Ints:
    """How many kept ones come before each place."""
    return (np.cumsum(kept, axis=1) - kept).astype(np.int32)

"""The retriever: causal self-attention over a history, after SASRec (Kang, McAuley 2018)."""

from __future__ import annotations

from typing import Final

import jax.numpy as jnp
from flax import nnx
from jax import Array

from streamer.learning.retriever.histories import ACTIONS, Items
from streamer.learning.retriever.options import Options

_EMBEDDING: Final = nnx.initializers.normal(0.02)
"""One for all: a model with another one would be compiled anew."""


class Block(nnx.Module):
    """Self-attention and a feed-forward layer, each behind a norm and beside a shortcut."""

    def __init__(self, options: Options, rngs: nnx.Rngs) -> None:
        width = options.width
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(
            options.heads, width, dropout_rate=options.dropout, deterministic=False, decode=False, rngs=rngs
        )
        self.norm_2 = nnx.LayerNorm(width, rngs=rngs)
        self.up = nnx.Linear(width, 2 * width, rngs=rngs)
        self.down = nnx.Linear(2 * width, width, rngs=rngs)
        self.dropout = nnx.Dropout(options.dropout, rngs=rngs)

    def __call__(self, states: Array, mask: Array) -> Array:
        states = states + self.dropout(self.attention(self.norm(states), mask=mask))
        return states + self.dropout(self.down(nnx.gelu(self.up(self.norm_2(states)))))


class Encoder(nnx.Module):
    """Makes states of embedded histories: state n is what is known after n interactions, state 0 that of a stranger."""

    def __init__(self, options: Options, rngs: nnx.Rngs) -> None:
        self.action = _embedding(len(ACTIONS), options.width, rngs)
        self.position = _embedding(options.length + 1, options.width, rngs)
        self.blocks = nnx.List([Block(options, rngs) for _ in range(options.blocks)])
        self.norm = nnx.LayerNorm(options.width, rngs=rngs)
        self.dropout = nnx.Dropout(options.dropout, rngs=rngs)

    def __call__(self, items: Array, actions: Array) -> Array:
        """(batch, length + 1, width) states of (batch, length, width) items and (batch, length) actions."""
        begun = jnp.pad(items + self.action(actions), ((0, 0), (1, 0), (0, 0)))
        places = jnp.arange(begun.shape[1])
        states = self.dropout(begun + self.position(places))
        is_earlier = places[None, :] <= places[:, None]  # what is past the end comes after all that is asked for
        for block in self.blocks:
            states = block(states, is_earlier[None, None])
        normed: Array = self.norm(states)
        return normed


class Retriever(nnx.Module):
    """Scores items by a history. What goes in and what is scored are the same vectors of items (tied).

    A vector of an item is the sum of those of the item, its creator, and its tags' mean, so that a "no" to one item is
    heard by others like it.
    """

    def __init__(self, items: Items, options: Options) -> None:
        rngs = nnx.Rngs(options.seed)
        self.item = _embedding(len(items.content_ids), options.width, rngs)
        self.creator = _embedding(len(items.creator_ids), options.width, rngs)
        self.tag = _embedding(len(items.tags), options.width, rngs)
        self.encoder = Encoder(options, rngs)
        self.refused = Encoder(options, rngs) if options.ablation == "contrast" else None
        self.creator_of = nnx.Variable(jnp.asarray(items.creator_of))
        self.tags_of = nnx.Variable(jnp.asarray(items.tags_of))

    def learn(self, is_on: bool) -> None:
        """Switches dropout on for training, and off for everything else."""
        (self.train if is_on else self.eval)()  # type: ignore[no-untyped-call]

    def vectors(self, items: Array) -> Array:
        """(…, width) vectors of items, by index; that of index 0, none, is 0."""
        tags = self.tags_of[...][items]
        has_tag = (tags > 0)[..., None]
        mean = jnp.sum(self.tag(tags) * has_tag, axis=-2) / jnp.maximum(jnp.sum(has_tag, axis=-2), 1)
        creators = self.creator_of[...][items]
        of_creator = self.creator(creators) * (creators > 0)[..., None]
        return (self.item(items) + of_creator + mean) * (items > 0)[..., None]

    def states(self, items: Array, actions: Array) -> Array:
        """(batch, length + 1, width) states of (batch, length) histories."""
        return self.encoder(self.vectors(items), actions)

    def states_of_refused(self, items: Array, actions: Array) -> Array:
        """The same of what was refused, by the second encoder; only ``contrast`` has one."""
        assert self.refused is not None
        return self.refused(self.vectors(items), actions)


def _embedding(count: int, width: int, rngs: nnx.Rngs) -> nnx.Embed:
    return nnx.Embed(count, width, embedding_init=_EMBEDDING, rngs=rngs)

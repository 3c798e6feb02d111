"""Vectors of items as a trained retriever has them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from streamer.learning.responsiveness.rolling import Vectors
from streamer.learning.retriever.checkpoint import Trained


def vectors_of(trained: Trained) -> Vectors:
    """Of each item its vector, scaled to length 1 (one of 0 stays so)."""
    names = trained.items.content_ids
    found = np.array(trained.retriever.vectors(jnp.arange(len(names))))
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return {name: vector for name, vector in zip(names, found, strict=True) if name}

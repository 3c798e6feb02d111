"""The not-to-recommend loss (Wang et al., RecSys 2023): −log p of what was wanted, −log(1 − p) of what was not.

    loss = Σ w⁺ · (−log p(i | s)) + Σ w⁻ · (−log(1 − p(i | s)))

p is the softmax over all items. Both terms are taken from the log odds d = logit of i − logsumexp of all others:
p = σ(d), −log p = softplus(−d), and −log(1 − p) = softplus(d). The latter is −log1mexp(log p) without its loss of
digits: in float32 1 − p is 0 from d = 17 on, where softplus(d) still is 17, with a gradient of 1. Neither term is ever
negative, so nothing is gained without end by pushing one item away, as it would be by −log p with a negative weight.
"""

from __future__ import annotations

from math import log

import jax
import jax.numpy as jnp
from jax import Array


def log_odds(states: Array, items: Array, targets: Array) -> Array:
    """Log odds of each target against all other items, by the full softmax.

    Args:
        states: (targets, width), what each target is predicted from.
        items: (items, width), at least two.
        targets: (targets,), indices of items.
    """
    logits = states @ items.T
    is_own = jnp.arange(items.shape[0])[None, :] == targets[:, None]
    own = jnp.take_along_axis(logits, targets[:, None], axis=1)[:, 0]
    return own - jax.nn.logsumexp(jnp.where(is_own, -jnp.inf, logits), axis=1)


def sampled_log_odds(
    states: Array, own: Array, others: Array, targets: Array, sampled: Array, log_expected: Array
) -> Array:
    """The same from a sample of the other items, for catalogues too large to rank at every step.

    The logQ correction (Bengio, Senécal 2008; Yi et al. 2019) makes exp of the sampled logits sum up, in the mean, to
    that of all others. A sampled item that is the target itself does not count.

    Args:
        states: (targets, width), what each target is predicted from.
        own: (targets, width), the targets' vectors.
        others: (sampled, width), the sampled items' vectors.
        targets: (targets,), indices of items.
        sampled: (sampled,), indices of the sampled items, drawn with replacement.
        log_expected: (sampled,), log of how often each was to be expected in the sample: log(number drawn · q).
    """
    logits = states @ others.T - log_expected[None, :]
    is_own = sampled[None, :] == targets[:, None]
    rest = jax.nn.logsumexp(jnp.where(is_own, -jnp.inf, logits), axis=1)
    return jnp.sum(states * own, axis=1) - rest


def not_to_recommend(odds: Array, weights: Array, raised: Array | float = 0.0) -> Array:
    """The loss: a sum over targets.

    Args:
        odds: (targets,), log odds d.
        weights: (targets,), unified weights (spec §4): above 0 w⁺ of something wanted, below 0 −w⁻ of something not.
        raised: what is added to the log odds of what is not wanted (:func:`against`).

    >>> [round(float(not_to_recommend(jnp.array([d]), jnp.array([w]))), 4) for d, w in ((0, 1), (0, -1), (100, -2))]
    [0.6931, 0.6931, 200.0]
    """
    wanted, unwanted = jnp.maximum(weights, 0), jnp.maximum(-weights, 0)
    return jnp.sum(wanted * jax.nn.softplus(-odds) + unwanted * jax.nn.softplus(odds + raised))


def against(others: int, items: int) -> float:
    """What to add to log odds against all other items, for those against so many of them, in the mean.

    The gradient of −log(1 − p) is p. Among thousands of items that is next to nothing, so a refusal taught nothing; p
    of an item against a single other one is about a half, wherever the catalogue ends.

    Args:
        others: ≥ 1; 0: all.
        items: of the catalogue, ≥ 2.

    >>> round(against(1, 1001), 3), against(0, 1001), against(1000, 1001)
    (6.908, 0.0, 0.0)
    """
    return max(0.0, log((items - 1) / others)) if others else 0.0


def contrast(wanted_by: Array, refused_by: Array, weights: Array) -> Array:
    """The contrastive term of two encoders, after PNFRec (RecSys 2025): each kind of target is nearer to its own state.

    Args:
        wanted_by: (targets,), logit of each target by the state of what was wanted.
        refused_by: (targets,), by the state of what was refused.
        weights: (targets,), unified weights.
    """
    return jnp.sum(jnp.abs(weights) * jax.nn.softplus(-jnp.sign(weights) * (wanted_by - refused_by)))

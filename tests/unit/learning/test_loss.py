"""The not-to-recommend loss: its value, its gradient against finite differences, and where floats end."""

from __future__ import annotations

from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from streamer.learning.retriever.loss import against, contrast, log_odds, not_to_recommend, sampled_log_odds

pytestmark = pytest.mark.training
ITEMS, WIDTH, TARGETS = 7, 4, 5
STEP: Final = 1e-5


def loss_in_words(states: np.ndarray, items: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    """As the formula is written, in float64."""
    logits = states @ items.T
    p = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))[np.arange(len(targets)), targets]
    return float(np.sum(np.where(weights > 0, -weights * np.log(p), weights * np.log1p(-p))))


def loss(states: jax.Array, items: jax.Array, targets: jax.Array, weights: jax.Array) -> jax.Array:
    return not_to_recommend(log_odds(states, items, targets), weights)


def drawn(seed: int, spread: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    states, items = rng.normal(0, spread, (TARGETS, WIDTH)), rng.normal(0, spread, (ITEMS, WIDTH))
    return states, items, rng.integers(0, ITEMS, TARGETS), rng.normal(0, 1, TARGETS)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 2.0]))
def test_the_loss_is_the_formula(seed: int, spread: float) -> None:
    arguments = drawn(seed, spread)
    assert float(loss(*map(jnp.asarray, arguments))) == pytest.approx(loss_in_words(*arguments), rel=1e-3, abs=1e-4)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 2.0]))
def test_gradients_are_those_of_finite_differences(seed: int, spread: float) -> None:
    states, items, targets, weights = drawn(seed, spread)
    by_states, by_items = jax.grad(loss, argnums=(0, 1))(*map(jnp.asarray, (states, items, targets, weights)))

    def slope(of: np.ndarray, at: tuple[int, ...]) -> float:
        kept = of[at]
        of[at] = kept + STEP
        above = loss_in_words(states, items, targets, weights)
        of[at] = kept - STEP
        below = loss_in_words(states, items, targets, weights)
        of[at] = kept
        return (above - below) / (2 * STEP)

    for of, gradient in ((states, by_states), (items, by_items)):
        found = np.array([slope(of, at) for at in np.ndindex(*of.shape)]).reshape(of.shape)
        np.testing.assert_allclose(np.asarray(gradient), found, rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize("odds", [-200.0, -20.0, 20.0, 200.0])
@pytest.mark.parametrize("weight", [1.5, -1.5])
def test_value_and_gradient_are_finite_and_bounded_however_sure_the_model_is(odds: float, weight: float) -> None:
    value, slope = jax.value_and_grad(lambda d: not_to_recommend(d, jnp.array([weight])))(jnp.array([odds]))
    assert 0 <= float(value) <= 1.5 * 201
    assert abs(float(slope[0])) <= 1.5
    if (odds > 0) == (weight < 0):  # wrong, and sure of it: pushed with all its weight
        assert float(slope[0]) == pytest.approx(-weight, rel=1e-3)


def test_a_refused_item_s_probability_falls_and_no_one_s_loss_goes_below_zero() -> None:
    states, items, targets, _ = map(jnp.asarray, drawn(3, 1.0))
    weights = -jnp.ones(TARGETS)
    before = log_odds(states, items, targets)
    for _ in range(200):
        states = states - 0.1 * jax.grad(loss)(states, items, targets, weights)
    assert bool(jnp.all(log_odds(states, items, targets) < before))
    assert float(loss(states, items, targets, weights)) >= 0


def test_targets_of_weight_zero_do_not_matter() -> None:
    states, items, targets, weights = map(jnp.asarray, drawn(4, 1.0))
    silent = weights.at[2].set(0.0)
    there = jnp.array([0, 1, 3, 4])
    assert float(loss(states, items, targets, silent)) == pytest.approx(
        float(loss(states[there], items, targets[there], weights[there])), rel=1e-5
    )


def test_the_sampled_softmax_with_logq_is_the_full_one_in_the_mean() -> None:
    rng = np.random.default_rng(0)
    states, items, targets, _ = (jnp.asarray(each, dtype=jnp.float32) for each in drawn(5, 0.7))
    targets = targets.astype(int)
    q = np.array([0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05])
    draws, size = 400, 64
    sums = np.zeros(TARGETS)
    for _ in range(draws):
        sampled = rng.choice(ITEMS, size, p=q)
        log_expected = jnp.log(size * q[sampled])
        odds = sampled_log_odds(states, items[targets], items[sampled], targets, jnp.asarray(sampled), log_expected)
        own = jnp.sum(states * items[targets], axis=1)
        sums += np.exp(np.asarray(own - odds))  # the estimate of the sum over all others
    own = jnp.sum(states * items[targets], axis=1)
    expected = np.exp(np.asarray(own - log_odds(states, items, targets)))
    np.testing.assert_allclose(sums / draws, expected, rtol=0.05)


def test_without_the_correction_the_sampled_softmax_would_be_another() -> None:
    states, items, targets, _ = (jnp.asarray(each, dtype=jnp.float32) for each in drawn(5, 0.7))
    targets, everything = targets.astype(int), jnp.arange(ITEMS)
    own, once = items[targets], jnp.zeros(ITEMS)
    exact = sampled_log_odds(states, own, items, targets, everything, once)
    np.testing.assert_allclose(exact, log_odds(states, items, targets), rtol=1e-4, atol=1e-4)
    skewed = sampled_log_odds(states, own, items, targets, everything, once.at[0].set(2.0))
    assert not np.allclose(skewed, exact, atol=1e-2)


def test_the_contrast_draws_each_kind_of_target_to_its_own_state() -> None:
    by_wanted, by_refused = jax.grad(contrast, argnums=(0, 1))(jnp.zeros(2), jnp.zeros(2), jnp.array([1.0, -1.0]))
    assert [float(each) for each in by_wanted] == [-0.5, 0.5]
    assert [float(each) for each in by_refused] == [0.5, -0.5]


@pytest.mark.parametrize("others", [1, 5])
def test_a_refusal_is_of_p_against_so_many_others_in_the_mean(others: int) -> None:
    logits = np.array([0.3, -1.0, 2.0, 0.5, -0.2, 1.1, 0.0])
    p = np.exp(logits[2]) / (np.exp(logits[2]) + others * np.exp(np.delete(logits, 2)).mean())
    odds = logits[2] - logsumexp(np.delete(logits, 2))
    found = not_to_recommend(jnp.array([odds]), jnp.array([-1.5]), against(others, len(logits)))
    assert float(found) == pytest.approx(-1.5 * np.log(1 - p), rel=1e-5)


def test_a_refusal_teaches_as_much_in_a_large_catalogue_as_in_a_small_one() -> None:
    def slope(items: int, others: int) -> float:
        odds = -np.log(items - 1)  # of an item as likely as every other
        return float(jax.grad(lambda d: not_to_recommend(d, jnp.array([-1.0]), against(others, items)))(odds))

    assert slope(10, 1) == pytest.approx(slope(10_000, 1), rel=1e-4) == pytest.approx(0.5, rel=1e-4)
    assert slope(10_000, 0) == pytest.approx(1e-4, rel=1e-3)

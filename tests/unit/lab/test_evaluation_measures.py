"""Measures and intervals of the evaluation, on examples worked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from random import Random
from statistics import fmean

import pytest

from lab.evaluation.bootstrap import NOTHING, Estimate, Figure, Share, figures_of
from lab.evaluation.measures import auc, average_precision
from lab.evaluation.serving_effect import Effect, effect
from lab.worlds import Leanings
from streamer.city.catalogue import Item


def test_average_precision_of_a_ranking_without_ties() -> None:
    # ranks of the relevant: 2, 3, 5 -> (1/2 + 2/3 + 3/5) / 3
    found = average_precision([9, 8, 7, 6, 5], [False, True, True, False, True])
    assert found == pytest.approx((1 / 2 + 2 / 3 + 3 / 5) / 3)
    assert average_precision([1, 2], [False, False]) is None


def test_tied_scores_get_the_mean_over_all_their_orders() -> None:
    scores, relevant = [2.0, 1.0, 1.0, 1.0, 1.0, 0.0], [False, True, False, True, False, True]
    orders = []
    for order in permutations(range(1, 5)):
        place = {0: 9.0, 5: -9.0, **{key: -float(rank) for rank, key in enumerate(order)}}
        orders.append(average_precision([place[n] for n in range(6)], relevant))
    assert average_precision(scores, relevant) == pytest.approx(fmean(o for o in orders if o is not None))


def test_a_perfect_ranking_gets_one_and_a_random_one_gets_what_all_ties_get() -> None:
    rng = Random(1)
    relevant = [n < 12 for n in range(300)]
    chance = average_precision([0.0] * 300, relevant)
    random = [average_precision([rng.random() for _ in relevant], relevant) for _ in range(400)]
    assert average_precision([float(each) for each in relevant], relevant) == 1
    assert chance == pytest.approx(fmean(each for each in random if each is not None), rel=0.05)


def test_auc_counts_pairs_and_halves_of_ties() -> None:
    # pairs (above, below): 3>2 3>1 1<2 1=1 -> 2 + 1/2 of 4
    assert auc([3, 1], [2, 1]) == 2.5 / 4
    assert (auc([5], [1, 2]), auc([1], [5]), auc([], [1])) == (1, 0, None)


def figure_of(shares: Sequence[Share], seed: int = 1, resamples: int = 500) -> Figure:
    (found,) = figures_of([shares], resamples, seed)
    assert found is not None
    return found


def test_a_figure_is_the_ratio_of_sums_and_users_with_nothing_to_add_do_not_count() -> None:
    estimate = figure_of([Share(1, 2), NOTHING, Share(3, 4)]).estimate()
    assert (estimate.value, estimate.users, estimate.of) == (4 / 6, 2, 6)
    assert estimate.low >= 0.5
    assert estimate.high <= 0.75


def test_there_is_no_figure_of_those_who_have_nothing_to_add() -> None:
    assert figures_of([[NOTHING, NOTHING], [NOTHING, Share(1, 2)]], 100, seed=1)[0] is None
    assert figures_of([[], []], 100, seed=1) == [None, None]
    assert figures_of([], 100, seed=1) == []


def test_one_user_has_a_figure_of_no_width() -> None:
    assert figure_of([Share(1, 4)]).estimate() == Estimate(0.25, 0.25, 0.25, users=1, of=4)


def test_intervals_are_those_of_the_mean_of_a_normal_sample() -> None:
    rng = Random(2)
    sample = [rng.gauss(10, 2) for _ in range(400)]
    estimate = figure_of([Share(each, 1) for each in sample]).estimate()
    assert estimate.value == pytest.approx(fmean(sample))
    # standard error 2/sqrt(400) = .1: the interval is 1.96 of it on either side
    assert estimate.value - estimate.low == pytest.approx(0.196, abs=0.05)
    assert estimate.high - estimate.value == pytest.approx(0.196, abs=0.05)


def test_intervals_of_a_ratio_are_those_of_users_not_of_what_they_add() -> None:
    # 100 users, each with 50 entries that are all right or all wrong: as wide as that of 100 coins
    estimate = figure_of([Share(50 * (n % 2), 50) for n in range(100)]).estimate()
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * 0.05, abs=0.04)


def test_differences_are_taken_user_by_user() -> None:
    rng = Random(3)
    left = [Share(rng.gauss(0, 5), 1) for _ in range(100)]
    right = [Share(each.amount - 1, 1) for each in left]
    a, b = figures_of([left, right], 200, seed=1)
    assert a is not None
    assert b is not None
    difference = a.less(b)
    assert difference.value == pytest.approx(1)
    assert difference.low == pytest.approx(1)  # each user is better by exactly 1, however much users differ
    assert difference.high == pytest.approx(1)


def test_resamples_made_in_batches_are_those_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [Share(n % 3, 2) for n in range(50)]
    at_once = figure_of(shares).estimate()
    monkeypatch.setattr("lab.evaluation.bootstrap._AT_ONCE", 1000)
    assert figure_of(shares).estimate() == at_once


def test_the_bootstrap_is_deterministic_by_seed() -> None:
    shares = [Share(n % 3, 2) for n in range(50)]
    assert figure_of(shares, seed=1).estimate() == figure_of(shares, seed=1).estimate()
    assert figure_of(shares, seed=1).estimate() != figure_of(shares, seed=2).estimate()


def test_the_effect_of_serving_counts_what_goes_and_what_comes() -> None:
    truth = Leanings(
        tags={"bad": 0.2, "good": 2.0, "plain": 1.0}, creators={"c": 1.0}, disappointing=frozenset(), cap_s=None
    )
    items = [Item(f"i{n}", "c", (tag,), "video", 60.0) for n, tag in enumerate(("bad", "bad", "good", "plain"))]
    relevance = [0.9, 0.8, 0.7, 0.1]
    # without: i0 i1 (both bad). With bad at x.3: .27 .24 .7 .1 -> i2 i0
    assert effect(items, relevance, [0.3, 0.3, 1, 1], truth, slate=2) == Effect(2, 1, 0, 1)
    # excluded ones are not served, even where nothing else is left
    assert effect(items, relevance, [0, 0, 0, 1], truth, slate=2) == Effect(2, 0, 0, 0)

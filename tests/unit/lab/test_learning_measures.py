"""What ten items are worth to a user, in examples whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Set
from math import log2

import numpy as np
import pytest

from lab.evaluation.bootstrap import NOTHING, Share
from lab.learning.lives import Case, Truth, catalogue_of
from lab.learning.measures import K, compared, judge, keys_of, top
from streamer.serving.candidate import Candidate

ITEMS = catalogue_of(
    [Candidate("a", "ann", ("x",)), Candidate("b", "ann", ("x", "y")), Candidate("c"), Candidate("d", None, ("x",))]
)
A, B, C, D = range(1, 5)


NONE: frozenset[int] = frozenset()


def case(
    wanted: Set[int], refused: Set[int], before: Set[int] = NONE, truth: Truth | None = None, disliked: Set[int] = NONE
) -> Case:
    sets = map(frozenset, (NONE, before, wanted, refused, disliked))
    return Case("u", [], *sets, np.ones(5, np.float32), truth)


def test_the_best_come_first_and_none_that_was_met_or_has_no_relevance() -> None:
    relevance = np.array([9, 0.2, 0.5, 0, 0.2], np.float32)
    assert top(relevance, frozenset()) == [B, A, D]
    assert top(relevance, frozenset([B])) == [A, D]
    assert len(top(np.ones(50, np.float32), frozenset(range(20)))) == K


def test_a_ranking_is_worth_what_was_wanted_later_by_its_place() -> None:
    found = judge(case({B, D}, {A}), [A, B, C], keys_of(ITEMS))
    assert found["ndcg"] == Share(pytest.approx((1 / log2(3)) / (1 + 1 / log2(3))), 1)
    assert (found["recall"], found["refused"]) == (Share(0.5, 1), Share(0.1, 1))
    assert judge(case({A}, set()), [A], keys_of(ITEMS))["ndcg"] == Share(pytest.approx(1.0), 1)


def test_users_of_whom_there_is_nothing_to_tell_do_not_count() -> None:
    found = judge(case(set(), set()), [A], keys_of(ITEMS))
    assert all(found[name] == NOTHING for name in ("ndcg", "recall", "refused", "unwanted", "liked", "diversity"))


def test_what_is_really_unwanted_and_liked_is_a_share_of_the_ten() -> None:
    truth = Truth(np.array([False, True, True, False, False]), np.array([False, False, False, True, False]))
    found = judge(case(set(), set(), truth=truth), [A, B, C], keys_of(ITEMS))
    assert (found["unwanted"], found["liked"]) == (Share(0.2, 1), Share(0.1, 1))


def test_diversity_is_one_less_the_mean_similarity_of_pairs() -> None:
    keys = keys_of(ITEMS)
    assert judge(case(set(), set()), [A, B], keys)["diversity"].amount == pytest.approx(1 - 2 / 3)
    assert judge(case(set(), set()), [A, B, C], keys)["diversity"].amount == pytest.approx(1 - 2 / 9)


def test_probabilities_are_compared_by_their_means_over_users() -> None:
    own, first = (np.array([0, *p], np.float32) for p in ((0.1, 0.1, 0.4, 0.4), (0.2, 0.4, 0.2, 0.2)))
    found = compared(case({C}, {A, B}, before={A}, disliked={B}), own, first, Share(0.5, 1), Share(0.25, 1))
    assert found["ratio.refused"] == Share(pytest.approx(0.1), pytest.approx(0.3))
    assert found["ratio.disliked"] == Share(pytest.approx(0.1), pytest.approx(0.4))
    assert found["ratio.before"] == Share(pytest.approx(0.1), pytest.approx(0.2))
    assert found["ratio.wanted"] == Share(pytest.approx(0.4), pytest.approx(0.2))
    assert found["log.refused"] == Share(pytest.approx((np.log(0.5) + np.log(0.25)) / 2), 1)
    assert found["ratio.ndcg"] == Share(0.5, 0.25)
    assert compared(case({C}, set()), own, first, NOTHING, NOTHING)["ratio.refused"] == NOTHING

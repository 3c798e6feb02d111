"""The bounds that spare a key its score spare no key that has an entry (all of it: the oracle's property tests)."""

from __future__ import annotations

import pytest

from streamer.profile.rollup.bounds import Bounds, raises
from streamer.scoring.counts import CREATOR, TAG
from streamer.scoring.entries import LISTED_EXPECTED
from streamer.scoring.priors import DEFAULT, Priors
from streamer.scoring.score import KEPT, STRONG, log_odds

DECAY = 0.25
USUAL = Bounds(DECAY, DEFAULT)
SUSPICIOUS = Bounds(DECAY, Priors(tags={"gore": 0.2, "liked": 0.01}))


@pytest.mark.parametrize("bounds", [USUAL, SUSPICIOUS, Bounds(DECAY, Priors(prior=0.3))])
@pytest.mark.parametrize("kind", [TAG, CREATOR])
def test_below_what_is_asked_of_an_unblamed_key_none_is_listable(bounds: Bounds, kind: str) -> None:
    least = bounds.unblamed[kind]
    assert not any(bounds.listable(kind, value, least - 1e-6, 0.0) for value in ("gore", "liked", "other") if least)


def test_what_a_listed_key_must_have_expected_of_it_makes_it_listable_less_does_not() -> None:
    enough = LISTED_EXPECTED[TAG]
    assert USUAL.listable(TAG, "x", enough, 0.0)
    assert not USUAL.listable(TAG, "x", enough - 0.01, 0.0)


def test_an_old_one_and_done_creator_needs_three_expected_less_what_decays_in_a_window() -> None:
    assert USUAL.listable(CREATOR, "k", 3 * DECAY, 0.0)
    assert not USUAL.listable(CREATOR, "k", 3 * DECAY - 0.01, 0.0)


def test_a_suspect_needs_less_to_stand_out_in_a_context_and_so_to_be_looked_at() -> None:
    #  E at which L of a tag that a fifth of people dislike may reach -1.5 at all, by its steepest slope: none
    assert SUSPICIOUS.listable(TAG, "gore", 0.1, 0.0)
    assert not SUSPICIOUS.listable(TAG, "liked", 0.1, 0.0)
    assert SUSPICIOUS.stands_out("gore", raises(2.0), raises(2.0))
    assert not USUAL.stands_out("gore", raises(2.0), raises(2.0))


@pytest.mark.parametrize("expected", [0.0, 0.5, 2.0, 8.0])
@pytest.mark.parametrize("blamed", [0.0, 1.0, 3.0])
def test_evidence_raises_log_odds_by_no_more_than_is_said(expected: float, blamed: float) -> None:
    nothing = log_odds(0.0, 0.0, 0.0, DEFAULT.prior)
    assert log_odds(0.0, expected, blamed, DEFAULT.prior) <= nothing + raises(expected, blamed) + 1e-9
    if log_odds(0.0, expected, blamed, DEFAULT.prior) >= max(STRONG, KEPT):
        assert USUAL.stands_out("x", raises(expected, blamed), raises(expected, blamed))

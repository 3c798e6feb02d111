"""Score and expiry of a key: every worked number of spec §6 and §7."""

from __future__ import annotations

import math

import pytest

from lab.oracle.counts import log_odds as oracle_log_odds
from streamer.scoring.score import ALPHA_CREATOR, ALPHA_TAG, Expiry, log_odds, rate_ratio, sigmoid

PRIOR = 0.04
TABLE = [
    (0, 2, 0, -1.6707),
    (0, 3, 0, -0.9721),
    (0, 5, 0, 0.3481),
    (0, 8, 0, 2.1384),
    (0, 12, 0, 4.1097),
    (1.5, 8, 0, -0.2741),
    (3, 12, 0, -0.1361),
    (0, 1, 2, -0.3990),
    (0, 0, 2, -1.1781),
    (0, 3, -1.5, -2.4721),
    (1.5, 6, 2, 0.6153),
]


@pytest.mark.parametrize(("o", "e", "ld", "odds"), TABLE)
def test_log_odds_of_the_worked_examples(o: float, e: float, ld: float, odds: float) -> None:
    assert log_odds(o, e, ld, PRIOR) == pytest.approx(odds, abs=5e-5)


@pytest.mark.parametrize(("o", "e", "ld"), [(0, 0, 0), (2, 5, 1), (7.5, 3, 0), (0.5, 40, -2)])
def test_log_odds_are_bayes_rule_over_three_gamma_poisson_hypotheses(o: float, e: float, ld: float) -> None:
    def evidence(a: float, b: float) -> float:
        return math.gamma(a + o) / math.gamma(a) * b**a / (b + e) ** (a + o)

    odds = PRIOR / (1 - PRIOR) * evidence(2, 8) / (0.92 * evidence(20, 20) + 0.08 * evidence(4, 2)) * math.exp(ld)
    assert log_odds(o, e, ld, PRIOR) == pytest.approx(math.log(odds), abs=1e-9)


@pytest.mark.parametrize(("ld", "counted"), [(2, 2), (4, 2.804719), (8, 3.282475), (20, 3.805459), (-9, -3.354025)])
def test_what_is_said_again_and_again_counts_for_less_and_less(ld: float, counted: float) -> None:
    assert log_odds(1, 2, ld, PRIOR) - log_odds(1, 2, 0, PRIOR) == pytest.approx(counted, abs=1e-6)
    assert oracle_log_odds(1, 2, ld, PRIOR) == pytest.approx(log_odds(1, 2, ld, PRIOR), abs=1e-9)


def test_log_odds_are_finite_far_out() -> None:
    for o, e, ld in [(0, 1e6, 0), (1e6, 0, 0), (1e6, 1e6, 0), (0, 0, 1e6), (0, 0, -1e6)]:
        assert math.isfinite(log_odds(o, e, ld, PRIOR))


@pytest.mark.parametrize(("e", "days"), [(3, 38), (5, 105), (8, 166), (12, 218)])
def test_days_left_of_the_worked_examples_and_at_most_the_window(e: float, days: int) -> None:
    assert Expiry(90, 3650).days_left(0, e, 0, PRIOR) == days
    assert Expiry(90, 180).days_left(0, e, 0, PRIOR) == min(days, 180)
    assert Expiry(90, 30).days_left(0, e, 0, PRIOR) == 30


@pytest.mark.parametrize(("o", "e", "ld"), [(0, 3, 0), (1.5, 8, 0), (0, 1, 2), (1.5, 6, 2), (20, 90, 0), (0, 0, 9)])
def test_evidence_expires_on_the_first_day_below_the_lower_cut(o: float, e: float, ld: float) -> None:
    days = Expiry(90, 3650).days_left(o, e, ld, PRIOR)

    def after(day: int) -> float:
        s = 2 ** (-day / 90)
        return log_odds(o * s, e * s, ld * s, PRIOR)

    assert after(days) < -1.5
    assert all(after(day) >= -1.5 for day in range(1, days))


def test_what_is_already_below_the_cut_has_a_day_left() -> None:
    assert Expiry(90, 180).days_left(0, 0, 0, PRIOR) == 1


def test_rate_ratio_leans_on_its_prior() -> None:
    assert rate_ratio(0, 0, ALPHA_TAG) == 1
    assert rate_ratio(0, 5, ALPHA_TAG) == pytest.approx(0.2857, abs=5e-5)  # the document's example
    assert rate_ratio(1, 4, ALPHA_CREATOR) == 5 / 8


def test_sigmoid_undoes_log_odds() -> None:
    assert sigmoid(log_odds(0, 0, 0, PRIOR)) == pytest.approx(PRIOR)
    assert sigmoid(-800) == 0
    assert sigmoid(800) == 1

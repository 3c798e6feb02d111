"""The feedback matrix: every worked number of spec §4, from events to one weight."""

from __future__ import annotations

from typing import Any

import pytest

from streamer.events import Event
from streamer.settings import Settings
from streamer.signals import explicit
from streamer.signals.abandonment import Abandonment
from streamer.signals.feedback import (
    WEIGHTS,
    Present,
    TrainingWeights,
    centred,
    preference,
    present,
    purchase_weight,
    unified_weight,
    weights,
)
from streamer.signals.outcome import OutcomeReader
from tests.steps import MINUTE, NOON, disliked, gave, met, played, shown

SETTINGS = Settings()
TRAINING = TrainingWeights(SETTINGS)


def seen_in(*events: Event, ratings: tuple[int, int] | None = None) -> Present:
    """What is present in a closed session with these events of one item."""
    item, said = met("c", *events)
    known = ratings or (int(said.rating is not None), said.rating or 0)
    outcome = OutcomeReader(Abandonment(SETTINGS)).read(item, said, True, True, *known)
    return present(item, outcome, said, *known)


def weight(*events: Event, **more: Any) -> float:
    return unified_weight(seen_in(*events, **more))


def test_impression_click_full_watch_rewatch_and_like_weigh_2_61() -> None:
    assert weight(
        shown(NOON, "c"),
        gave(NOON, "c", "click"),
        played(NOON, "c", played_s=100, duration_s=100, playback_id="1"),
        played(NOON + 2 * MINUTE, "c", played_s=80, duration_s=100, playback_id="2"),
        gave(NOON, "c", "like"),
    ) == pytest.approx(2.61, abs=1e-9)


def test_impression_click_half_watch_and_dislike_weigh_minus_1_09() -> None:
    assert weight(
        shown(NOON, "c"),
        gave(NOON, "c", "click"),
        played(NOON, "c", played_s=50, duration_s=100),
        disliked(NOON, "c"),
    ) == pytest.approx(-1.09, abs=1e-9)


@pytest.mark.parametrize(
    ("played_s", "expected"), [(49.9, 0.0), (50, 0.30), (79.9, 0.30), (80, 0.60), (100, 0.60), (400, 0.60)]
)
def test_of_the_watch_weights_the_higher_counts_alone(played_s: float, expected: float) -> None:
    assert weight(played(NOON, "c", played_s=played_s, duration_s=100)) == expected


@pytest.mark.parametrize("kind", ["like", "love", "save", "share", "follow", "comment"])
def test_positive_feedback_weighs_once_however_often_it_is_given_and_nothing_once_undone(kind: str) -> None:
    creator = {"creator_id": "a"}
    once = [gave(NOON, "c", kind, **creator)]
    assert weight(*once, *once, gave(NOON + 5, "c", kind, **creator)) == WEIGHTS[kind]
    assert weight(*once, gave(NOON, "c", "undo", of=kind, **creator)) == 0


def test_what_was_not_really_seen_weighs_nothing() -> None:
    assert seen_in(shown(NOON, "c", visible_ms=1999)) == Present()
    assert weight(shown(NOON, "c")) == -0.01  # seen, .01, and ignored, −.02


# --- purchases and returns --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feedback", "expected"),
    [
        ([("purchase", 1, "o")], {"purchase": 1.0}),
        ([("purchase", 1, "o"), ("purchase", 1, "o")], {"purchase": 1.0}),  # told twice
        ([("purchase", 1, "o"), ("purchase", 2, "p")], {"purchase": 2.0}),  # bought twice
        ([("purchase", 1, "o"), ("return", 2, "o")], {"return": -1.0}),  # its weight is taken out
        ([("purchase", 1, "o"), ("purchase", 2, "p"), ("return", 3, "p")], {"purchase": 1.0, "return": -1.0}),
        ([("purchase", 1, "o"), ("purchase", 2, "p"), ("return", 3, None)], {"return": -1.0}),
        ([("purchase", 1, "o"), ("return", 2, "o"), ("purchase", 3, "p")], {"purchase": 1.0, "return": -1.0}),
        ([("return", 2, "o")], {"return": -1.0}),
    ],
)
def test_a_return_takes_the_weight_of_its_purchase_out(
    feedback: list[tuple[str, int, str | None]], expected: dict[str, float]
) -> None:
    assert weights(seen_in(*(gave(NOON + ms, "c", kind, order_id=order) for kind, ms, order in feedback))) == expected


def test_an_undone_return_gives_the_purchase_back() -> None:
    bought = [gave(NOON, "c", "purchase", order_id="o"), gave(NOON + 1, "c", "return", order_id="o")]
    assert weights(seen_in(*bought, gave(NOON + 2, "c", "undo", of="return"))) == {"purchase": 1.0}


def test_a_purchase_fades_with_a_half_life_of_ninety_days_and_counts_double_when_repeated() -> None:
    assert [purchase_weight(days, False) for days in (0, 45, 90, 180)] == pytest.approx([1, 0.5**0.5, 0.5, 0.25])
    assert purchase_weight(90, True) == 1.0
    assert unified_weight(Present(purchases=3, purchased_days=90)) == 1.0


# --- ratings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "expected"), [(5, 0.9), (4, 0.65), (3, 0.0), (2, -0.6), (1, -1.2)])
def test_the_first_two_ratings_weigh_by_the_table(value: int, expected: float) -> None:
    assert weight(gave(NOON, "c", "rating", value=value), ratings=(2, 5 + value)) == expected
    assert WEIGHTS[f"rating_{value}"] == expected


def test_of_5_4_1_the_4_is_two_thirds_above_the_users_mean() -> None:
    assert centred([5, 4, 1]) == pytest.approx([5 / 3, 2 / 3, -7 / 3])
    assert round(centred([5, 4, 1])[1], 2) == 0.67
    assert weight(gave(NOON, "c", "rating", value=4), ratings=(3, 10)) == pytest.approx(0.45 * 2 / 3)
    assert centred([5, 4]) == [2, 1]


def test_a_three_from_someone_who_gives_fives_is_a_complaint() -> None:
    assert weight(gave(NOON, "c", "rating", value=3), ratings=(10, 48)) == pytest.approx(0.45 * -1.8)
    assert weight(gave(NOON, "c", "rating", value=1), ratings=(10, 46)) == -1.2


# --- sums and training weights -----------------------------------------------------------------------------------


def test_a_dislike_outweighs_three_likes() -> None:
    assert [preference(*sums) for sums in ((1, 0), (0, 1), (3, 1), (2, 1))] == [1, -3, 0, -1]


def test_confidence_grows_with_the_size_of_the_weight_whatever_its_sign() -> None:
    assert [TRAINING.confidence(w) for w in (0, 0.7, -1.5)] == pytest.approx([1, 29, 61])
    assert TrainingWeights(Settings(hkv_alpha=0)).confidence(2.0) == 1


def test_a_click_at_propensity_one_in_twenty_counts_twenty_times_and_none_counts_more() -> None:
    assert [TRAINING.ips(p) for p in (1.0, 0.5, 0.05, 0.01, 0.0)] == [1, 2, 20, 20, 20]
    assert TrainingWeights(Settings(ips_clip=5)).ips(0.1) == 5


def test_the_matrix_says_nothing_twice() -> None:
    assert set(explicit.WEIGHTS.items()) <= set(WEIGHTS.items())
    assert len(WEIGHTS) == 5 + len(explicit.WEIGHTS) + 5

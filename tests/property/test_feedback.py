"""Properties of the feedback matrix: order and repeats do not matter, weights are bounded and monotone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import Event, Feedback
from streamer.profile import Rules
from streamer.profile.session import Session
from streamer.settings import Settings
from streamer.signals import explicit
from streamer.signals.abandonment import Abandonment
from streamer.signals.feedback import (
    WEIGHTS,
    Present,
    TrainingWeights,
    centred,
    present,
    purchase_weight,
    unified_weight,
    weights,
)
from streamer.signals.interaction import NOTHING_SAID
from streamer.signals.outcome import OutcomeReader
from tests.property.worlds import events

SETTINGS = Settings()
TRAINING = TrainingWeights(SETTINGS)
KINDS = ("like", "love", "save", "share", "follow", "comment")
MOST = sum((0.01, 0.10, 0.60, 1.20, 0.9, 2.0)) + sum(WEIGHTS[kind] for kind in KINDS)
LEAST = -1.2 - 1.5 - 1.0 - 0.40 - 0.02

of_one_item = events(days=1).map(
    lambda event: msgspec.structs.replace(event, content_id="c") if event.content_id is not None else event
)
fractions = st.floats(0, 1)


@st.composite
def anything_present(draw: st.DrawFn) -> Present:
    value = draw(st.sampled_from([None, 1, 2, 3, 4, 5]))
    others = draw(st.lists(st.integers(1, 5), max_size=5))
    rating = None if value is None else explicit.rating_weight(value, len(others) + 1, sum(others) + value)
    return Present(
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.one_of(st.none(), fractions)),
        draw(st.booleans()),
        tuple(draw(st.lists(st.sampled_from(KINDS), max_size=8))),
        rating,
        draw(st.integers(0, 3)),
        draw(st.floats(0, 1000)),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
    )


def of(events: list[Event]) -> Present:
    rules, session = Rules(SETTINGS), Session.opened_by(events[0], 0)
    for event in events:
        session.add(event, rules)
    item, said = session.interactions.get("c"), session.feedback().get("c", NOTHING_SAID)
    if item is None:
        return Present()
    return present(item, OutcomeReader(Abandonment(SETTINGS)).read(item, said, True, True, 1, 3), said, 1, 3)


@settings(deadline=None)
@given(st.lists(of_one_item, min_size=1, max_size=8), st.data())
def test_order_and_repeats_of_events_do_not_change_a_weight(told: list[Event], data: st.DataObject) -> None:
    again = told + data.draw(st.lists(st.sampled_from(told), max_size=4))
    shuffled = data.draw(st.permutations(again))
    assert unified_weight(of(shuffled)) == unified_weight(of(told))


@given(anything_present())
def test_weights_are_bounded_and_the_sum_of_what_is_present(what: Present) -> None:
    assert LEAST <= unified_weight(what) <= MOST
    assert unified_weight(what) == pytest.approx(sum(weights(what).values()), abs=1e-8)


@dataclass
class More:
    """One more thing present, and which way the weight must go then."""

    change: dict[str, Any]
    sign: int


MORE = st.sampled_from(
    [
        More({"exposed": True}, 1),
        More({"clicked": True}, 1),
        More({"completion": 1.0}, 1),
        More({"rewatched": True}, 1),
        More({"stated": KINDS}, 1),
        More({"disliked": True}, -1),
        More({"returned": True}, -1),
        More({"abandoned": True}, -1),
        More({"ignored": True}, -1),
        More({"purchases": 0}, -1),
    ]
)


@given(anything_present(), MORE)
def test_more_praise_never_lowers_a_weight_and_more_blame_never_raises_it(what: Present, more: More) -> None:
    changed = msgspec.structs.replace(what, **more.change)
    assert more.sign * (unified_weight(changed) - unified_weight(what)) >= 0


@given(st.lists(of_one_item, min_size=1, max_size=6), st.sampled_from(["o", None]))
def test_a_return_of_everything_leaves_no_purchase_and_costs_one(told: list[Event], order: str | None) -> None:
    last = max(event.ts for event in told)
    bought = Feedback(user_id="u", ts=last + 1, content_id="c", kind="purchase", order_id=order)
    back = Feedback(user_id="u", ts=last + 2, content_id="c", kind="return")
    after = weights(of([*told, bought, back]))
    assert after["return"] == -1.0
    assert "purchase" not in after


@given(st.integers(1, 5), st.lists(st.integers(1, 5), max_size=30))
def test_a_better_rating_never_weighs_less_and_stays_within_the_clip(value: int, others: list[int]) -> None:
    found = [explicit.rating_weight(v, len(others) + 1, sum(others) + v) for v in (value, min(value + 1, 5))]
    assert -1.2 <= found[0] <= found[1] <= 0.9


@given(st.lists(st.integers(1, 5), min_size=3, max_size=30), st.data())
def test_centred_ratings_sum_to_nothing_in_any_order(ratings: list[int], data: st.DataObject) -> None:
    assert sum(centred(ratings)) == pytest.approx(0, abs=1e-9)
    shuffled = data.draw(st.permutations(ratings))
    assert sorted(centred(shuffled)) == sorted(centred(ratings))


@given(st.floats(0, 5000), st.floats(0, 5000), st.booleans())
def test_an_older_purchase_never_weighs_more(days: float, more: float, repeated: bool) -> None:
    assert 0 <= purchase_weight(days + more, repeated) <= purchase_weight(days, repeated) <= 2
    assert purchase_weight(days, True) == 2 * purchase_weight(days, False)


@given(fractions, fractions, st.floats(-10, 10))
def test_training_weights_are_bounded_and_monotone(a: float, b: float, weight: float) -> None:
    low, high = sorted((a, b))
    assert SETTINGS.ips_clip >= TRAINING.ips(low) >= TRAINING.ips(high) >= 1
    assert TRAINING.confidence(weight) == TRAINING.confidence(-weight) >= 1

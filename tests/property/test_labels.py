"""Labels: arrival, repeats and restarts do not change what they say (I1), and the oracle says the same (I2)."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.oracle.labels import label_weights
from lab.oracle.sessions import Ratings, sessions_of
from streamer.events import Event, Impression
from streamer.profile import Label, Profile, Rules
from streamer.settings import Settings
from tests.property.driving import Saved, reloaded
from tests.property.worlds import SMALL, events

WITH_LABELS = SMALL.model_copy(update={"labels": True})
TABLED = Settings(labels=True, attention_table=(0.3, 0.9, 0.9, 0.2))
SEALING_MS = 5_400_001


def labels(arrived: list[Event], world: Settings, restarts: list[bool] | None = None) -> list[Label]:
    profile, saved = Profile("u", Rules(world)), Saved()
    for number, event in enumerate(arrived):
        profile.apply(event, -1)
        if restarts is not None and restarts[number % len(restarts)]:
            profile = reloaded(profile, saved)
    profile.advance(max(event.ts for event in arrived) + SEALING_MS)
    return profile.take_labels()


@pytest.mark.parametrize("world", [WITH_LABELS, TABLED], ids=["power law", "table"])
@settings(deadline=None, max_examples=60)
@given(arrived=st.lists(events(), min_size=1, max_size=20), data=st.data())
def test_i1_labels_do_not_depend_on_order_repeats_or_restarts(
    world: Settings, arrived: list[Event], data: st.DataObject
) -> None:
    repeated = arrived + data.draw(st.lists(st.sampled_from(arrived), max_size=5), label="repeats")
    shuffled = data.draw(st.permutations(repeated), label="arrivals")
    restarts = data.draw(st.lists(st.booleans(), min_size=1, max_size=5), label="restarts")
    assert labels(shuffled, world, restarts) == labels(sorted(arrived, key=lambda event: event.ts), world)


@settings(deadline=None, max_examples=150)
@given(st.lists(events(), min_size=1, max_size=20))
def test_i2_an_examples_weight_is_the_oracles(arrived: list[Event]) -> None:
    found: dict[tuple[str | None, int], dict[str, float]] = {}
    for label in labels(sorted(arrived, key=lambda event: event.ts), WITH_LABELS):
        of_session = found.setdefault((label.session_id, label.start), {})
        of_session |= {example.content_id: example.weight for example in label.examples}
    expected, ratings = {}, Ratings()
    for session in sessions_of(dict.fromkeys(arrived), WITH_LABELS):
        weights = label_weights(session, ratings, WITH_LABELS)
        ratings = ratings.plus(session.ratings)
        if weights:
            expected[session.session_id, session.start] = pytest.approx(weights, abs=1e-4)
    assert found == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(events(), min_size=1, max_size=20))
def test_what_is_in_a_label_holds_together(arrived: list[Event]) -> None:
    shown = {event.content_id for event in arrived if isinstance(event, Impression)}
    named = set()
    for label in labels(arrived, WITH_LABELS):
        assert label.name not in named
        named.add(label.name)
        assert label.start <= min(example.first for example in label.examples)
        for example in label.examples:
            assert example.weight == pytest.approx(sum(example.signals.values()), abs=1e-3)
            assert example.confidence >= 1
            assert (example.propensity is None) is ("impression" not in example.signals)
            if example.propensity is not None:
                assert example.content_id in shown
            if example.position is not None:
                assert example.propensity == pytest.approx(max(0.1, (1 + example.position) ** -0.5), abs=5e-4)
            if example.outcome == "ignored":
                assert set(example.signals) == {"impression", "ignored"}
            if example.outcome in ("ignored", "abandoned"):
                assert example.signals[example.outcome] < 0
    assert (
        msgspec.json.decode(msgspec.json.encode(labels(arrived, WITH_LABELS)), type=list[Label])[:1]
        == labels(arrived, WITH_LABELS)[:1]
    )

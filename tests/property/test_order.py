"""I1: within the grace period, order of arrival, repeats and restarts change neither state nor document."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import DAY_MS, Dislike, Event, Impression
from streamer.profile import EventFate, Profile, Rules
from streamer.scoring.document import encode
from streamer.settings import Settings
from tests.property.driving import Saved, reloaded, state_of, take
from tests.property.worlds import ROOMY, SMALL, USUAL, events, moods, sittings

WORLDS = pytest.mark.parametrize("world", [SMALL, USUAL], ids=["small", "usual"])
GRACE_MS = 3_600_000
SEALING_MS = 5_400_001


def sorted_run(world: Settings, arrived: list[Event], watermark: int) -> Profile:
    """The profile after these events in event-time order, each once, and then the watermark."""
    profile = Profile("u", Rules(world))
    for event in sorted(arrived, key=lambda event: event.ts):
        profile.apply(event, -1)
    profile.advance(watermark)
    return profile


def assert_same(one: Profile, other: Profile) -> None:
    assert written(one) == written(other)
    assert state_of(one) == state_of(other)


def written(profile: Profile) -> bytes | None:
    document = profile.document()
    return None if document is None else encode(document)


@st.composite
def within_grace(draw: st.DrawFn) -> list[Event | int]:
    """Events, some twice, each up to the grace period after its time; watermarks up to the time of arrival.

    event time   |--e1-----e2----------e3--->
    arrival         e1 (e2) e3 e1 ...          delay <= grace
    watermark       <= time of arrival, so that no event is more than the grace period behind it
    """
    arrivals = [
        (event.ts + delay, event)
        for event in draw(st.lists(events(), min_size=1, max_size=25))
        for delay in draw(st.lists(st.sampled_from([0, 1, 60_000, 1_800_000, GRACE_MS]), min_size=1, max_size=2))
    ]
    steps: list[Event | int] = []
    for time, event in sorted(arrivals, key=lambda arrival: arrival[0]):
        if draw(st.booleans()):
            steps.append(time)
        steps.append(event)
    return steps


few = st.lists(st.one_of(sittings(), moods(), events().map(lambda event: [event])), min_size=1, max_size=6)


@settings(deadline=None, max_examples=30)
@given(arrived=few, data=st.data())
def test_i1_habits_do_not_depend_on_the_order_of_arrival(arrived: list[list[Event]], data: st.DataObject) -> None:
    together = [event for each in arrived for event in each]
    profile = Profile("u", Rules(ROOMY))
    for event in data.draw(st.permutations(together + arrived[0]), label="arrivals"):
        profile.apply(event, -1)
    expected = sorted_run(ROOMY, together, -1)
    for watermark in (-1, max(event.ts for event in together) + SEALING_MS):
        profile.advance(watermark)
        expected.advance(watermark)
        assert_same(profile, expected)


@WORLDS
@settings(deadline=None, max_examples=60)
@given(arrived=st.lists(events(), min_size=1, max_size=20), data=st.data())
def test_i1_any_order_and_any_repeats_before_the_watermark_moves_give_one_state(
    world: Settings, arrived: list[Event], data: st.DataObject
) -> None:
    repeated = arrived + data.draw(st.lists(st.sampled_from(arrived), max_size=5), label="repeats")
    profile, saved = Profile("u", Rules(world)), Saved()
    for event in data.draw(st.permutations(repeated), label="arrivals"):
        profile.apply(event, -1)
        if data.draw(st.booleans(), label="restart"):
            profile = reloaded(profile, saved)
    expected = sorted_run(world, arrived, -1)
    assert_same(profile, expected)
    newest = max(event.ts for event in arrived)
    for watermark in (newest - DAY_MS, newest + 1_800_000, newest + SEALING_MS):
        profile.advance(watermark)
        expected.advance(watermark)
        assert_same(profile, expected)


@WORLDS
@settings(deadline=None, max_examples=80)
@given(steps=within_grace(), restart_every=st.integers(1, 9))
def test_i1_late_arrivals_within_grace_across_watermarks_and_restarts_give_the_state_of_sorted_ones(
    world: Settings, steps: list[Event | int], restart_every: int
) -> None:
    profile, saved = Profile("u", Rules(world)), Saved()
    for number, step in enumerate(steps):
        if isinstance(step, int):
            profile.advance(step)
        else:
            assert profile.apply(step, profile.watermark) is EventFate.COUNTED
        if number % restart_every == 0:
            profile = reloaded(profile, saved)
    arrived = [step for step in steps if not isinstance(step, int)]
    assert_same(profile, sorted_run(world, arrived, profile.watermark))
    sealed = max(event.ts for event in arrived) + SEALING_MS
    profile.advance(sealed)
    assert_same(profile, sorted_run(world, arrived, sealed))


@settings(deadline=None, max_examples=60)
@given(steps=within_grace(), asked=st.data())
def test_i1_asking_for_the_document_changes_nothing_that_follows(
    steps: list[Event | int], asked: st.DataObject
) -> None:
    quiet, curious = Profile("u", Rules(SMALL)), Profile("u", Rules(SMALL))
    for step in steps:
        take(quiet, step)
        take(curious, step)
        if asked.draw(st.booleans(), label="asked"):
            curious.document()
    assert_same(quiet, curious)


def test_i1_of_statements_at_one_time_in_two_sessions_the_same_one_counts_in_any_order() -> None:
    # s1       shown c1 (x), dislike c1 |  one ts, no item keys of their own: whose interaction counts?
    # derived  shown c1 (y), dislike c1 |  the greater keys: y
    ts = 20_000 * DAY_MS
    one = [
        Impression(user_id="u", ts=ts, content_id="c1", tags=("x",), session_id="s1"),
        Dislike(user_id="u", ts=ts, content_id="c1", action="dislike", session_id="s1"),
    ]
    two = [
        msgspec.structs.replace(one[0], tags=("y",), session_id=None),
        msgspec.structs.replace(one[1], session_id=None),
    ]
    other = Dislike(user_id="u", ts=ts, content_id="c2", action="dislike", tags=("x", "y"))
    for order in ([*one, *two, other], [*two, other, *one]):
        profile = Profile("u", Rules(USUAL))
        for event in order:
            profile.apply(event, -1)
        document = profile.document()
        assert document is not None
        assert [entry.value for entry in document.entries if entry.kind == "tag"] == ["y"]

"""I2: after every prefix, the incremental state and document equal those of the from-scratch oracle."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.oracle.oracle import Oracle, same
from streamer.events import Event, Feedback, Impression, Play
from streamer.profile import Profile, Rules
from streamer.scoring.priors import DEFAULT, Priors
from streamer.settings import Settings
from tests.property.driving import Saved, contexts_in, reloaded, tiles_of, watermark_at
from tests.property.worlds import CROWDED, ROOMY, SMALL, USUAL, crowds, events, moods, sittings, snapshots, statements

steps = st.lists(st.one_of(events(), events(), events(), st.integers(0, 12 * 24)), min_size=1, max_size=45)


@pytest.mark.parametrize("world", [SMALL, CROWDED, USUAL], ids=["small", "crowded", "usual"])
@given(arrivals=steps, reload_every=st.integers(1, 9))
def test_i2_state_and_document_equal_the_oracle_s_after_every_step_and_restart(
    world: Settings, arrivals: list[Event | int], reload_every: int
) -> None:
    assert_equal_after_every_step(world, arrivals, reload_every)


@settings(deadline=None, max_examples=150)
@given(arrivals=crowds(), shuffled=st.booleans(), data=st.data())
def test_i2_which_items_count_and_what_follows_give_them_is_as_the_oracle_has_it(
    arrivals: list[Event], shuffled: bool, data: st.DataObject
) -> None:
    arrived = data.draw(st.permutations(arrivals)) if shuffled else arrivals
    assert_equal_after_every_step(CROWDED, [*arrived, 13], 4)


by_days = st.lists(
    st.one_of(statements(), statements(), statements(), st.integers(0, 22 * 24)), min_size=3, max_size=20
).map(lambda steps: sorted(steps, key=_time))


@pytest.mark.parametrize("cap", [4, 512])
@settings(deadline=None, max_examples=150)
@given(arrivals=st.one_of(by_days, by_days.flatmap(st.permutations)), reload_every=st.integers(1, 9))
def test_i2_what_was_stated_equals_the_oracle_s_as_windows_pass(
    cap: int, arrivals: list[Event | int], reload_every: int
) -> None:
    assert_equal_after_every_step(SMALL.model_copy(update={"explicit_cap": cap}), arrivals, reload_every)


habits = st.lists(
    st.one_of(
        sittings(), sittings(), sittings(), moods(), moods(),
        events().map(lambda event: [event]), st.integers(0, 9 * 24).map(lambda hour: [hour]),
    ),
    min_size=4,
    max_size=14,
)  # fmt: skip


@pytest.mark.parametrize("world", [ROOMY, USUAL], ids=["roomy", "usual"])
@settings(deadline=None, max_examples=60)
@given(arrivals=habits, by_time=st.booleans(), reload_every=st.integers(1, 9))
def test_i2_habits_of_the_hour_the_device_and_the_length_equal_the_oracle_s(
    world: Settings, arrivals: list[list[Event | int]], by_time: bool, reload_every: int
) -> None:
    steps = [step for few in arrivals for step in few]
    if by_time:
        steps.sort(key=_time)
    assert_equal_after_every_step(world, steps, reload_every)


@pytest.mark.parametrize("world", [SMALL, ROOMY], ids=["small", "roomy"])
@settings(deadline=None, max_examples=150)
@given(
    arrivals=st.one_of(habits, steps.map(lambda found: [found])),
    first=snapshots(),
    later=st.lists(snapshots(), max_size=2),
    reload_every=st.integers(1, 9),
    data=st.data(),
)
def test_i2_by_any_snapshot_of_the_population_and_as_it_is_replaced(
    world: Settings,
    arrivals: list[list[Event | int]],
    first: Priors,
    later: list[Priors],
    reload_every: int,
    data: st.DataObject,
) -> None:
    taken = [step for few in arrivals for step in few]
    turns = sorted(data.draw(st.lists(st.integers(0, len(taken)), min_size=len(later), max_size=len(later))))
    replaced = {
        turn: replace(population, version=number)
        for number, (turn, population) in enumerate(zip(turns, later, strict=True), 2)
    }
    assert_equal_after_every_step(world, taken, reload_every, first, replaced)


@pytest.mark.parametrize("abandonment", [0.195, 0.517])
def test_i2_an_expectation_half_way_between_two_millionths_is_rounded_as_the_oracle_does(abandonment: float) -> None:
    # three items in one session, one of them clicked: (1 + 20 · .4) ÷ (.608 + 20) · .408 · (1 − a) is such a one
    start = watermark_at(10)
    item: dict[str, object] = {"user_id": "u", "tags": ("x",), "visible_ms": 9000}
    shown: list[Event | int] = [
        Impression(**item, ts=start + 6_000 * number, content_id=f"c{number}", position=position)  # type: ignore[arg-type]
        for number, position in enumerate((5, 300, 300))
    ]
    clicked = Feedback(user_id="u", ts=start + 13_000, kind="click", content_id="c2")
    population = Priors(version=1, start_rate=0.4, abandonment=abandonment)
    assert_equal_after_every_step(USUAL, [*shown, clicked, 24], 9, population)


def test_i2_plays_that_are_expected_to_make_just_what_a_tag_needs_list_it_as_the_oracle_says() -> None:
    def plays(hour: int, count: int, duration_s: float) -> list[Event | int]:
        start, length = watermark_at(hour), {"duration_s": duration_s, "played_s": duration_s / 1000}
        return [Play(user_id="u", tags=("x",), ts=start + 1000 * n, content_id=f"p{n}", **length) for n in range(count)]

    first = Priors(version=1, start_rate=0.1, abandonment=0.845)
    later = Priors(version=2, prior=0.2, start_rate=0.1, abandonment=0.7)
    steps: list[Event | int] = [0, *plays(74, 9, 400.0), *plays(2, 3, 7200.0)]
    assert_equal_after_every_step(ROOMY, steps, 1, first, {0: later})


def _time(step: Event | int) -> int:
    return watermark_at(step) if isinstance(step, int) else step.ts


def assert_equal_after_every_step(
    world: Settings,
    arrivals: list[Event | int],
    reload_every: int,
    population: Priors = DEFAULT,
    replaced: Mapping[int, Priors] = MappingProxyType({}),
) -> None:
    """``replaced``: snapshots that come into force before the step of this number."""
    profile = Profile("u", Rules(world, population))
    oracle = Oracle(world, population).run([])
    saved = Saved()
    watermark = -1
    for number, step in enumerate(arrivals):
        if number in replaced:
            assert profile.rules.adopt(replaced[number])
            oracle.population = replaced[number]
        if isinstance(step, int):
            watermark = max(watermark, watermark_at(step))
            oracle.step(watermark)
            profile.advance(watermark)
        else:
            oracle.step(step)
            profile.apply(step, watermark)
        assert same(profile.document(), oracle.document()) == [], f"after step {number}"
        assert tiles_of(profile) == oracle.tiles(), f"after step {number}"
        assert contexts_in(profile) == oracle.contexts(), f"after step {number}"
        if number % reload_every == 0:
            profile = reloaded(profile, saved)
            assert same(profile.document(), oracle.document()) == [], f"reloaded after step {number}"

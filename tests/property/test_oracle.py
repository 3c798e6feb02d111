"""I2: after every prefix, the incremental state and document equal those of the from-scratch oracle."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import Event
from streamer.profile import Profile, Rules
from streamer.settings import Settings
from streamer.simulation.oracle import Oracle, same
from tests.property.driving import Saved, reloaded, tiles_of, watermark_at
from tests.property.worlds import SMALL, USUAL, events, statements

steps = st.lists(st.one_of(events(), events(), events(), st.integers(0, 12 * 24)), min_size=1, max_size=45)


@pytest.mark.parametrize("world", [SMALL, USUAL], ids=["small", "usual"])
@given(arrivals=steps, reload_every=st.integers(1, 9))
def test_i2_state_and_document_equal_the_oracle_s_after_every_step_and_restart(
    world: Settings, arrivals: list[Event | int], reload_every: int
) -> None:
    assert_equal_after_every_step(world, arrivals, reload_every)


by_days = st.lists(
    st.one_of(statements(), statements(), statements(), st.integers(0, 22 * 24)), min_size=3, max_size=20
).map(lambda steps: sorted(steps, key=lambda step: watermark_at(step) if isinstance(step, int) else step.ts))


@pytest.mark.parametrize("cap", [4, 512])
@settings(deadline=None, max_examples=150)
@given(arrivals=st.one_of(by_days, by_days.flatmap(st.permutations)), reload_every=st.integers(1, 9))
def test_i2_what_was_stated_equals_the_oracle_s_as_windows_pass(
    cap: int, arrivals: list[Event | int], reload_every: int
) -> None:
    assert_equal_after_every_step(SMALL.model_copy(update={"explicit_cap": cap}), arrivals, reload_every)


def assert_equal_after_every_step(world: Settings, arrivals: list[Event | int], reload_every: int) -> None:
    profile = Profile("u", Rules(world))
    oracle = Oracle(world).run([])
    saved = Saved()
    watermark = -1
    for number, step in enumerate(arrivals):
        if isinstance(step, int):
            watermark = max(watermark, watermark_at(step))
            oracle.step(watermark)
            profile.advance(watermark)
        else:
            oracle.step(step)
            profile.apply(step, watermark)
        assert same(profile.document(), oracle.document()) == [], f"after step {number}"
        assert tiles_of(profile) == oracle.tiles(), f"after step {number}"
        if number % reload_every == 0:
            profile = reloaded(profile, saved)
            assert same(profile.document(), oracle.document()) == [], f"reloaded after step {number}"

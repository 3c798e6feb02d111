"""A profile that is not stale need not be asked for its document again: nothing that is written can have changed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import Event, Impression, Play
from streamer.profile import Profile, Rules
from streamer.scoring.document import Document, must_write
from streamer.scoring.priors import DEFAULT, Priors
from streamer.settings import Settings
from tests.property.driving import Saved, take, watermark_at
from tests.property.worlds import CROWDED, ROOMY, SMALL, USUAL, crowds, events, moods, sittings, snapshots

steps = st.lists(st.one_of(events(), events(), events(), st.integers(0, 12 * 24).map(watermark_at)), max_size=45)


@pytest.mark.parametrize("world", [SMALL, CROWDED, USUAL], ids=["small", "crowded", "usual"])
@given(arrivals=steps)
def test_whoever_asks_only_stale_profiles_misses_nothing(world: Settings, arrivals: list[Event | int]) -> None:
    assert_nothing_missed(world, arrivals)


@settings(deadline=None, max_examples=60)
@given(arrivals=steps, snapshot=snapshots(), at=st.integers(0, 45))
def test_whoever_asks_only_stale_profiles_misses_no_new_snapshot_of_the_population(
    arrivals: list[Event | int], snapshot: Priors, at: int
) -> None:
    assert_nothing_missed(ROOMY, arrivals, (at, snapshot))


def assert_nothing_missed(
    world: Settings, arrivals: list[Event | int], adopted: tuple[int, Priors] = (-1, DEFAULT)
) -> None:
    """``adopted``: a snapshot that comes into force before the step of that number."""
    profile, saved = Profile("u", Rules(world)), Saved()
    known: Document | None = None
    for number, step in enumerate(arrivals):
        if number == adopted[0]:
            profile.rules.adopt(adopted[1])
        take(profile, step)
        if profile.stale:
            known = profile.document()
            continue
        saved.save(profile)
        copy = saved.load("u", profile.rules)
        copy.watermark = profile.watermark
        assert not must_write(known, copy.document())


@settings(deadline=None, max_examples=200)
@given(arrivals=crowds())
def test_whoever_asks_only_stale_profiles_misses_no_item_that_counts_instead_of_another(arrivals: list[Event]) -> None:
    assert_nothing_missed(CROWDED, [*arrivals])


habits = st.lists(
    st.one_of(sittings(), sittings(), moods(), events().map(lambda event: [event]),
              st.integers(0, 9 * 24).map(lambda hour: [watermark_at(hour)])),
    min_size=4,
    max_size=14,
)  # fmt: skip


@pytest.mark.parametrize("world", [ROOMY, USUAL], ids=["roomy", "usual"])
@settings(deadline=None, max_examples=40)
@given(arrivals=habits)
def test_whoever_asks_only_stale_profiles_misses_no_habit(world: Settings, arrivals: list[list[Event | int]]) -> None:
    assert_nothing_missed(world, [step for few in arrivals for step in few])


def test_exposures_of_an_open_session_leave_a_profile_fresh_and_a_finished_play_makes_it_stale() -> None:
    profile = Profile("u", Rules(USUAL))
    for event in (_shown(0, "a"), _shown(6_000, "b"), _shown(7_000, "c")):
        take(profile, event)
    profile.document()
    take(profile, _shown(8_000, "d"))
    take(profile, _played(9_000, "d", ended=False))
    assert not profile.stale
    take(profile, _played(10_000, "d", ended=True))
    assert profile.stale


def test_a_finished_play_that_makes_no_entry_leaves_a_profile_fresh_and_counts_in_the_next_document() -> None:
    profile = Profile("u", Rules(USUAL))
    for event in (_shown(0, "a"), _shown(6_000, "b"), _played(7_000, "b", ended=True)):
        take(profile, event)
    profile.document()
    take(profile, _played(40_000, "a", ended=True, played_s=35))
    assert not profile.stale
    take(profile, _played(41_000, "c", ended=True))
    assert profile.stale
    again = Profile("u", profile.rules)
    again.sessions = profile.sessions
    assert profile.document() == again.document()


def test_an_event_that_makes_an_item_count_instead_of_another_makes_a_profile_stale() -> None:
    #   two items count: a and b, left early | c, shown after them, was shown before them as well: b counts no more
    profile = Profile("u", Rules(CROWDED))
    for event in (_shown(10_000, "a"), _played(11_000, "b", ended=True), _shown(20_000, "c"), _shown(30_000, "a")):
        take(profile, event)
    before = profile.document()
    assert before is not None
    assert [entry.value for entry in before.entries] == ["b"]
    take(profile, _shown(9_000, "c"))
    assert profile.stale
    assert profile.document() is None


def _shown(ts: int, content_id: str) -> Event:
    return Impression(user_id="u", ts=ts, content_id=content_id, visible_ms=2_000)


def _played(ts: int, content_id: str, *, ended: bool, played_s: float = 1) -> Event:
    return Play(user_id="u", ts=ts, content_id=content_id, played_s=played_s, ended=ended)

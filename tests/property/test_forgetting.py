"""I7: after the window nothing is left, and the deadline is when."""

from __future__ import annotations

from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import Event
from streamer.profile import Profile, Rules
from tests.property.driving import Saved, reloaded, take, watermark_at
from tests.property.worlds import SMALL, events

arrivals = st.lists(
    st.one_of(events(days=12), events(days=12), st.integers(0, 20 * 24).map(watermark_at)), min_size=1, max_size=30
)
THE_END = watermark_at(2_000 * 24)
"""Past every window and every hard entry that ends."""


def copy_of(profile: Profile, saved: Saved) -> tuple[Profile, Saved]:
    saved.save(profile)
    copy = deepcopy(saved)
    return reloaded(profile, copy), copy


@settings(deadline=None, max_examples=120)
@given(steps=arrivals, late=st.lists(events(days=12), max_size=4))
def test_i7_when_all_deadlines_have_passed_only_what_never_ends_is_left(
    steps: list[Event | int], late: list[Event]
) -> None:
    #   |-- steps --|  deadlines  |-- late: long past the window --|  deadlines
    profile, saved = Profile("u", Rules(SMALL)), Saved()
    for arriving in (steps, late):
        for step in arriving:
            take(profile, step)
            saved.save(profile)
        passed = 0
        while (due := profile.deadline()) is not None:
            profile.advance(max(due, profile.watermark))
            saved.save(profile)
            passed += 1
            assert passed <= 3 * len(steps + late) + 3
    assert profile.sessions == []
    assert profile.rollup.tiles == {}
    assert profile.rollup.sums == {"tag": {}, "creator": {}}
    assert profile.listed == {}
    for key, record in profile.records.items():
        never_ends = {"block", "report"} & (record.sealed.acted.keys() | record.late.acted.keys())
        assert key.family == "follow" or (key.family == "dislike" and never_ends) or overrules(profile, key.target)
        assert record.contributed is None
    assert set(saved.parts) == ({"h"} if profile.records else set())
    assert profile.empty is not bool(profile.records)
    document = profile.document()
    assert document is None or all(entry.tier == "hard" and entry.expires_at is None for entry in document.entries)


def overrules(profile: Profile, target: str) -> bool:
    """Whether dislikes of this target are kept, so that what overrules them is."""
    return any(key.family == "dislike" and key.target == target for key in profile.records)


@settings(deadline=None, max_examples=100)
@given(steps=arrivals)
def test_i7_nothing_changes_before_the_deadline(steps: list[Event | int]) -> None:
    profile, saved = Profile("u", Rules(SMALL)), Saved()
    for step in steps:
        take(profile, step)
        due = profile.deadline()
        before = THE_END if due is None else due - 1
        if before <= profile.watermark:
            continue
        waiting, copy = copy_of(profile, saved)
        document = profile.document()
        waiting.advance(before)
        copy.save(waiting)
        assert copy == saved
        assert waiting.document() == document

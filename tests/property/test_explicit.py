"""I5: explicit feedback is never lost to lateness, and undo really undoes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import DAY_MS, Dislike, Event, Feedback, Impression, Play
from streamer.profile import EventFate, Profile, Rules
from tests.property.driving import Saved, reloaded, take, tiles_of, watermark_at
from tests.property.worlds import BASE_DAY, USUAL, creators, events, tags, times

LASTS_DAYS = {"dislike": 180, "not_interested": 90, "hide": 30, "block": None, "report": None}
watermarks = st.integers(0, 7 * 24).map(watermark_at)


@settings(deadline=None, max_examples=80)
@given(
    before=st.lists(events(days=3), min_size=1, max_size=15),
    after=st.lists(st.one_of(events(days=6), watermarks), max_size=10),
    back_ms=st.integers(0, DAY_MS),
    action=st.sampled_from(sorted(LASTS_DAYS)),
)
def test_i5_a_dislike_later_than_any_grace_still_excludes(
    before: list[Event], after: list[Event | int], back_ms: int, action: str
) -> None:
    #   |-- before --|  sealed: frontier   |-- after --|
    #        ^ the dislike's ts       ^ its arrival
    profile, saved = Profile("u", Rules(USUAL)), Saved()
    for event in before:
        profile.apply(event, -1)
    profile.advance(watermark_at(4 * 24))
    ts = profile.frontier - back_ms
    dislike = Dislike(user_id="u", ts=ts, content_id="late", session_id="gone", action=action, tags=("x",))  # type: ignore[arg-type]
    tiles = tiles_of(profile)
    assert profile.apply(dislike, profile.watermark) is EventFate.LATE
    assert tiles_of(profile) == tiles
    for step in [profile.watermark, *after]:
        take(profile, step)
        profile = reloaded(profile, saved)
        document = profile.document()
        assert document is not None
        (entry,) = [entry for entry in document.entries if entry.value == "late"]
        days = LASTS_DAYS[action]
        assert (entry.tier, entry.multiplier, entry.since) == ("hard", 0.0, ts)
        assert entry.expires_at == (None if days is None else ts + days * DAY_MS)
        assert "late" in document.avoid.content_ids


def harmless(event: Event) -> bool:
    """Whether the event shares no blame: positive feedback, impressions and plays."""
    return isinstance(event, (Impression, Play)) or (
        isinstance(event, Feedback) and event.family not in ("return", "rating")
    )


@settings(deadline=None, max_examples=150)
@given(
    steps=st.lists(st.one_of(events().filter(harmless), events().filter(harmless), watermarks), max_size=20),
    ts=times(days=3),
    later_ms=st.one_of(st.integers(0, 5000), st.sampled_from([1_800_000, 1_800_001, 7_200_000, DAY_MS])),
    keys=st.tuples(creators, tags),
    at=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    names=st.tuples(st.sampled_from([None, "s1"]), st.sampled_from([None, "s1"])),
    restarts=st.booleans(),
)
def test_i5_a_dislike_and_its_undo_leave_the_counts_of_never_having_disliked(
    steps: list[Event | int],
    ts: int,
    later_ms: int,
    keys: tuple[str | None, tuple[str, ...]],
    at: tuple[int, int],
    names: tuple[str | None, str | None],
    restarts: bool,
) -> None:
    #   with:     ... dislike c1 ... undo ...      arriving in either order, in one session or two, in time or late
    #   without:  ... undo c1    ... undo ...      says that c1 was noticed, as the dislike does
    def dislike(action: str) -> Dislike:
        creator, stated = keys
        return Dislike(
            user_id="u", ts=ts, content_id="c1", action=action, creator_id=creator, tags=stated, session_id=names[0]
        )  # type: ignore[arg-type]

    undo = msgspec.structs.replace(dislike("undo"), ts=ts + later_ms, session_id=names[1])
    found = []
    for first in (dislike("dislike"), dislike("undo")):
        arriving = list(steps)
        arriving.insert(at[0], first)
        arriving.insert(at[1], undo)
        profile, saved = Profile("u", Rules(USUAL)), Saved()
        for step in arriving:
            take(profile, step)
            if restarts:
                profile = reloaded(profile, saved)
        profile.advance((BASE_DAY + 8) * DAY_MS)
        document = profile.document()
        assert document is None or all(entry.tier != "hard" for entry in document.entries)
        found.append(tiles_of(profile))
    assert found[0] == found[1]


@pytest.mark.parametrize("late", [False, True], ids=["sealed later", "late"])
def test_i5_an_undo_takes_back_exactly_what_two_sessions_ago_was_contributed(late: bool) -> None:
    # DAY0  dislike c1 (x)        | DAY0 + 1  plays (x) | undo
    ts = BASE_DAY * DAY_MS
    profile, saved = Profile("u", Rules(USUAL)), Saved()
    profile.apply(Dislike(user_id="u", ts=ts, content_id="c1", action="dislike", tags=("x",)), -1)
    profile.apply(Play(user_id="u", ts=ts + DAY_MS, content_id="c2", tags=("x",), played_s=60, duration_s=60), -1)
    profile.advance(ts + 2 * DAY_MS)
    assert tiles_of(profile)[BASE_DAY] == {("tag", "x"): {"ld": 2_000_000}}
    profile = reloaded(profile, saved)
    undo = Dislike(user_id="u", ts=ts + 1 if late else ts + 2 * DAY_MS, content_id="c1", action="undo")
    assert profile.apply(undo, profile.watermark) is (EventFate.LATE if late else EventFate.COUNTED)
    assert profile.document() is None
    profile.advance(ts + 3 * DAY_MS)
    profile = reloaded(profile, saved)
    assert BASE_DAY not in profile.rollup.tiles
    assert f"t{BASE_DAY}" not in saved.parts

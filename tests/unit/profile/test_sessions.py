"""Sessions (spec §2): how a profile joins events, and when it closes and seals what it joined."""

from __future__ import annotations

import itertools

import pytest

from streamer.engine.state.loading import load_profile
from streamer.events import DAY_MS, Event
from streamer.profile import EventFate, Profile, Rules
from streamer.settings import Settings
from streamer.signals.interaction import SessionFeedback
from tests.property.driving import state_of, tiles_of
from tests.steps import DAY0, HOUR, MINUTE, NOON, SECOND, disliked, gave, played, shown, unseen

SEALING = 90 * MINUTE + 1


def joining(*events: Event, settings: Settings | None = None) -> Profile:
    profile = Profile("u", Rules(settings or Settings()))
    for event in events:
        profile.apply(event, -1)
    return profile


def bounds(profile: Profile) -> list[tuple[str | None, int, int]]:
    return [(session.session_id, session.start - NOON, session.last - NOON) for session in profile.sessions]


@pytest.mark.parametrize("session_id", [None, "s1"])
def test_a_gap_of_exactly_half_an_hour_joins_and_a_millisecond_more_splits(session_id: str | None) -> None:
    #   |--- 30 min ---|       one         |--- 30 min + 1 ms ---|   two
    gap = 30 * MINUTE
    first, at, past = (unseen(NOON + ms, session_id=session_id) for ms in (0, gap, gap + 1))
    assert bounds(joining(first, at)) == [(session_id, 0, gap)]
    assert bounds(joining(at, first)) == [(session_id, 0, gap)]
    assert bounds(joining(first, past)) == [(session_id, 0, 0), (session_id, gap + 1, gap + 1)]
    assert bounds(joining(past, first)) == bounds(joining(first, past))


def test_the_gap_is_a_setting() -> None:
    events = (unseen(NOON), unseen(NOON + 61 * SECOND))
    assert len(joining(*events, settings=Settings(session_gap=60)).sessions) == 2
    assert len(joining(*events, settings=Settings(session_gap=61)).sessions) == 1


def test_an_event_between_two_sessions_joins_them_with_all_they_know() -> None:
    #   played a |--20 min--| (bridge) |--20 min--| played a, liked a, disliked b
    apart = [
        played(NOON, "a", "x", playback_id="p1", played_s=5, cohort="k1"),
        played(NOON + 40 * MINUTE, "a", playback_id="p2", played_s=9, cohort="k2"),
        gave(NOON + 41 * MINUTE, "a", "like"),
        disliked(NOON + 41 * MINUTE, "b"),
    ]
    bridge = unseen(NOON + 20 * MINUTE)
    assert [last for _, _, last in bounds(joining(*apart))] == [0, 41 * MINUTE]
    joined = joining(*apart, bridge)
    assert bounds(joined) == [(None, 0, 41 * MINUTE)]
    in_order = sorted([*apart, bridge], key=by_ts)
    assert state_of(joined) == state_of(joining(bridge, *apart)) == state_of(joining(*in_order))
    (session,) = joined.sessions
    item = session.interactions["a"]
    assert (item.tags, item.playbacks) == (("x",), {"p1": 5, "p2": 9})
    assert session.feedback() == {"a": SessionFeedback(("like",)), "b": SessionFeedback(disliked=True)}
    assert session.cohort == "k2"
    assert {key.target for key in session.records} == {"a", "b"}


def by_ts(event: Event) -> int:
    return event.ts


def test_midnight_splits_and_each_part_feeds_its_day() -> None:
    #     DAY0 |  DAY0 + 1
    #   played |  played        one second apart
    midnight = (DAY0 + 1) * DAY_MS
    profile = joining(played(midnight - SECOND, "a"), played(midnight, "a"))
    assert [session.day for session in profile.sessions] == [DAY0, DAY0 + 1]
    profile.advance(midnight + SEALING)
    assert sorted(tiles_of(profile)) == [DAY0, DAY0 + 1]


def test_declared_sessions_are_kept_apart_from_each_other_and_from_the_rest() -> None:
    profile = joining(*(unseen(NOON, session_id=name) for name in ("s1", None, "s2", "s1")))
    assert [name for name, _, _ in bounds(profile)] == ["s1", "s2", None]  # their seal order


def test_events_of_every_kind_take_part() -> None:
    kinds: list[Event] = [
        shown(NOON, "a"),
        played(NOON + 20 * MINUTE, "b"),
        disliked(NOON + 40 * MINUTE, None, scope="tag", tag="x"),
        gave(NOON + 60 * MINUTE, None, "follow", creator_id="k"),
    ]
    profile = joining(*kinds)
    assert bounds(profile) == [(None, 0, 60 * MINUTE)]
    assert set(profile.sessions[0].interactions) == {"a", "b"}


def test_a_session_closes_at_the_gap_and_seals_past_the_grace() -> None:
    #   filler--shown a ---30 min: closed--- 60 min grace --- + 1 ms: sealed
    #                      ignored, provisionally             in the tile
    profile = joining(unseen(NOON - 10 * SECOND), shown(NOON, "a"))
    assert profile.deadline() == NOON + 30 * MINUTE
    profile.advance(NOON + 30 * MINUTE)
    assert profile.deadline() == NOON + SEALING
    profile.advance(NOON + SEALING - 1)
    assert tiles_of(profile) == {}
    assert profile.frontier == -1
    profile.advance(NOON + SEALING)
    assert profile.sessions == []
    assert profile.frontier == NOON
    assert tiles_of(profile)[DAY0]["content", "a"] == {"shown": 1, "ignored": 1, "sessions": 1}


def test_within_the_grace_a_closed_session_still_takes_what_belongs_to_it() -> None:
    #   shown a |-----30 min: closed-----| played a, of 10 min after the showing, arrives now
    profile = joining(unseen(NOON - 10 * SECOND), shown(NOON, "a"))
    profile.advance(NOON + SEALING - 1)
    assert profile.apply(played(NOON + 10 * MINUTE, "a"), profile.watermark) is EventFate.COUNTED
    profile.advance(NOON + SEALING)
    assert len(profile.sessions) == 1
    profile.advance(NOON + 10 * MINUTE + SEALING)
    assert tiles_of(profile)[DAY0]["content", "a"] == {"shown": 1, "started": 1, "engaged": 1}


def test_a_session_of_more_items_than_are_held_is_saved_and_restored_as_it_is() -> None:
    """Items come in order: the newest is dropped the moment it is added, and must not be looked for afterwards."""
    settings = Settings(session_items=2)
    profile = Profile("u", Rules(settings))
    saved: dict[str, bytes] = {}
    journal = []
    for number in range(30):
        profile.apply(played(NOON + number * SECOND, f"c{number:02}"), -1)
        if number % 3 == 0:
            parts, entry, _ = profile.changes()
            saved |= {name: raw for name, raw in parts.items() if raw is not None}
            journal += [entry] if entry is not None else []
    (session,) = profile.sessions
    assert 2 <= len(session.interactions) <= profile.rules.session_items_held
    parts, entry, _ = profile.changes()
    restored = load_profile("u", Rules(settings), saved | {n: r for n, r in parts.items() if r}, [*journal, entry])
    for each in (profile, restored):
        each.advance(NOON + HOUR + SEALING)
    assert tiles_of(restored) == tiles_of(profile)
    assert restored.rollup.contents.keys() == profile.rollup.contents.keys() <= {"c00", "c01"}


def test_an_old_event_is_late_only_if_no_open_session_takes_it() -> None:
    #   s1  |---| sealed: frontier NOON
    #   s2  |------------------| open, began before the frontier
    profile = joining(
        unseen(NOON, session_id="s1"),
        unseen(NOON - 20 * MINUTE, session_id="s2"),
        unseen(NOON + 5 * MINUTE, session_id="s2"),
    )
    profile.advance(NOON + SEALING)
    before = NOON - 50 * MINUTE
    assert profile.apply(played(before, "b", session_id="s2"), profile.watermark) is EventFate.COUNTED
    assert profile.apply(played(before, "b", session_id="s3"), profile.watermark) is EventFate.LATE
    assert profile.apply(played(NOON + 1, "b", session_id="s3"), profile.watermark) is EventFate.COUNTED


def test_seals_run_by_last_then_declared_first_then_name_and_start() -> None:
    # all four end at NOON; R grows by each in turn, so what each expects tells the order: the first the most
    names = [None, "s2", "s1", "s3"]
    events: list[Event] = []
    for name in names:
        events += [unseen(NOON - 10 * SECOND, f"f{name}", session_id=name)]
        events += [shown(NOON, f"c{name}", creator_id=str(name), session_id=name)]
    profile = joining(*events)
    profile.advance(NOON + SEALING)
    tile = tiles_of(profile)[DAY0]
    expected = {name: tile["creator", str(name)]["e"] for name in names}
    assert sorted(expected, key=lambda name: -expected[name]) == ["s1", "s2", "s3", None]
    assert profile.frontier == NOON


def test_a_session_counts_its_thousand_earliest_items_and_the_rest_is_metered() -> None:
    profile = joining(*(played(NOON + 1500 - n, f"c{n:04}") for n in range(1500)))
    profile.advance(NOON + HOUR + SEALING)
    # c1499 is the earliest, c0000 the last to have begun
    counted = tiles_of(profile)[DAY0]["*", ""]
    assert counted == {"expected_abandoned": 1000 * 350_000}
    assert profile.rules.dropped["session_items"] == 500
    assert profile.rollup.contents.keys() <= {f"c{n:04}" for n in range(500, 1500)}
    assert profile.frontier == NOON + 1500


FOLLOWED = [
    gave(NOON, "c", "follow", creator_id="m"),
    gave(NOON, "d", "follow", creator_id="k"),
    gave(NOON, "d", "like"),
]


@pytest.mark.parametrize("content", [None, "c", "d", "e"])
def test_an_unfollow_ends_what_a_follow_of_that_creator_gave_wherever_it_was_made(content: str | None) -> None:
    undo = gave(NOON + 1, content, "undo", of="follow", creator_id="m")
    for order in itertools.permutations([*FOLLOWED, undo]):
        (session,) = joining(*order).sessions
        assert session.feedback() == {"d": SessionFeedback(("follow", "like"))}
    (session,) = joining(*FOLLOWED, undo, gave(NOON + 2, "e", "follow", creator_id="m")).sessions
    assert session.feedback() == {"d": SessionFeedback(("follow", "like")), "e": SessionFeedback(("follow",))}


def test_a_follow_that_names_no_content_is_of_none() -> None:
    (session,) = joining(gave(NOON, None, "follow", creator_id="m")).sessions
    assert (session.feedback(), session.interactions) == ({}, {})

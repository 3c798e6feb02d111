"""I6: state stays bounded whatever arrives, and what is dropped is counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import DAY_MS, Dislike, Event, Feedback, Play
from streamer.profile import Profile, Rules
from streamer.profile.explicit.orders import ORDERS
from streamer.profile.explicit.records import STATEMENTS
from streamer.profile.profile import OPEN_SESSIONS
from streamer.profile.tile import Tile
from streamer.settings import Settings, TileCaps
from streamer.signals.merging import PLAYBACKS
from tests.property.driving import take, watermark_at
from tests.property.worlds import BASE_DAY, events

START = BASE_DAY * DAY_MS
TINY = Settings(
    window_days=6,
    half_life_days=3.0,
    explicit_cap=2,
    tile_caps=TileCaps(tags=2, creators=1, contents=2),
    session_items=3,
    entries_max=1,
)


def assert_tile_capped(tile: Tile) -> None:
    """Beyond the caps there are only keys with explicit evidence."""
    caps = TINY.tile_caps
    tags = tile.tag_totals()
    for cells, cap in ((tags, caps.tags), (tile.creators, caps.creators), (tile.contents, caps.contents)):
        light = sum(cell.ld == 0 for cell in cells.values())
        assert light <= max(0, cap - (len(cells) - light))


def takes_back(step: Event | int) -> bool:
    """Whether it may take evidence back from a day that has sealed: keys that the caps spared for it are light then."""
    if isinstance(step, Dislike):
        return step.action == "undo"
    return isinstance(step, Feedback) and step.kind in ("undo", "rating", "return")


@settings(deadline=None, max_examples=80)
@given(steps=st.lists(st.one_of(events(), events(), st.integers(0, 6 * 24).map(watermark_at)), max_size=40))
def test_i6_parts_and_document_stay_within_their_caps_once_sessions_seal(steps: list[Event | int]) -> None:
    rules = Rules(TINY)
    profile = Profile("u", rules)
    for step in steps:
        take(profile, step)
        document = profile.document()
        for kind in ("creator", "tag", "content"):
            others = [e for e in (document.entries if document else ()) if e.kind == kind and e.tier != "hard"]
            assert len(others) <= TINY.entries_max
        for session in profile.sessions:
            assert len(session.interactions) <= rules.session_items_held
            assert len(session.counted(rules)) <= TINY.session_items
            for item in session.interactions.values():
                assert len(item.playbacks or ()) <= PLAYBACKS
            for part in session.records.values():
                assert len(part.statements) <= STATEMENTS
    profile.apply(Play(user_id="u", ts=watermark_at(5 * 24), content_id="last"), profile.watermark)
    profile.advance(watermark_at(7 * 24))
    assert profile.sessions == []
    hard = [r for key, r in profile.records.items() if key.family == "dislike" and (r.sealed.acted or r.late.acted)]
    endless = [r for r in hard if {"block", "report"} & (r.sealed.acted.keys() | r.late.acted.keys())]
    assert len(hard) <= max(TINY.explicit_cap, len(endless))
    assert len(profile.records) - len(hard) <= TINY.explicit_cap
    if not any(takes_back(step) for step in steps):
        for tile in profile.rollup.tiles.values():
            assert_tile_capped(tile)
    keys = {(kind, value) for tile in profile.rollup.tiles.values() for kind, value, _ in tile.cells()}
    assert profile.listed.keys() <= keys


def shut(rules: Rules, *arrived: Event) -> Profile:
    """The profile once the session of these events has sealed."""
    profile = Profile("u", rules)
    for event in arrived:
        profile.apply(event, -1)
    profile.advance(START + 2 * 3_600_000)
    assert profile.sessions == []
    return profile


def test_i6_items_beyond_the_cap_of_a_session_are_dropped_latest_first_and_counted() -> None:
    # c00 c01 c02 | c03 ... c19: three count; twelve are held at a time, and those pushed out are counted as well
    rules = Rules(TINY)
    plays = [Play(user_id="u", ts=START + n, content_id=f"c{n:02}") for n in range(20)]
    profile = shut(rules, *plays)
    assert rules.dropped["session_items"] == 20 - 3
    assert profile.rollup.totals.expected_abandoned > 0
    assert set(profile.rollup.contents) <= {"c00", "c01", "c02"}


def test_i6_records_beyond_the_cap_are_dropped_oldest_first_and_counted() -> None:
    rules = Rules(TINY)
    likes = [Feedback(user_id="u", ts=START + n, kind="like", content_id=f"c{n}") for n in range(5)]
    hides = [Dislike(user_id="u", ts=START + n, action="hide", content_id=f"h{n}") for n in range(4)]
    blocks = [Dislike(user_id="u", ts=START + n, action="block", content_id=f"b{n}") for n in range(3)]
    profile = shut(rules, *likes, *hides, *blocks)
    assert {key.target for key in profile.records} == {"c3", "c4", "b0", "b1", "b2"}
    assert rules.dropped["explicit_records"] == 3 + 4


def test_i6_keys_beyond_a_tiles_caps_are_dropped_lightest_first_and_counted() -> None:
    # contents: c0 c1 c2 each played once; ties: the greater value goes. Tags: t0 is on all, t1 t2 t3 on one each.
    rules = Rules(TINY)
    plays = [
        Play(user_id="u", ts=START + n, content_id=f"c{n}", tags=("t0", f"t{n + 1}"), creator_id=f"k{n % 2}")
        for n in range(3)
    ]
    tile = shut(rules, *plays).rollup.tiles[BASE_DAY]
    assert (set(tile.tag_totals()), set(tile.creators), set(tile.contents)) == ({"t0", "t1"}, {"k0"}, {"c0", "c1"})
    assert [rules.dropped[f"tile_{kind}s"] for kind in ("tag", "creator", "content")] == [2, 1, 1]


def test_i6_a_tag_in_two_contexts_is_one_tag_to_the_caps() -> None:
    rules = Rules(TINY)
    plays = [
        Play(user_id="u", ts=START + n, content_id=f"c{n}", tags=("t0", "t1"), device=device)
        for n, device in enumerate(("phone", "tv"))
    ]
    tile = shut(rules, *plays).rollup.tiles[BASE_DAY]
    assert set(tile.tag_totals()) == {"t0", "t1"}
    assert rules.dropped["tile_tags"] == 0


def test_i6_of_one_item_eight_playbacks_and_thirty_two_orders_are_remembered() -> None:
    #  playbacks p00 (0 s) ... p19 (19 s): the longest stay; orders o00 ... o39: the newest stay
    plays = [Play(user_id="u", ts=START, content_id="c", playback_id=f"p{n:02}", played_s=n) for n in range(20)]
    orders = [
        Feedback(user_id="u", ts=START + n, kind="purchase", content_id="c", order_id=f"o{n:02}") for n in range(40)
    ]
    profile = Profile("u", Rules(TINY))
    for event in [*plays, *orders, *reversed(orders), *reversed(plays)]:
        profile.apply(event, -1)
    item = profile.sessions[0].interactions["c"]
    assert item.playbacks is not None
    assert sorted(item.playbacks) == [f"p{n}" for n in range(12, 20)]
    (part,) = profile.sessions[0].records.values()
    assert sorted(part.acts.purchases) == [f"o{n:02}" for n in range(40 - ORDERS, 40)]
    assert profile.sessions[0].feedback()["c"].purchases == ORDERS


def test_i6_the_newest_of_very_many_statements_still_count() -> None:
    # 64 dislikes, an undo, one more dislike: that one contributes
    early = [
        Dislike(user_id="u", ts=START + n, action="dislike", content_id="c", tags=("x",)) for n in range(STATEMENTS)
    ]
    undo = Dislike(user_id="u", ts=START + 100, action="undo", content_id="c")
    again = Dislike(user_id="u", ts=START + 101, action="dislike", content_id="c", tags=("x",))
    for arrived in ([*early, undo, again], [again, undo, *early]):
        assert shut(Rules(Settings()), *arrived).rollup.tiles[BASE_DAY].tags["night"]["x"].ld == 2_000_000


def test_i6_a_user_s_open_sessions_and_late_records_are_bounded() -> None:
    rules = Rules(TINY)
    profile = Profile("u", rules)
    for n in range(OPEN_SESSIONS + 5):
        profile.apply(Play(user_id="u", ts=START, content_id="c", session_id=f"s{n}"), -1)
    assert len(profile.sessions) == OPEN_SESSIONS
    assert rules.dropped["open_sessions"] == 5
    profile.advance(watermark_at(24))
    for n in range(rules.records_held + 5):
        profile.apply(Dislike(user_id="u", ts=START - 1, action="dislike", content_id=f"c{n}"), profile.watermark)
    assert len(profile.records) == rules.records_held
    assert rules.dropped["explicit_records"] == 5


@pytest.mark.parametrize("half_life_days", [1.0, 7.0])
def test_days_far_from_each_other_do_not_leave_the_range_of_a_float(half_life_days: float) -> None:
    # 1970 ──────────────────────────── 55 years ──────────────────────────── 2025: 20,000 half-lives at one day each
    profile = Profile("u", Rules(Settings(half_life_days=half_life_days, window_days=30)))
    for ts in (0, START, START + 40 * DAY_MS):
        profile.apply(Play(user_id="u", ts=ts, content_id="c", tags=("x",), played_s=1.0, duration_s=900.0), -1)
        profile.advance(ts + DAY_MS)
        document = profile.document()
        assert document is not None
        assert document.completion == {"video": round(1 / 900, 4)}

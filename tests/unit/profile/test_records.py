"""Explicit records (spec §4): what stands of everything stated, what it contributes, what is kept."""

from __future__ import annotations

import itertools
import math

import pytest

from lab.oracle.oracle import Oracle, same
from streamer.events import DAY_MS, Event
from streamer.profile import Profile
from streamer.scoring.document import Entry
from streamer.settings import Settings
from tests.property.driving import tiles_of
from tests.steps import DAY0, HOUR, NOON, SECOND, after, disliked, gave, played, shown

SEALING = 2 * HOUR
"""Past an event by this, the watermark has sealed its session."""
LIKE = math.floor(-15 / 7 * 0.7 * 1e6 + 0.5)


def hard(*steps: Event | int) -> dict[str, Entry]:
    """The hard entries by value. Checked in every order of the events, when there are few."""
    found = []
    for order in itertools.permutations(steps) if len(steps) <= 4 else [steps]:
        document = after(*order).document()
        found.append({str(e.value): e for e in (document.entries if document else ()) if e.tier == "hard"})
    assert all(entries == found[0] for entries in found)
    return found[0]


def ld(profile: Profile, day: int = DAY0) -> dict[tuple[str, str], int]:
    """The explicit evidence in a day's tile."""
    return {key: counts["ld"] for key, counts in tiles_of(profile).get(day, {}).items() if "ld" in counts}


# --- what stands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "days"), [("dislike", 180), ("not_interested", 90), ("hide", 30), ("block", None), ("report", None)]
)
def test_a_no_excludes_from_arrival_for_its_time(action: str, days: int | None) -> None:
    entry = hard(disliked(NOON, "a", action=action))["a"]
    assert (entry.kind, entry.multiplier, entry.since) == ("content", 0.0, NOON)
    assert entry.expires_at == (None if days is None else NOON + days * DAY_MS)


def test_of_several_noes_the_longest_counts_since_the_newest() -> None:
    #   dislike until +180 d |  hide, a second later, until +30 d
    entry = hard(disliked(NOON, "a"), disliked(NOON + SECOND, "a", action="hide"))["a"]
    assert (entry.since, entry.expires_at) == (NOON + SECOND, NOON + 180 * DAY_MS)


def test_a_hard_entry_ends_to_the_millisecond() -> None:
    end = NOON + 30 * DAY_MS
    hide = disliked(NOON, "a", action="hide")
    assert "a" in hard(hide, shown(end - 1, "b"))
    assert hard(hide, shown(end, "b")) == {}


@pytest.mark.parametrize(("undone_ms", "stands"), [(-1, True), (0, False), (1, False)])
def test_an_undo_cancels_what_is_not_newer_whichever_comes_first(undone_ms: int, stands: bool) -> None:
    assert bool(hard(disliked(NOON, "a"), disliked(NOON + undone_ms, "a", action="undo"))) is stands


@pytest.mark.parametrize("action", ["block", "report"])
def test_blocks_and_reports_yield_to_an_undo_alone(action: str) -> None:
    block = disliked(NOON, "a", action=action)
    assert hard(block, gave(NOON + 1, "a", "love"), gave(NOON + 1, "a", "purchase"))["a"].expires_at is None
    assert hard(block, disliked(NOON + 1, "a", action="undo")) == {}


@pytest.mark.parametrize("kind", ["like", "love", "save", "share", "comment", "purchase"])
def test_positive_feedback_not_older_overrules_unless_undone(kind: str) -> None:
    hide = disliked(NOON, "a", action="hide")
    assert hard(hide, gave(NOON + 1, "a", kind)) == {}
    assert hard(hide, gave(NOON, "a", kind)) == {}
    assert "a" in hard(hide, gave(NOON - 1, "a", kind))
    assert "a" in hard(hide, gave(NOON + 1, "a", kind), gave(NOON + 2, "a", "undo", of=kind))
    assert "a" in hard(hide, gave(NOON + 1, "b", kind))


def test_only_the_newest_rating_and_only_a_good_one_overrules() -> None:
    hide = disliked(NOON, "a", action="hide")
    good, bad = gave(NOON + 1, "a", "rating", value=4), gave(NOON + 2, "a", "rating", value=3)
    assert hard(hide, good) == {}
    assert "a" in hard(hide, bad)
    assert "a" in hard(hide, good, bad)
    # r' = 4 - mean(4, 5, 5) < 0
    others = [gave(NOON, f"o{n}", "rating", value=5) for n in (1, 2)]
    assert "a" in hard(hide, good, *others)


def test_a_returned_purchase_overrules_no_longer() -> None:
    #   hide | buy o1, o2 | return o1: o2 stands | return o2: none
    hide = disliked(NOON, "a", action="hide")
    buys = [gave(NOON + n, "a", "purchase", order_id=f"o{n}") for n in (1, 2)]
    returns = [gave(NOON + 9 + n, "a", "return", order_id=f"o{n}") for n in (1, 2)]
    assert hard(hide, *buys, returns[0]) == {}
    assert "a" in hard(hide, *buys, *returns)
    assert "a" in hard(hide, *buys, gave(NOON + 9, "a", "return"))
    assert hard(hide, *buys, *returns, gave(NOON + 99, "a", "undo", of="return")) == {}


def test_a_follow_overrules_a_no_to_the_creator_and_an_unfollow_lifts_that() -> None:
    no = disliked(NOON, None, scope="creator", creator_id="k")
    follow = gave(NOON + 1, None, "follow", creator_id="k")
    unfollow = gave(NOON + 2, None, "undo", of="follow", creator_id="k")
    assert hard(no)["k"].kind == "creator"
    assert hard(no, follow) == {}
    assert "k" in hard(no, follow, unfollow)
    assert "k" in hard(no, gave(NOON + 1, "a", "like", creator_id="k"))
    # a follow is no praise of a content
    assert "a" in hard(disliked(NOON, "a", creator_id="k"), follow)


def test_a_no_to_a_tag_is_about_its_normal_form_and_nothing_positive_overrules_it() -> None:
    no = disliked(NOON, None, scope="tag", tag="  True-Crime ")
    assert hard(no, gave(NOON + 1, "a", "like", "true-crime"))["true-crime"].kind == "tag"
    assert hard(no, disliked(NOON + 1, None, scope="tag", tag="TRUE-CRIME", action="undo")) == {}


def test_a_click_states_nothing() -> None:
    profile = after(gave(NOON, "a", "click", "x"), gave(NOON, "a", "undo", of="click"), NOON + SEALING)
    assert profile.records == {}
    assert "a" in hard(disliked(NOON, "a"), gave(NOON + 1, "a", "click"))


# --- what is contributed -------------------------------------------------------------------------------------


def test_the_first_action_since_the_last_undo_contributes_on_its_day() -> None:
    #   DAY0: dislike (x), undo, dislike (y), dislike (z)
    stated = [
        disliked(NOON, "a", "x"),
        disliked(NOON + 1, "a", action="undo"),
        disliked(NOON + 2, "a", "y"),
        disliked(NOON + 3, "a", "z", action="hide"),
    ]
    for order in itertools.permutations(stated):
        profile = after(*order, NOON + SEALING)
        assert ld(profile) == {("tag", "y"): 2_000_000}


def test_of_actions_at_one_time_the_greater_item_keys_contribute_resolved_by_the_interaction() -> None:
    # both at NOON: one without tags, whose item is tagged z later on, one with tag a
    stated = [disliked(NOON, "a"), disliked(NOON, "a", "a"), shown(NOON + 1, "a", "z")]
    for order in itertools.permutations(stated):
        assert ld(after(*order, NOON + SEALING)) == {("tag", "z"): 2_000_000}


def test_a_record_contributes_once_and_anew_when_its_contribution_has_left_the_window() -> None:
    #   DAY0 dislike | DAY0 + 1 dislike: nothing more | DAY0 + 7, the window past: anew
    week = Settings(window_days=7)
    profile = after(disliked(NOON, "a", "x"), NOON + SEALING, settings=week)
    for day, expected in ((1, {}), (7, {("tag", "x"): 2_000_000})):
        profile.apply(disliked(NOON + day * DAY_MS, "a", "x"), profile.watermark)
        provisional = profile.document()
        profile.advance(NOON + day * DAY_MS + SEALING)
        assert ld(profile, DAY0 + day) == expected
        assert profile.document() == provisional


def test_an_action_without_item_keys_waits_for_one_that_has_them() -> None:
    #   DAY0 dislike, keys unknown | DAY0 + 1 dislike (x) contributes there
    profile = after(disliked(NOON, "a"), NOON + SEALING, disliked(NOON + DAY_MS, "a", "x"), NOON + 2 * DAY_MS)
    assert ld(profile) == {}
    assert ld(profile, DAY0 + 1) == {("tag", "x"): 2_000_000}


def test_item_keys_come_from_the_event_else_the_interaction_else_the_record() -> None:
    item = played(NOON, "a", "of-item", creator_id="k", played_s=60)
    assert ld(after(item, gave(NOON + 1, "a", "like", "of-event"), NOON + SEALING)) == {
        ("tag", "of-event"): LIKE,
        ("creator", "k"): LIKE,
    }
    later = after(gave(NOON, "a", "undo", "old", of="like"), NOON + SEALING, gave(NOON + DAY_MS, "a", "like"))
    later.advance(NOON + 2 * DAY_MS)
    assert ld(later, DAY0 + 1) == {("tag", "old"): LIKE}


def test_an_undo_in_a_later_session_takes_back_from_the_tile_it_went_into() -> None:
    #   DAY0 dislike (x, y, by k)  | sealed |  DAY0 + 1 undo | sealed
    profile = after(disliked(NOON, "a", "x", "y", creator_id="k"), NOON + SEALING)
    po = 1 - 0.96**2
    each = math.floor((2 - math.log(po * math.e**2 + 1 - po)) * 1e6 + 0.5)
    assert ld(profile) == {("tag", "x"): each, ("tag", "y"): each, ("creator", "k"): each}
    profile.apply(disliked(NOON + DAY_MS, "a", action="undo"), profile.watermark)
    profile.advance(NOON + DAY_MS + SEALING)
    assert tiles_of(profile) == {}


@pytest.mark.parametrize("order", [None, "o"])
def test_a_return_takes_back_the_purchase_and_speaks_against_its_keys(order: str | None) -> None:
    #   DAY0 buy a (x): -15/7 | DAY0 + 1 return, names no keys: +4/3
    profile = after(gave(NOON, "a", "purchase", "x", order_id=order), NOON + SEALING)
    assert ld(profile) == {("tag", "x"): -2_142_857}
    profile.apply(gave(NOON + DAY_MS, "a", "return", order_id=order), profile.watermark)
    profile.advance(NOON + 2 * DAY_MS)
    assert ld(profile) == {}
    assert ld(profile, DAY0 + 1) == {("tag", "x"): 1_333_333}


def test_a_purchase_contributes_until_no_order_stands() -> None:
    #   DAY0 buy o1 | +1 buy o2 | +2 return o1: o2 stands | +3 return o2
    steps: list[Event | int] = []
    for day, kind, order in ((0, "purchase", "o1"), (1, "purchase", "o2"), (2, "return", "o1"), (3, "return", "o2")):
        steps += [gave(NOON + day * DAY_MS, "a", kind, "x", order_id=order), NOON + day * DAY_MS + SEALING]
    assert [ld(after(*steps[:n])).get(("tag", "x"), 0) for n in (2, 4, 6, 8)] == [-2_142_857] * 3 + [0]


def test_a_newer_rating_replaces_the_older_and_an_older_one_does_not() -> None:
    #   DAY0 rated 1 (+.8) | DAY0 + 1: s1 rated 5, then the other session rated 2
    #   of 1, 5, 2 the mean is 8/3: r' = -2/3, weight -.3, .2 nats
    profile = after(gave(NOON, "a", "rating", "x", value=1), NOON + SEALING)
    assert ld(profile) == {("tag", "x"): 800_000}
    next_day = NOON + DAY_MS
    profile.apply(gave(next_day, "a", "rating", "x", value=2), profile.watermark)
    profile.apply(gave(next_day - 1, "a", "rating", "x", value=5, session_id="s1"), profile.watermark)
    profile.advance(next_day + SEALING)
    assert ld(profile) == {}
    assert ld(profile, DAY0 + 1) == {("tag", "x"): 200_000}


def test_three_ratings_of_one_session_are_weighed_by_their_mean() -> None:
    # 5, 4, 1: mean 10/3, r' = 5/3, 2/3, -7/3; weights .75, .3, -1.05
    profile = after(*(gave(NOON + v, f"c{v}", "rating", f"t{v}", value=v) for v in (5, 4, 1)), NOON + SEALING)
    assert ld(profile) == {("tag", "t5"): -500_000, ("tag", "t4"): -200_000, ("tag", "t1"): 700_000}


# --- late ones -----------------------------------------------------------------------------------------------


def test_a_late_like_overrules_and_its_late_undo_lifts_that_without_evidence() -> None:
    #   dislike a (NOON) ... last event NOON + 1 h: frontier |  like at NOON + 1 s, then its undo, arrive days later
    profile = after(disliked(NOON, "a", "x"), shown(NOON + HOUR, "b", session_id="s"), NOON + DAY_MS)
    before = tiles_of(profile)
    profile.apply(gave(NOON + SECOND, "a", "like", "x"), profile.watermark)
    assert profile.document() is None
    profile.apply(gave(NOON + 2 * SECOND, "a", "undo", of="like"), profile.watermark)
    document = profile.document()
    assert document is not None
    assert document.avoid.content_ids == ("a",)
    assert tiles_of(profile) == before


def test_a_late_rating_is_judged_by_the_mean_known_on_its_arrival() -> None:
    # R knows 5, 5, 5: r' of a late 4 is -1
    ratings = [gave(NOON + n, f"c{n}", "rating", value=5) for n in range(3)]
    profile = after(*ratings, disliked(NOON, "a"), NOON + DAY_MS)
    profile.apply(gave(NOON + 1, "a", "rating", value=4), profile.watermark)
    assert profile.document() is not None
    profile.apply(gave(NOON + 2, "a", "rating", value=5), profile.watermark)
    assert profile.document() is None


def test_a_late_rating_is_judged_as_of_the_frontier_s_day_whatever_is_open_by_now() -> None:
    #   window of two days; sealed: dislike a, 5, 5, 5 | a day and a half later a play, open | a late 4 for a: r' is -1
    #   as of the play's day the three fives have left the window, and r' would be 4 - 3
    constants = Settings(window_days=2)
    ratings = [gave(NOON + n, f"c{n}", "rating", value=5) for n in range(3)]
    steps: list[Event | int] = [disliked(NOON, "a"), *ratings, NOON + 12 * HOUR, played(NOON + 36 * HOUR, "b")]
    steps.append(gave(NOON + 1, "a", "rating", value=4))
    document = after(*steps, settings=constants).document()
    assert document is not None
    assert document.avoid.content_ids == ("a",)
    assert same(document, Oracle(constants).run(steps).document()) == []


# --- what is kept --------------------------------------------------------------------------------------------


def test_beyond_the_cap_the_ineffective_go_first_then_the_oldest_and_dislikes_last() -> None:
    #   newest first: ended < hide < not_interested < dislike; blocks never
    old = [disliked(NOON - 31 * DAY_MS, "ended", action="hide")]
    hides = [disliked(NOON + n, f"hide{n}", action="hide") for n in range(2)]
    no = [disliked(NOON + n, f"no{n}", action="dislike") for n in range(2)]
    block = [disliked(NOON - 30 * DAY_MS, "block", action="block")]
    all_of_them = [*old, *block, *hides, *no]
    for cap, kept in [
        (6, {"ended", "block", "hide0", "hide1", "no0", "no1"}),
        (5, {"block", "hide0", "hide1", "no0", "no1"}),
        (4, {"block", "hide1", "no0", "no1"}),
        (2, {"block", "no1"}),
        (1, {"block"}),
    ]:
        profile = after(*all_of_them, NOON + SEALING, settings=Settings(explicit_cap=cap))
        assert {key.target for key in profile.records} == kept


def test_a_record_out_of_the_window_that_excludes_nothing_is_forgotten_at_the_next_seal() -> None:
    #   DAY0 like a, like b, hide b (30 d) | DAY0 + 7 something else seals
    week = Settings(window_days=7)
    stated = [gave(NOON, "a", "like"), gave(NOON + 9, "b", "like"), disliked(NOON + 1, "b", action="hide")]
    profile = after(*stated, gave(NOON, None, "follow", creator_id="k"), NOON + SEALING, settings=week)
    assert len(profile.records) == 4
    profile.apply(shown(NOON + 7 * DAY_MS, "c"), profile.watermark)
    profile.advance(NOON + 7 * DAY_MS + SEALING)
    assert {(key.target, key.family) for key in profile.records} == {("k", "follow")}


def test_praise_out_of_the_window_stays_while_the_no_that_it_overrules_does() -> None:
    #   DAY0 dislike b, like b overrules it | DAY0 + 5 block b, undone | DAY0 + 7: the record is in the window yet
    week = Settings(window_days=7)
    profile = after(disliked(NOON, "b"), gave(NOON + 1, "b", "like"), NOON + SEALING, settings=week)
    profile.apply(disliked(NOON + 5 * DAY_MS, "b", action="hide"), profile.watermark)
    profile.apply(shown(NOON + 8 * DAY_MS, "c"), profile.watermark)
    profile.advance(NOON + 8 * DAY_MS + SEALING)
    assert {(key.target, key.family) for key in profile.records} == {("b", "dislike"), ("b", "like")}
    document = profile.document()
    assert document is not None
    # without the like the dislike of DAY0 would count, until DAY0 + 180 d
    assert document.entries[0].expires_at == NOON + 35 * DAY_MS


def test_what_an_open_session_states_out_of_the_window_counts_as_absent() -> None:
    #   DAY0 buy a (x): not sealed yet, but out of the week's window | DAY0 + 9 return a, dislike b (x)
    #   the return names no keys and finds none: x has LD 2 (L = -1.18) and not 3.33 (L = .16)
    late = NOON + 9 * DAY_MS
    stated = [gave(NOON, "a", "purchase", "x"), gave(late, "a", "return"), disliked(late, "b", "x")]
    for order in itertools.permutations(stated):
        document = after(*order, settings=Settings(window_days=7)).document()
        assert document is not None
        assert {entry.value for entry in document.entries} == {"b"}
    listed = after(gave(late, "a", "purchase", "x"), *stated[1:], settings=Settings(window_days=7)).document()
    assert listed is not None
    assert "x" in {entry.value for entry in listed.entries}

"""The oracle against every worked number of spec §2–§7 and §9, and against scenarios computed by hand."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from lab.oracle.counts import (
    ALL,
    MICRO,
    Tiles,
    Window,
    clip,
    days_until_forgotten,
    log_odds,
    rate_ratio,
)
from lab.oracle.document import listed_until
from lab.oracle.oracle import Oracle, UserOracle, disagreements, documents, same
from lab.oracle.sessions import Ratings, attention, interaction, outcome, passes_gate, sessions_of
from streamer.events import DAY_MS, Event, Impression
from streamer.scoring.document import Document, Entry
from streamer.settings import Settings, TileCaps
from tests.property.driving import tiles_of
from tests.steps import DAY0, HOUR, MINUTE, NOON, SECOND, disliked, gave, played, shown, unseen
from tests.steps import after as profile_after

SETTINGS = Settings()
SEALING = 90 * MINUTE + 1
"""Past an event by this, the watermark seals its session."""


def after(*steps: Event | int, settings: Settings = SETTINGS) -> UserOracle:
    return Oracle(settings).run(steps)


def entry(document: Document | None, kind: str, value: str, tier: str | None = None) -> Entry:
    assert document is not None
    (found,) = [e for e in document.entries if (e.kind, e.value) == (kind, value) and tier in (None, e.tier)]
    return found


def micro(x: float) -> int:
    return math.floor(x * 1e6 + 0.5)


# --- §6 and §7: score and expiry -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("o", "e", "ld", "odds"),
    [
        (0, 2, 0, -1.6707),
        (0, 3, 0, -0.9721),
        (0, 5, 0, 0.3481),
        (0, 8, 0, 2.1384),
        (0, 12, 0, 4.1097),
        (1.5, 8, 0, -0.2741),
        (3, 12, 0, -0.1361),
        (0, 1, 2, -0.3990),
        (0, 0, 2, -1.1781),
        (0, 3, -1.5, -2.4721),
        (1.5, 6, 2, 0.6153),
    ],
)
def test_log_odds_are_those_of_the_spec(o: float, e: float, ld: float, odds: float) -> None:
    assert log_odds(o, e, ld) == pytest.approx(odds, abs=5e-5)


def test_without_evidence_the_log_odds_are_the_prior() -> None:
    assert log_odds(0, 0, 0) == pytest.approx(math.log(0.04 / 0.96), abs=1e-12)


@pytest.mark.parametrize(("e", "days"), [(3, 38), (5, 105), (8, 166), (12, 218)])
def test_an_entry_expires_when_decay_alone_takes_it_below_the_threshold(e: float, days: int) -> None:
    assert days_until_forgotten(0, e, 0, Settings(window_days=3650)) == days
    assert days_until_forgotten(0, e, 0, SETTINGS) == min(days, 180)


def test_the_documents_example_has_the_score_and_multiplier_of_five_expected_engagements() -> None:
    assert log_odds(0, 5, 0) == pytest.approx(0.3481, abs=5e-5)
    assert rate_ratio("tag", 0, 5) == pytest.approx(0.2857, abs=5e-5)
    # Its expires_at is 105 days after its last_day 2025-10-09 (day 20,370).
    assert (20_370 + days_until_forgotten(0, 5, 0, Settings())) * DAY_MS == 1_769_040_000_000


@pytest.mark.parametrize(
    ("e", "was_listed", "listed"),
    [(3.0, False, True), (2.8, False, False), (2.8, True, True), (2.2, True, False), (0.9, True, False)],
)
def test_what_is_listed_stays_so_down_to_a_lower_threshold(e: float, was_listed: bool, listed: bool) -> None:
    # L: E = 3.0 -> -.97, 2.8 -> -1.11, 2.2 -> -1.53, 0.9 -> -2.5
    tiles: Tiles = {DAY0: {("tag", "t"): {"e": micro(e)}}}
    now = DAY0 * DAY_MS + HOUR
    bits = {("tag", "t"): now + 1} if was_listed else {}
    until = listed_until(Window(tiles, DAY0, SETTINGS), ("tag", "t"), bits, now)
    assert (until is not None) is listed


def test_a_listing_that_has_expired_counts_as_none() -> None:
    tiles: Tiles = {DAY0: {("tag", "t"): {"e": micro(2.8)}}}
    now = DAY0 * DAY_MS + HOUR
    assert listed_until(Window(tiles, DAY0, SETTINGS), ("tag", "t"), {("tag", "t"): now}, now) is None


def clicking_user(rate: float) -> list[Event | int]:
    """Ten days of a hundred untagged items each, shown first and clicked at this rate; all sealed."""
    steps: list[Event | int] = []
    for day in range(10):
        start = NOON + (day - 10) * DAY_MS
        for n in range(100):
            ts = start + n * 5 * SECOND
            steps.append(shown(ts, f"d{day}n{n}", position=0))
            if n < 100 * rate:
                steps.append(gave(ts + SECOND, f"d{day}n{n}", "click"))
        steps.append(start + 500 * SECOND + SEALING)
    return steps


def passed_over(n: int, rate: float) -> list[Event | int]:
    """A closed sitting with n ignored showings of a tag, among others clicked at the user's rate."""
    steps: list[Event | int] = []
    for i in range(10 * n):
        ts = NOON + i * SECOND
        steps.append(shown(ts, f"t{i}", *(["true-crime"] if i < n else []), position=0))
        if n <= i < n + round(10 * n * rate):
            steps.append(gave(ts + SECOND, f"t{i}", "click"))
    steps.append(NOON + 10 * n * SECOND + 31 * MINUTE)
    return steps


@pytest.mark.parametrize(("rate", "low", "high"), [(0.30, 12.15, 12.25), (0.05, 1.85, 1.95)])
def test_forty_unclicked_showings_weigh_as_much_as_the_user_would_have_clicked(
    rate: float, low: float, high: float
) -> None:
    user = after(*clicking_user(rate), *passed_over(40, rate), NOON + DAY_MS)
    e = user.tiles()[DAY0][("tag", "true-crime")]["e"] / MICRO
    assert low <= e <= high


def test_a_user_who_clicks_a_tenth_gets_a_tag_listed_after_31_ignored_showings_and_no_more_in_one_sitting() -> None:
    history = clicking_user(0.10)

    def tier(n: int) -> str | None:
        document = after(*history, *passed_over(n, 0.10)).document()
        assert document is not None
        return next((e.tier for e in document.entries if e.kind == "tag"), None)

    assert [tier(n) for n in (30, 31, 46, 60)] == [None, "soft", "soft", "soft"]


# --- §3: exposure --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({"visible_ms": 2_000}, True),
        ({"visible_ms": 1_999}, False),
        ({"visible_ms": 1_000, "media": "audio"}, True),
        ({"visible_ms": 999, "media": "article"}, False),
        ({"visible_ms": 1_999, "media": "video"}, False),
        ({"visible_ms": 2_000, "visible_ratio": 0.5}, True),
        ({"visible_ms": 9_000, "visible_ratio": 0.49}, False),
        ({}, False),
    ],
)
def test_an_impression_passes_the_gate_if_seen_long_and_large_enough(fields: dict[str, Any], seen: bool) -> None:
    assert passes_gate(Impression(user_id="u", ts=0, content_id="c", **fields), SETTINGS) is seen


def test_unverified_impressions_pass_on_trust_by_their_ratio_alone() -> None:
    trusting = Settings(trust_unverified=True)
    assert passes_gate(Impression(user_id="u", ts=0, content_id="c"), trusting)
    assert not passes_gate(Impression(user_id="u", ts=0, content_id="c", visible_ratio=0.4), trusting)


@pytest.mark.parametrize(
    ("position", "thousandths"),
    [(None, 1000), (0, 1000), (1, 707), (2, 577), (3, 500), (98, 101), (99, 100), (500, 100)],
)
def test_attention_falls_with_position(position: int | None, thousandths: int) -> None:
    assert attention(position, SETTINGS) == thousandths


@pytest.mark.parametrize(("position", "thousandths"), [(None, 1000), (0, 900), (1, 251), (7, 251)])
def test_attention_can_be_a_table(position: int | None, thousandths: int) -> None:
    assert attention(position, Settings(attention_table=(0.9, 0.2505))) == thousandths


@pytest.mark.parametrize(("length_ms", "exposures"), [(4_999, 0), (5_000, 1)])
def test_a_session_too_short_to_act_in_exposes_nothing(length_ms: int, exposures: int) -> None:
    user = after(shown(NOON, "a", "t"), unseen(NOON + length_ms), NOON + DAY_MS)
    counts = user.tiles().get(DAY0, {}).get(("tag", "t"), {})
    assert counts.get("shown", 0) == counts.get("ignored", 0) == exposures


# --- §4: what an interaction says ----------------------------------------------------------------------------


def said(*events: Event, settings: Settings = SETTINGS) -> str:
    """How the play of one content, in a session of these events, went."""
    (session,) = sessions_of(events, settings)
    out = outcome(interaction("c", events, settings), session, True, Ratings(), settings)
    return "abandoned" if out.abandoned else "satisfied" if out.satisfied else "left"


@pytest.mark.parametrize(
    ("fields", "said_so"),
    [
        # 2 sqrt(100) = 20 s
        ({"duration_s": 100, "played_s": 19.9}, "abandoned"),
        ({"duration_s": 100, "played_s": 20}, "satisfied"),
        # the rules meet at 15 min: 2 sqrt(900) = 60 s; 60 of 900 s are less than a tenth
        ({"duration_s": 900, "played_s": 59.9}, "abandoned"),
        ({"duration_s": 900, "played_s": 60}, "left"),
        ({"duration_s": 1800, "played_s": 59.9}, "abandoned"),
        # 120 of 1800 s: a bounce, but not left early
        ({"duration_s": 1800, "played_s": 120}, "left"),
        ({"duration_s": 1800, "played_s": 1750}, "satisfied"),
        # 2 sqrt(4) = 4 s, but 80 % is no leaving
        ({"duration_s": 4, "played_s": 3.1}, "abandoned"),
        ({"duration_s": 4, "played_s": 3.2}, "satisfied"),
        ({"played_s": 29.9}, "abandoned"),
        ({"played_s": 30}, "satisfied"),
        ({}, "satisfied"),
        ({"media": "audio", "duration_s": 100, "played_s": 1, "position_s": 20}, "satisfied"),
        ({"media": "audio", "duration_s": 100, "played_s": 1, "position_s": 19}, "abandoned"),
        ({"media": "video", "duration_s": 100, "played_s": 1, "position_s": 20}, "abandoned"),
        ({"media": "article", "scroll_depth": 0.24}, "abandoned"),
        ({"media": "article", "scroll_depth": 0.24, "played_s": 14.9}, "abandoned"),
        ({"media": "article", "scroll_depth": 0.24, "played_s": 15}, "satisfied"),
        ({"media": "article", "scroll_depth": 0.09, "played_s": 15}, "left"),
        ({"media": "article", "played_s": 1}, "satisfied"),
        ({"media": "product", "duration_s": 100, "played_s": 1}, "satisfied"),
    ],
)
def test_how_a_play_ended_follows_from_what_was_consumed(fields: dict[str, Any], said_so: str) -> None:
    assert said(played(NOON, "c", **fields)) == said_so


def test_the_flat_rule_asks_for_a_minute_of_any_video() -> None:
    flat = Settings(abandon_rule="flat")
    assert said(played(NOON, "c", duration_s=100, played_s=59), settings=flat) == "abandoned"
    assert said(played(NOON, "c", duration_s=1000, played_s=60), settings=flat) == "left"


@pytest.mark.parametrize(
    ("feedback", "said_so"),
    [
        ([gave(NOON + 1, "c", "like")], "left"),
        ([gave(NOON + 1, "c", "like"), gave(NOON + 2, "c", "undo", of="like")], "abandoned"),
        ([gave(NOON + 2, "c", "like"), gave(NOON + 1, "c", "undo", of="like")], "left"),
        ([gave(NOON + 2, "c", "like"), gave(NOON + 2, "c", "undo", of="like")], "abandoned"),
        ([gave(NOON + 1, "c", "rating", value=4)], "left"),
        ([gave(NOON + 1, "c", "rating", value=4), gave(NOON + 2, "c", "rating", value=3)], "abandoned"),
        ([gave(NOON + 1, "c", "purchase", order_id="o")], "left"),
        ([gave(NOON + 1, "c", "purchase", order_id="o"), gave(NOON, "c", "return", order_id="o")], "abandoned"),
        ([gave(NOON + 1, "c", "purchase", order_id="o"), gave(NOON + 2, "c", "return", order_id="p")], "left"),
        ([gave(NOON + 1, "c", "purchase", order_id="o"), gave(NOON + 2, "c", "return")], "abandoned"),
        ([gave(NOON + 1, "c", "purchase"), gave(NOON + 2, "c", "return", order_id="p")], "abandoned"),
        ([gave(NOON + 2, "c", "purchase"), gave(NOON + 1, "c", "return", order_id="p")], "left"),
        ([gave(NOON + 1, "c", "click")], "abandoned"),
    ],
)
def test_positive_feedback_that_stands_is_no_abandonment(feedback: list[Event], said_so: str) -> None:
    assert said(played(NOON, "c", duration_s=100, played_s=1), *feedback) == said_so


def test_ratings_are_measured_by_the_users_mean_once_there_are_three() -> None:
    three = Ratings().plus([5, 4, 1])
    assert three.deviation(4) == pytest.approx(0.67, abs=0.005)
    assert three.weight(4) == pytest.approx(0.45 * 2 / 3)
    assert Ratings().plus([5, 4]).deviation(4) == 1
    assert [Ratings().weight(value) for value in (5, 4, 3, 2, 1)] == [0.9, 0.65, 0, -0.6, -1.2]
    assert Ratings(100, 500).weight(1) == -1.2
    assert Ratings(100, 100).weight(5) == 0.9


# --- §2: sessions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap_ms", "joined"), [(30 * MINUTE, True), (30 * MINUTE + 1, False)])
def test_a_gap_of_more_than_half_an_hour_splits_a_session(gap_ms: int, joined: bool) -> None:
    #   filler  shown a          play a
    #   |--10s--|----- gap_ms ---|
    #   one session: a was started            two: a was ignored, then started
    user = after(
        unseen(NOON - 10 * SECOND),
        shown(NOON, "a", duration_s=100),
        played(NOON + gap_ms, "a", played_s=90, duration_s=100),
        NOON + DAY_MS,
    )
    expected = {"shown": 1, "started": 1, "engaged": 1}
    if not joined:
        expected |= {"ignored": 1, "sessions": 1}
    assert user.tiles()[DAY0][("content", "a")] == expected


def test_midnight_splits_a_session() -> None:
    #            DAY0 | DAY0 + 1
    #   filler shown a|  play a
    #   |--10s--|     |  |
    midnight = (DAY0 + 1) * DAY_MS
    user = after(
        unseen(midnight - 11 * SECOND),
        shown(midnight - SECOND, "a"),
        played(midnight, "a"),
        midnight + DAY_MS,
    )
    assert user.tiles()[DAY0][("content", "a")] == {"shown": 1, "ignored": 1, "sessions": 1}
    assert user.tiles()[DAY0 + 1][("content", "a")] == {"started": 1, "engaged": 1}


def test_an_event_between_two_sessions_joins_them() -> None:
    #   filler shown a      (click b)        play a
    #   |--10s--|---20 min---|----20 min-----|
    apart = [unseen(NOON - 10 * SECOND), shown(NOON, "a"), played(NOON + 40 * MINUTE, "a")]
    bridge = gave(NOON + 20 * MINUTE, "b", "click")
    assert after(*apart, NOON + DAY_MS).tiles()[DAY0][("content", "a")]["ignored"] == 1
    joined = after(*apart, bridge, NOON + DAY_MS).tiles()[DAY0][("content", "a")]
    assert joined == {"shown": 1, "started": 1, "engaged": 1}


def test_session_ids_keep_sessions_apart() -> None:
    #   s1   filler--shown a
    #   s2                   play a
    user = after(
        unseen(NOON - 10 * SECOND, session_id="s1"),
        shown(NOON, "a", session_id="s1"),
        played(NOON + SECOND, "a", session_id="s2"),
        NOON + DAY_MS,
    )
    counts = user.tiles()[DAY0][("content", "a")]
    assert counts == {"shown": 1, "ignored": 1, "sessions": 1, "started": 1, "engaged": 1}


def test_a_session_seals_when_the_watermark_is_past_gap_and_grace() -> None:
    #   filler--shown a ---30 min (closed)--- 60 min grace ---| + 1 ms: sealed
    events = [unseen(NOON - 10 * SECOND), shown(NOON, "a", "t")]
    user = after(*events, NOON + 90 * MINUTE)
    assert user.tiles() == {}
    user.step(NOON + 90 * MINUTE + 1)
    assert user.tiles()[DAY0][("tag", "t")]["ignored"] == 1


def test_a_mere_exposure_says_nothing_before_its_session_is_closed() -> None:
    history = clicking_user(0.3)
    user = after(*history, *passed_over(40, 0.3)[:-1])
    last = NOON + 399 * SECOND
    for watermark, tags in [(last + 30 * MINUTE - 1, []), (last + 30 * MINUTE, ["true-crime"])]:
        user.step(watermark)
        document = user.document()
        assert document is not None
        assert [e.value for e in document.entries if e.kind == "tag"] == tags


def test_a_late_event_is_metered_and_not_counted() -> None:
    #   sealed: filler--shown a  = frontier NOON
    #   then: play of a at NOON - 1 s arrives; falls in no session of the head
    user = after(unseen(NOON - 10 * SECOND), shown(NOON, "a", "t"), NOON + SEALING)
    before = user.tiles()
    user.step(played(NOON - SECOND, "a", "t"))
    user.step(NOON + DAY_MS)
    assert user.late == 1
    assert user.tiles() == before


def test_an_old_event_that_falls_in_a_session_of_the_head_is_not_late() -> None:
    #   s1  |filler NOON-10s, shown a NOON|  sealed: the frontier is NOON
    #   s2  |unseen NOON-20m ... unseen NOON+5m|  still open at the watermark, NOON + 90 min + 1 ms
    #         ^ play of b at NOON-20m-1s arrives now: within the gap of s2
    user = after(
        unseen(NOON - 10 * SECOND, session_id="s1"),
        shown(NOON, "a", session_id="s1"),
        unseen(NOON - 20 * MINUTE, session_id="s2"),
        unseen(NOON + 5 * MINUTE, session_id="s2"),
        NOON + SEALING,
        played(NOON - 20 * MINUTE - SECOND, "b", session_id="s2"),
        played(NOON - 20 * MINUTE - SECOND, "b", session_id="s3"),
        NOON + DAY_MS,
    )
    assert user.late == 1
    assert user.tiles()[DAY0][("content", "b")] == {"started": 1, "engaged": 1}


def test_sessions_seal_in_order_of_their_end_declared_before_derived() -> None:
    #   derived  |filler ------------ shown x (b)|   same last: seals second, against an R with the first in it
    #   s1       |filler ------------ shown x (a)|
    events = [
        unseen(NOON - 10 * SECOND),
        shown(NOON, "b", "x", creator_id="derived"),
        unseen(NOON - 10 * SECOND, session_id="s1"),
        shown(NOON, "a", "x", creator_id="declared"),
    ]
    events[3] = msgspec.structs.replace(events[3], session_id="s1")
    user = after(*events, NOON + DAY_MS)
    # First: nothing known. r = (0 + 20*.1)/(1 + 20), its own exposure included; beta = 1 - .35; lambda = 1.
    first, explained = micro(2 / 21 * 0.65), micro(2 / 21)
    # Second: theta 1 of R and 1 of its own; what was explained lowers beta; P/lambda_creator = lambda_x.
    e0, beta = 2 / 22, 5 * 0.65 / (5 + explained / 1e6)
    tile = user.tiles()[DAY0]
    assert tile[("creator", "declared")]["e"] == first
    assert tile[("tag", "x")]["e"] == first + micro(e0 * beta)
    assert tile[("creator", "derived")]["e"] == micro(e0 * beta * 4 / (4 + first / 1e6))
    assert tile[ALL] == {"theta": 2000, "explained": explained + micro(e0 * 4 / (4 + first / 1e6))}


# --- §5: contributions ---------------------------------------------------------------------------------------


def test_a_satisfying_play_of_something_shown_is_one_trial() -> None:
    user = after(
        shown(NOON, "a", "x", position=3, duration_s=100),
        played(NOON + 10 * SECOND, "a", played_s=45, duration_s=100),
        NOON + DAY_MS,
    )
    tile = user.tiles()[DAY0]
    # position 3: theta .5; r = (1 + 2)/(.5 + 20); beta = 1 - .35
    e0 = 3 / 20.5 * 0.5
    assert tile[("tag", "x")] == {
        "shown": 1,
        "started": 1,
        "engaged": 1,
        "o": 1_000_000,
        "e": micro(e0 * 0.65),
    }
    assert tile[ALL] == {
        "theta": 500,
        "starts": 1,
        "engaged": 1,
        "explained": micro(e0),
        "expected_abandoned": 350_000,
        "n_video": 1,
        "completion_video": 450_000,
    }
    assert tile[("bucket", "120")] == {"plays": 1}


def test_a_play_from_search_is_a_play_but_no_exposure_trial() -> None:
    user = after(played(NOON, "a", "x", played_s=5, duration_s=120), NOON + DAY_MS)
    tile = user.tiles()[DAY0]
    assert tile[("tag", "x")] == {"started": 1, "abandoned": 1, "e": 325_000}
    assert tile[("bucket", "120")] == {"plays": 1, "abandoned": 1}
    assert tile[ALL] == {
        "abandoned": 1,
        "expected_abandoned": 350_000,
        "n_video": 1,
        "completion_video": micro(5 / 120),
    }


def test_a_product_is_never_expected_to_be_abandoned() -> None:
    user = after(played(NOON, "a", "x", media="product", played_s=1, duration_s=100), NOON + DAY_MS)
    tile = user.tiles()[DAY0]
    assert tile == {
        ("tag", "x"): {"started": 1, "engaged": 1, "e": 450_000, "o": 500_000},
        ("content", "a"): {"started": 1, "engaged": 1},
    }


def test_what_was_only_disliked_is_no_trial() -> None:
    user = after(shown(NOON, "a", "x"), disliked(NOON + 6 * SECOND, "a"), NOON + DAY_MS)
    tile = user.tiles()[DAY0]
    assert tile[("tag", "x")] == {"shown": 1, "sessions": 1, "ld": 2_000_000}
    assert ALL not in tile


def test_a_dislike_is_two_nats_shared_by_blame() -> None:
    user = after(disliked(NOON, "a", "x", "y", creator_id="c"), NOON + DAY_MS)
    # Nothing known: each other key is the culprit with probability .04.
    po = 1 - 0.96**2
    each = micro(2 - math.log(po * math.exp(2) + 1 - po))
    assert user.tiles()[DAY0] == {key: {"ld": each} for key in [("tag", "x"), ("tag", "y"), ("creator", "c")]}


def test_the_culprit_already_known_takes_the_blame() -> None:
    first = disliked(NOON, None, scope="tag", tag="y")
    second = disliked(NOON + DAY_MS, "a", "x", "y")
    user = after(first, NOON + SEALING, second, NOON + 2 * DAY_MS)
    odds = math.log(0.04 / 0.96) + 2 * 2 ** (-1 / 90)
    po = 1 / (1 + math.exp(-odds))
    assert user.tiles()[DAY0][("tag", "y")] == {"ld": 2_000_000}
    tile = user.tiles()[DAY0 + 1]
    assert tile[("tag", "x")]["ld"] == micro(2 - math.log(po * math.exp(2) + 1 - po))
    assert tile[("tag", "y")]["ld"] == micro(2 - math.log(0.04 * math.exp(2) + 0.96))
    assert tile[("tag", "y")]["ld"] > tile[("tag", "x")]["ld"]


@pytest.mark.parametrize(
    ("event", "ld"),
    [
        (gave(NOON, "a", "like", "x"), -1_500_000),
        (gave(NOON, "a", "love", "x"), micro(-15 / 7 * 0.9)),
        (gave(NOON, "a", "comment", "x"), micro(-15 / 7 * 0.1)),
        (gave(NOON, "a", "purchase", "x"), micro(-15 / 7)),
        (gave(NOON, "a", "return", "x"), micro(4 / 3)),
        (gave(NOON, "a", "rating", "x", value=1), micro(2 / 3 * 1.2)),
        (gave(NOON, "a", "rating", "x", value=2), 400_000),
        (gave(NOON, "a", "rating", "x", value=3), 0),
        (gave(NOON, "a", "rating", "x", value=5), micro(-2 / 3 * 0.9)),
        (disliked(NOON, "a", "x", action="hide"), 2_000_000),
        (disliked(NOON, None, scope="tag", tag=" X "), 2_000_000),
        (gave(NOON, "a", "click", "x"), 0),
    ],
)
def test_what_explicit_feedback_weighs(event: Event, ld: int) -> None:
    assert after(event, NOON + DAY_MS).tiles().get(DAY0, {}).get(("tag", "x"), {}).get("ld", 0) == ld


def test_a_follow_is_three_nats_for_the_creator_alone() -> None:
    user = after(gave(NOON, "a", "follow", "x", creator_id="c"), NOON + DAY_MS)
    assert user.tiles()[DAY0][("creator", "c")]["ld"] == -3_000_000
    assert "ld" not in user.tiles()[DAY0][("tag", "x")]


@pytest.mark.parametrize(
    ("creator", "content", "engaged"), [("m", None, 0), ("m", "b", 0), ("m", "a", 0), ("k", "a", 1)]
)
def test_an_unfollow_ends_what_that_follow_gave_and_no_other(creator: str, content: Any, engaged: int) -> None:
    follow = gave(NOON, "a", "follow", "x", creator_id="m")
    undo = gave(NOON + SECOND, content, "undo", of="follow", creator_id=creator)
    for events in ((follow, undo), (undo, follow)):
        user = after(*events, NOON + DAY_MS)
        assert user.tiles().get(DAY0, {}).get(("tag", "x"), {}).get("engaged", 0) == engaged
        profile = profile_after(*events, NOON + DAY_MS)
        assert tiles_of(profile) == user.tiles()


def test_three_ratings_in_one_session_are_measured_by_their_mean() -> None:
    events = [gave(NOON + v, f"c{v}", "rating", f"t{v}", value=v) for v in (5, 4, 1)]
    tile = after(*events, NOON + DAY_MS).tiles()[DAY0]
    # mean 10/3: r' = 5/3, 2/3, -7/3; weights .75, .30, -1.05
    assert {v: tile[("tag", f"t{v}")]["ld"] for v in (5, 4, 1)} == {
        5: micro(-2 / 3 * 0.75),
        4: micro(-2 / 3 * 0.30),
        1: micro(2 / 3 * 1.05),
    }
    assert tile[ALL] == {"ratings": 3, "rating_sum": 10}
    assert tile[("tag", "t4")]["engaged"] == 1
    assert tile[("tag", "t1")]["low_rating"] == 1


def test_a_newer_rating_replaces_an_older_one_exactly() -> None:
    user = after(gave(NOON, "a", "rating", "x", value=1), NOON + SEALING)
    assert user.tiles()[DAY0][("tag", "x")]["ld"] == 800_000
    user.step(gave(NOON + DAY_MS, "a", "rating", "x", value=2))
    user.step(NOON + 2 * DAY_MS)
    assert "ld" not in user.tiles()[DAY0][("tag", "x")]
    assert user.tiles()[DAY0 + 1][("tag", "x")]["ld"] == 400_000


def test_evidence_is_contributed_once_per_record() -> None:
    user = after(disliked(NOON, "a", "x"), NOON + SEALING, disliked(NOON + DAY_MS, "a", "x"), NOON + 2 * DAY_MS)
    assert user.tiles() == {DAY0: {("tag", "x"): {"ld": 2_000_000}}}


def test_an_undo_takes_back_exactly_what_was_contributed() -> None:
    dislike = disliked(NOON, "a", "x", "y", creator_id="c")
    undo = disliked(NOON + DAY_MS, "a", action="undo")
    user = after(dislike, NOON + SEALING)
    assert len(user.tiles()[DAY0]) == 3
    user.step(undo)
    document = user.document()
    assert document is None
    user.step(NOON + 2 * DAY_MS)
    assert user.tiles() == {}


def test_a_late_undo_takes_back_on_arrival() -> None:
    #   dislike a (NOON)  [sealed]   dislike b (NOON + 10 s, the frontier)
    #                      undo a at NOON + 5 s arrives after both
    user = after(disliked(NOON, "a", "x"), disliked(NOON + 10 * SECOND, "b", "y"), NOON + 2 * HOUR)
    user.step(disliked(NOON + 5 * SECOND, "a", action="undo"))
    assert user.late == 1
    assert user.tiles() == {DAY0: {("tag", "y"): {"ld": 2_000_000}}}
    document = user.document()
    assert document is not None
    assert document.avoid.content_ids == ("b",)


def test_an_undo_that_arrives_first_cancels_what_is_not_newer() -> None:
    undo, dislike = disliked(NOON + SECOND, "a", action="undo"), disliked(NOON, "a", "x")
    for events in [(undo, dislike), (dislike, undo)]:
        user = after(*events, NOON + DAY_MS)
        assert user.tiles() == {}
        assert user.document() is None


def test_a_return_takes_the_purchases_contribution_and_uses_its_keys() -> None:
    user = after(gave(NOON, "a", "purchase", "x", order_id="o"), NOON + SEALING)
    assert user.tiles()[DAY0][("tag", "x")]["ld"] == micro(-15 / 7)
    user.step(gave(NOON + DAY_MS, "a", "return", order_id="o"))
    user.step(NOON + 2 * DAY_MS)
    assert "ld" not in user.tiles()[DAY0][("tag", "x")]
    assert user.tiles()[DAY0 + 1][("tag", "x")]["ld"] == micro(4 / 3)


def both_after(*steps: Event | int) -> Tiles:
    """The tiles of a user, by the oracle and by the profile."""
    found = after(*steps).tiles()
    assert tiles_of(profile_after(*steps)) == found
    return found


def ld_of(tiles: Tiles, day: int, tag: str) -> int:
    return tiles.get(day, {}).get(("tag", tag), {}).get("ld", 0)


NEXT_DAY = NOON + DAY_MS
ELSEWHERE: dict[str, Any] = {"session_id": "order page"}


def test_a_rating_corrected_without_tags_speaks_of_the_item_that_was_shown_when_it_was_given() -> None:
    #   DAY0 shown a (x), rated 1, which names no tags   | the day after, from a list of ratings: a 2
    tiles = both_after(
        shown(NOON, "a", "x"), gave(NOON + 1, "a", "rating", value=1), NOON + SEALING + 1,
        gave(NEXT_DAY, "a", "rating", value=2, **ELSEWHERE), NOON + 2 * DAY_MS,
    )  # fmt: skip
    assert (ld_of(tiles, DAY0, "x"), ld_of(tiles, DAY0 + 1, "x")) == (0, 400_000)


@pytest.mark.parametrize("sealed", [True, False])
def test_a_return_from_the_order_page_finds_what_was_bought_where_it_was_shown(sealed: bool) -> None:
    #   shown a (x), bought   | an hour and three quarters, or a second later: returned from the order page
    at = NOON + (105 * MINUTE if sealed else SECOND)
    tiles = both_after(
        shown(NOON, "a", "x"), gave(NOON + 1, "a", "purchase", order_id="o"), at - MINUTE,
        gave(at, "a", "return", order_id="o", **ELSEWHERE), NOON + DAY_MS,
    )  # fmt: skip
    assert ld_of(tiles, DAY0, "x") == micro(4 / 3)


def test_a_dislike_undone_and_made_again_in_another_session_without_keys_speaks_of_its_item() -> None:
    #   DAY0 shown a (x), disliked | + 1 undone, elsewhere | + 2 disliked, elsewhere
    steps: list[Event | int] = [shown(NOON, "a", "x"), disliked(NOON + 1, "a"), NOON + SEALING + 1]
    for day, action in ((1, "undo"), (2, "dislike")):
        steps += [disliked(NOON + day * DAY_MS, "a", action=action, **ELSEWHERE), NOON + (day + 1) * DAY_MS]
    assert [ld_of(both_after(*steps[:n]), DAY0, "x") for n in (3, 5, 7)] == [2_000_000, 0, 0]
    assert ld_of(both_after(*steps), DAY0 + 2, "x") == 2_000_000


def test_a_late_event_has_no_keys_but_its_own() -> None:
    #   DAY0 shown a (x) | sealed | a like of then arrives late | + 1 liked, elsewhere: nobody told what it is about
    tiles = both_after(
        shown(NOON, "a", "x"), shown(NOON + 5 * SECOND, "b"), NOON + 2 * HOUR,
        gave(NOON + 1, "a", "like", session_id="late"), gave(NEXT_DAY, "a", "like", **ELSEWHERE), NOON + 2 * DAY_MS,
    )  # fmt: skip
    assert ld_of(tiles, DAY0 + 1, "x") == 0


def test_a_tile_keeps_the_heaviest_keys() -> None:
    capped = Settings(tile_caps=TileCaps(tags=2))
    user = after(
        shown(NOON, "a", "twice", "z-once"),
        shown(NOON + 10 * SECOND, "b", "twice", "a-once"),
        shown(NOON + 20 * SECOND, "c", "a-once"),
        disliked(NOON + 30 * SECOND, None, scope="tag", tag="never-shown"),
        NOON + DAY_MS,
        settings=capped,
    )
    # shown: twice 2, a-once 2, z-once 1, never-shown 0 but with evidence; of equals the greater value goes first
    assert {key[1] for key in user.tiles()[DAY0] if key[0] == "tag"} == {"a-once", "never-shown"}


def test_the_earliest_items_of_a_session_count() -> None:
    capped = Settings(session_items=2)
    events = [played(NOON + n, f"c{n}") for n in (3, 1, 2)]
    user = after(*events, NOON + DAY_MS, settings=capped)
    assert {key[1] for key in user.tiles()[DAY0] if key[0] == "content"} == {"c1", "c2"}


# --- §4 and §7: entries --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "days"), [("dislike", 180), ("not_interested", 90), ("hide", 30)])
def test_a_hard_entry_stands_from_arrival_to_its_end(action: str, days: int) -> None:
    document = after(disliked(NOON, "a", action=action)).document()
    hard = entry(document, "content", "a")
    assert (hard.tier, hard.multiplier, hard.reasons) == ("hard", 0.0, ("explicit",))
    assert (hard.since, hard.expires_at) == (NOON, NOON + days * DAY_MS)
    assert document is not None
    assert document.avoid.content_ids == ("a",)


def test_a_hard_entry_that_has_ended_is_gone() -> None:
    end = NOON + 30 * DAY_MS
    dislike = disliked(NOON, "a", action="hide")
    assert after(dislike, shown(end - 1, "b")).document() is not None
    assert after(dislike, shown(end, "b")).document() is None


def test_a_later_like_overrules_a_dislike_but_no_block() -> None:
    like = gave(NOON + SECOND, "a", "like")
    assert after(disliked(NOON, "a"), like).document() is None
    assert after(disliked(NOON + SECOND, "a"), like).document() is None
    assert after(disliked(NOON + 2 * SECOND, "a"), like).document() is not None
    for action in ("block", "report"):
        blocked = entry(after(disliked(NOON, "a", action=action), like).document(), "content", "a")
        assert blocked.expires_at is None
    undone = gave(NOON + 2 * SECOND, "a", "undo", of="like")
    assert after(disliked(NOON, "a"), like, undone).document() is not None


def test_a_follow_overrules_a_dislike_of_the_creator() -> None:
    dislike = disliked(NOON, None, scope="creator", creator_id="c")
    follow = gave(NOON + SECOND, None, "follow", creator_id="c")
    assert entry(after(dislike).document(), "creator", "c", "hard").expires_at == NOON + 180 * DAY_MS
    assert after(dislike, follow).document() is None


def test_explicit_evidence_lists_a_tag_beside_its_hard_entry() -> None:
    dislikes = [disliked(NOON + n, f"c{n}", "x") for n in range(4)]
    soft = entry(after(*dislikes).document(), "tag", "x")
    # LD = 8 counts for 2 + ln(13) / 2 = 3.2825: L = logit .04 + 3.2825 = .1044
    assert soft.log_odds == pytest.approx(math.log(0.04 / 0.96) + 2 + math.log(13) / 2, abs=1e-4)
    assert soft.tier == "strong"
    assert soft.multiplier == pytest.approx(1 / (1 + math.exp(soft.log_odds or 0)), abs=1e-4)
    assert soft.reasons == ("explicit",)
    assert soft.since == DAY0 * DAY_MS
    assert (soft.evidence.first_day, soft.evidence.last_day) == ("2024-10-04", "2024-10-04")
    # 8 * 2^(-d/90) falls below -1.5 - logit .04 = 1.678 on day 203: at the window's end
    assert soft.expires_at == (DAY0 + 180) * DAY_MS


def three_days_of_ignoring(content: str) -> list[Event | int]:
    steps: list[Event | int] = []
    for day in range(3):
        ts = NOON + day * DAY_MS
        steps += [unseen(ts - 10 * SECOND), shown(ts, content), ts + SEALING]
    return steps


def test_content_ignored_three_times_is_avoided_strongly() -> None:
    #   DAY0 ignored | +1 ignored | +2 ignored
    ignored = entry(after(*three_days_of_ignoring("a")).document(), "content", "a")
    assert (ignored.tier, ignored.reasons, ignored.log_odds) == ("strong", ("ignored",), None)
    assert ignored.multiplier == 0.36
    assert ignored.expires_at == (DAY0 + 2 + 30) * DAY_MS
    assert (ignored.evidence.shown, ignored.evidence.ignored, ignored.evidence.sessions) == (3, 3, 3)


def test_every_showing_of_a_content_counts_and_none_of_them_twice() -> None:
    # one sitting: seen three times and sent again, once by an id, once unseen; then once more the next day
    again = [shown(NOON + n * MINUTE, "a", event_id=None if n else "first") for n in range(3)]
    repeats = [*again, shown(NOON + 3 * MINUTE, "a", event_id="first"), unseen(NOON + 4 * MINUTE, "a")]
    one_day = entry(after(*again, *repeats, NOON + HOUR).document(), "content", "a")
    assert (one_day.evidence.shown, one_day.evidence.ignored, one_day.evidence.sessions) == (3, 3, 1)
    assert (one_day.tier, one_day.multiplier) == ("soft", 0.36)
    assert one_day.expires_at == (DAY0 + 14) * DAY_MS
    tomorrow = [shown(NOON + DAY_MS, "a"), unseen(NOON + DAY_MS + MINUTE), NOON + DAY_MS + SEALING]
    two_days = entry(after(*again, *repeats, *tomorrow).document(), "content", "a")
    assert (two_days.tier, two_days.multiplier, two_days.evidence.ignored) == ("strong", 0.17, 4)
    assert two_days.expires_at == (DAY0 + 31) * DAY_MS
    assert profile_after(*again, *repeats, *tomorrow).document() == after(*again, *repeats, *tomorrow).document()


def test_eight_showings_of_a_session_count_at_most() -> None:
    often = [shown(NOON + n * MINUTE, "a", "t") for n in range(20)]
    user = after(*often, NOON + HOUR)
    seen = entry(user.document(), "content", "a")
    assert (seen.evidence.shown, seen.evidence.ignored) == (8, 8)
    user.step(NOON + 3 * HOUR)
    assert user.tiles()[DAY0][("tag", "t")]["shown"] == 1  # of keys it is one interaction


def test_engaging_with_a_content_forgives_what_was_ignored_before() -> None:
    #   DAY0 ignored | +1 shown and clicked | +2 ignored: one since
    steps = three_days_of_ignoring("a")
    user = after(*steps[:5], gave(NOON + DAY_MS, "a", "click"), *steps[5:])
    assert user.document() is None


def test_abandoned_content_is_avoided_softly_until_engaged_with() -> None:
    #   DAY0 abandoned | ... | engaged the same or a later day: gone
    play = played(NOON, "a", played_s=1, duration_s=100)
    document = after(play).document()
    abandoned = entry(document, "content", "a")
    assert (abandoned.tier, abandoned.multiplier, abandoned.reasons) == ("soft", 0.3, ("abandoned",))
    assert abandoned.expires_at == (DAY0 + 30) * DAY_MS
    assert document is not None
    assert document.avoid.content_ids == ()
    assert document.completion == {"video": 0.01}
    for later in (2 * HOUR, DAY_MS):
        finished = played(NOON + later, "a", played_s=100, duration_s=100)
        assert after(play, NOON + 100 * MINUTE, finished).document() is None
    assert after(play, shown(NOON + 30 * DAY_MS, "b")).document() is None


def once_engaged_then_ignored() -> list[Event | int]:
    """A creator engaged with on DAY0, passed over on three days, by a user who clicks four in ten."""
    steps: list[Event | int] = [
        shown(NOON, "first", creator_id="c", duration_s=100),
        played(NOON + 10 * SECOND, "first", creator_id="c", played_s=100, duration_s=100),
        gave(NOON + 20 * SECOND, "first", "like", creator_id="c"),
        NOON + SEALING,
    ]
    for day in (1, 2, 3):
        start = NOON + day * DAY_MS
        for n in range(20):
            ts = start + n * 5 * SECOND
            own = {"creator_id": "c"} if n < 5 else {}
            steps.append(shown(ts, f"d{day}n{n}", **own))
            if n >= 12:
                steps.append(gave(ts + SECOND, f"d{day}n{n}", "click"))
        steps.append(start + SEALING + 100 * SECOND)
    return steps


def test_a_creator_engaged_with_once_and_passed_over_since_is_one_and_done() -> None:
    #   DAY0 engaged | +1 ignored x5 | +2 ignored x5 | +3 ignored x5
    user = after(*once_engaged_then_ignored())
    later = [user.tiles()[DAY0 + day][("creator", "c")] for day in (1, 2, 3)]
    assert sum(counts["e"] for counts in later) >= 3_000_000
    assert [counts["sessions"] for counts in later] == [1, 1, 1]
    done = entry(user.document(), "creator", "c")
    assert (done.tier, done.multiplier) == ("soft", 0.5)
    assert done.reasons == ("one_and_done", "ignored")
    assert done.expires_at == (DAY0 + 3 + 30) * DAY_MS


def test_a_followed_creator_gets_no_soft_entry() -> None:
    follow = gave(NOON + 3 * DAY_MS + HOUR, None, "follow", creator_id="c")
    document = after(*once_engaged_then_ignored(), follow).document()
    assert document is None or all(e.kind != "creator" for e in document.entries)


# --- §5 and §9: window and document --------------------------------------------------------------------------


def test_after_the_window_only_what_does_not_end_remains() -> None:
    end = NOON + 180 * DAY_MS
    user = after(
        disliked(NOON - SECOND, "gone", "x", cohort="k"),
        disliked(NOON, "blocked", action="block"),
        end - 1,
    )
    document = user.document()
    assert document is not None
    assert document.avoid.content_ids == ("blocked", "gone")
    user.step(end)
    assert user.tiles() == {}
    document = user.document()
    assert document is not None
    assert (document.as_of, document.cohort, document.completion) == (NOON, "k", {})
    assert document.avoid.content_ids == ("blocked",)


def test_a_user_of_whom_nothing_is_left_has_no_document() -> None:
    user = after(disliked(NOON, "gone", "x"), NOON + 180 * DAY_MS)
    assert user.document() is None


def test_twenty_examined_exposures_keep_a_document_that_lists_nothing() -> None:
    def document(n: int) -> Document | None:
        events = [shown(NOON + i * SECOND, f"c{i}") for i in range(n)]
        return after(*events, NOON + 31 * MINUTE).document()

    assert document(19) is None
    known = document(20)
    assert known is not None
    assert known.entries == ()


def test_entries_are_in_the_order_of_the_spec() -> None:
    document = after(
        disliked(NOON, "old"),
        disliked(NOON + SECOND, "new"),
        disliked(NOON, None, scope="tag", tag="t"),
        disliked(NOON, None, scope="creator", creator_id="k"),
        played(NOON, "a", played_s=1, duration_s=100),
    ).document()
    assert document is not None
    assert [(e.kind, e.value, e.tier) for e in document.entries] == [
        ("creator", "k", "hard"),
        ("tag", "t", "hard"),
        ("content", "new", "hard"),
        ("content", "old", "hard"),
        ("content", "a", "soft"),
    ]
    # One dislike alone, LD = 2 and L = -1.1781, lists nothing beside the hard entries.
    assert document.avoid.tags == ("t",)


def test_documents_leave_out_users_who_have_none() -> None:
    events = [disliked(NOON, "a"), msgspec.structs.replace(shown(NOON, "a"), user_id="v")]
    assert list(documents(SETTINGS, events, NOON)) == ["u"]


# --- comparing -----------------------------------------------------------------------------------------------


def changed(document: Document, **fields: object) -> Document:
    first = msgspec.structs.replace(document.entries[0], **fields)
    return msgspec.structs.replace(document, entries=(first, *document.entries[1:]))


def test_a_written_document_may_lag_only_within_the_write_rule() -> None:
    computed = after(played(NOON, "a", played_s=1, duration_s=100)).document()
    assert computed is not None
    until = computed.entries[0].expires_at
    assert until is not None
    assert disagreements(None, None) == []
    assert disagreements(computed, computed) == []
    assert disagreements(changed(computed, multiplier=0.34), computed) == []
    assert disagreements(changed(computed, expires_at=until - DAY_MS + 1), computed) == []
    assert disagreements(msgspec.structs.replace(computed, as_of=1, completion={}), computed) == []
    for wrong in (
        None,
        changed(computed, multiplier=0.36),
        changed(computed, expires_at=until - DAY_MS),
        changed(computed, expires_at=None),
        changed(computed, tier="strong"),
        changed(computed, reasons=("ignored",)),
        msgspec.structs.replace(computed, entries=()),
    ):
        assert disagreements(wrong, computed) != []


def test_computed_documents_are_the_same_but_for_the_last_place_of_floats() -> None:
    a = after(played(NOON, "a", played_s=1, duration_s=100)).document()
    assert a is not None
    assert same(a, a) == same(None, None) == []
    assert same(changed(a, multiplier=0.3001), a) == []
    for b in (
        None,
        changed(a, multiplier=0.3002),
        changed(a, since=0),
        changed(a, evidence=msgspec.structs.replace(a.entries[0].evidence, started=2)),
        msgspec.structs.replace(a, completion={}),
        msgspec.structs.replace(a, completion={"video": 0.02}),
        msgspec.structs.replace(a, as_of=1),
        msgspec.structs.replace(a, entries=()),
    ):
        assert same(b, a) != []


def test_clip_bounds_both_ways() -> None:
    assert [clip(x, 0.03, 0.95) for x in (0, 0.5, 1)] == [0.03, 0.5, 0.95]

"""What events and interactions mean: every worked number of spec §2 (merging), §3 and §4."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from streamer.events import DAY_MS, Event, Impression
from streamer.settings import Settings
from streamer.signals import explicit, merging
from streamer.signals.abandonment import Abandonment
from streamer.signals.completion import band, completion, consumed, replays, watch_score
from streamer.signals.context import daypart
from streamer.signals.exposure import Attention, Gate
from streamer.signals.interaction import Interaction, SessionFeedback
from streamer.signals.outcome import Outcome, OutcomeReader
from streamer.signals.rounding import micro, milli, places4
from tests.steps import HOUR, MINUTE, NOON, disliked, gave, met, played, shown

SETTINGS = Settings()


def merged(*events: Event, settings: Settings = SETTINGS) -> Interaction:
    item = merging.opened_by("c", events[0])
    for event in events:
        merging.merge(item, event, Gate(settings), Attention(settings))
    return item


def read(*events: Event, length_ms: int = 10_000, closed: bool = True, settings: Settings = SETTINGS) -> Outcome:
    item, said = met("c", *events, settings=settings)
    rated, rating = said.rating is not None, said.rating or 0
    reader = OutcomeReader(Abandonment(settings))
    return reader.read(item, said, length_ms >= 1000 * settings.min_session, closed, int(rated), rating)


# --- §3: gate and attention ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        ({"visible_ms": 2000}, True),
        ({"visible_ms": 1999}, False),
        ({"visible_ms": 1999, "media": "video"}, False),
        ({"visible_ms": 1000, "media": "audio"}, True),
        ({"visible_ms": 1000, "media": "article"}, True),
        ({"visible_ms": 1000, "media": "product"}, True),
        ({"visible_ms": 999, "media": "product"}, False),
        ({"visible_ms": 2000, "visible_ratio": 0.5}, True),
        ({"visible_ms": 60_000, "visible_ratio": 0.49}, False),
        ({"visible_ms": 0}, False),
        ({}, False),
    ],
)
def test_the_gate_asks_for_a_second_of_half_the_item_and_two_of_video(fields: dict[str, Any], passes: bool) -> None:
    impression = Impression(user_id="u", ts=0, content_id="c", **fields)
    assert Gate(SETTINGS).passes(impression) is passes


def test_unverified_impressions_pass_on_trust_by_ratio_alone_and_only_then() -> None:
    trusting = Gate(Settings(trust_unverified=True))
    assert trusting.passes(Impression(user_id="u", ts=0, content_id="c", visible_ratio=0.5))
    assert not trusting.passes(Impression(user_id="u", ts=0, content_id="c", visible_ratio=0.49))
    assert not trusting.passes(Impression(user_id="u", ts=0, content_id="c", visible_ms=0))


def test_attention_is_the_power_law_in_thousandths_with_a_floor() -> None:
    attention = Attention(SETTINGS)
    assert attention.at(None) == 1000
    for position in (0, 1, 2, 3, 10, 97, 98, 99, 100, 5000):
        assert attention.at(position) == math.floor(max(0.1, (1 + position) ** -0.5) * 1000 + 0.5)


def test_attention_can_be_flat_or_a_table_whose_last_value_goes_on() -> None:
    assert [Attention(Settings(attention_eta=0)).at(p) for p in (None, 0, 9)] == [1000, 1000, 1000]
    table = Attention(Settings(attention_table=(0.9, 0.2505, 0.0)))
    assert [table.at(p) for p in (None, 0, 1, 2, 3, 99)] == [1000, 900, 251, 0, 0, 0]


# --- §4: completion, bands, replays --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "duration_s", "played", "name", "score"),
    [
        (1750, 1800, [1750, 1750], "loved", 1.472),  # 1750/1800 + .5 for the replay
        (120, 1800, [120], "bounce", 0.067),
    ],
)
def test_band_and_watch_score_of_the_worked_examples(
    seconds: float, duration_s: float, played: list[float], name: str, score: float
) -> None:
    c = completion("video", seconds, duration_s, None)
    assert c is not None
    assert band(c) == name
    assert watch_score(c, replays(played, duration_s)) == pytest.approx(score, abs=5e-4)


@pytest.mark.parametrize(
    ("c", "name"),
    [(0, "bounce"), (0.0999, "bounce"), (0.1, "browse"), (0.3499, "browse"), (0.35, "engaged"), (0.7999, "engaged"),
     (0.8, "loved"), (1, "loved")],
)  # fmt: skip
def test_bands_include_their_lower_edge(c: float, name: str) -> None:
    assert band(c) == name


@pytest.mark.parametrize(
    ("media", "played", "position_s", "depth", "duration_s", "c"),
    [
        ("video", [30.0, 50.0], 90.0, None, 100.0, 0.5),
        ("video", [250.0], None, None, 100.0, 1.0),
        ("video", [], 90.0, None, 100.0, None),
        ("video", [50.0], None, None, None, None),
        ("audio", [50.0], 90.0, None, 100.0, 0.9),
        ("audio", [], 90.0, None, 100.0, 0.9),
        ("article", [50.0], None, 0.3, 100.0, 0.3),
        ("article", [50.0], None, None, 100.0, None),
        ("product", [50.0], 90.0, 0.3, 100.0, None),
        ("video", [0.0], None, None, 100.0, 0.0),
        ("article", [], None, 0.0, None, 0.0),
    ],
)
def test_completion_by_media(
    media: Any, played: list[float], position_s: float | None, depth: float | None, duration_s: float | None,
    c: float | None,
) -> None:  # fmt: skip
    assert completion(media, consumed(media, played, position_s), duration_s, depth) == c


def test_only_playbacks_of_four_fifths_beyond_the_first_are_replays() -> None:
    assert [replays(p, 100.0) for p in ([], [100.0], [80.0, 79.9], [80.0, 80.0], [90.0] * 3)] == [0, 0, 0, 1, 2]
    assert replays([100.0, 100.0], None) == 0


@pytest.mark.parametrize(
    ("ts", "offset_min", "part"),
    [
        (0, 0, "night"),
        (6 * HOUR - 1, 0, "night"),
        (6 * HOUR, 0, "morning"),
        (12 * HOUR - 1, 0, "morning"),
        (12 * HOUR, 0, "afternoon"),
        (18 * HOUR, 0, "evening"),
        (24 * HOUR - 1, 0, "evening"),
        (NOON, 840, "night"),  # 02:00 of the next day
        (NOON, -840, "evening"),  # 22:00 of the day before
        (0, -1, "evening"),
    ],
)
def test_dayparts_are_of_local_time(ts: int, offset_min: int, part: str) -> None:
    assert daypart(ts, offset_min) == part


# --- §4: abandonment and outcomes ----------------------------------------------------------------------------


def test_the_cut_is_twice_the_root_of_the_duration_up_to_a_minute_at_fifteen() -> None:
    rule = Abandonment(SETTINGS)
    assert [rule.cut(d) for d in (25.0, 100.0, 900.0, 901.0, 7200.0, None)] == [10, 20, 60, 60, 60, 30]
    assert rule.cut(899.0) == pytest.approx(2 * math.sqrt(899))
    flat = Abandonment(Settings(abandon_rule="flat"))
    assert [flat.cut(d) for d in (25.0, 7200.0, None)] == [60, 60, 60]
    assert Abandonment(Settings(abandon_max_s=15)).cut(100.0) == 15


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"duration_s": 100, "played_s": 19.9}, "abandoned"),
        ({"duration_s": 100, "played_s": 20}, "satisfied"),
        ({"duration_s": 7200, "played_s": 59.9}, "abandoned"),
        ({"duration_s": 7200, "played_s": 60}, "left"),  # under a tenth, but not left early
        ({"duration_s": 600, "played_s": 60}, "satisfied"),
        ({"duration_s": 4, "played_s": 3.19}, "abandoned"),
        ({"duration_s": 4, "played_s": 3.2}, "satisfied"),  # under 2·√4 = 4 s, but .8
        ({"played_s": 29.9}, "abandoned"),
        ({"played_s": 30}, "satisfied"),
        ({"played_s": 0, "duration_s": 100}, "abandoned"),
        ({}, "satisfied"),
        ({"media": "audio", "duration_s": 100, "played_s": 1, "position_s": 20}, "satisfied"),
        ({"media": "video", "duration_s": 100, "played_s": 1, "position_s": 20}, "abandoned"),
        ({"media": "article", "scroll_depth": 0.249}, "abandoned"),
        ({"media": "article", "scroll_depth": 0.25}, "satisfied"),
        ({"media": "article", "scroll_depth": 0.249, "played_s": 14.9}, "abandoned"),
        ({"media": "article", "scroll_depth": 0.249, "played_s": 15}, "satisfied"),
        ({"media": "article", "scroll_depth": 0.0, "played_s": 15}, "left"),
        ({"media": "article", "played_s": 1}, "satisfied"),
        ({"media": "product", "duration_s": 100, "played_s": 0}, "satisfied"),
    ],
)
def test_an_ended_play_was_abandoned_satisfying_or_just_left(fields: dict[str, Any], outcome: str) -> None:
    out = read(played(NOON, "c", **fields))
    assert (out.abandoned, out.satisfied) == (outcome == "abandoned", outcome == "satisfied")
    assert out.engaged is out.satisfied
    assert out.resolved


def test_a_progress_report_is_pending_until_it_ends_or_the_session_closes() -> None:
    report = played(NOON, "c", played_s=1, duration_s=100, ended=False)
    pending = read(report, closed=False)
    assert (pending.abandoned, pending.resolved, pending.counted) == (False, False, False)
    assert read(report, closed=True).abandoned
    assert read(report, played(NOON + 1, "c", played_s=2, duration_s=100), closed=False).abandoned


@pytest.mark.parametrize(
    ("events", "engaged", "ignored"),
    [
        ([shown(NOON, "c")], False, True),
        ([shown(NOON, "c", visible_ms=1)], False, False),
        ([shown(NOON, "c"), gave(NOON, "c", "click")], True, False),
        ([shown(NOON, "c"), gave(NOON, "c", "click"), played(NOON, "c", played_s=1, duration_s=100)], False, False),
        ([shown(NOON, "c"), gave(NOON, "c", "like"), played(NOON, "c", played_s=1, duration_s=100)], True, False),
        ([shown(NOON, "c"), disliked(NOON, "c")], False, False),
        ([shown(NOON, "c"), disliked(NOON, "c", action="undo")], False, False),
        ([shown(NOON, "c"), gave(NOON, "c", "rating", value=3)], False, False),
        ([shown(NOON, "c"), gave(NOON, "c", "rating", value=4)], True, False),
        ([shown(NOON, "c"), gave(NOON, "c", "like"), gave(NOON + 1, "c", "undo", of="like")], False, False),
    ],
)
def test_engaged_and_ignored(events: list[Event], engaged: bool, ignored: bool) -> None:
    out = read(*events)
    assert (out.engaged, out.ignored) == (engaged, ignored)
    assert not read(*events, closed=False).ignored


@pytest.mark.parametrize(("length_ms", "exposed"), [(4999, False), (5000, True)])
def test_an_exposure_needs_five_seconds_of_session(length_ms: int, exposed: bool) -> None:
    out = read(shown(NOON, "c"), length_ms=length_ms)
    assert (out.exposed, out.ignored) == (exposed, exposed)


@pytest.mark.parametrize(
    ("feedback", "positive"),
    [
        ([("purchase", 1, "o")], True),
        ([("purchase", 1, "o"), ("return", 0, "o")], False),
        ([("purchase", 1, "o"), ("return", 2, "p")], True),
        ([("purchase", 1, "o"), ("return", 2, None)], False),
        ([("purchase", 2, "o"), ("return", 1, None)], True),
        ([("purchase", 1, None), ("return", 1, "p")], False),
        ([("purchase", 2, None), ("return", 1, "p")], True),
        ([("purchase", 1, "o"), ("purchase", 2, "p"), ("return", 3, "p")], True),
    ],
)
def test_a_purchase_counts_unless_it_is_returned(feedback: list[tuple[str, int, str | None]], positive: bool) -> None:
    events = [gave(NOON + ms, "c", kind, order_id=order) for kind, ms, order in feedback]
    assert read(*events).engaged is positive


# --- §4: explicit feedback -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "days"), [("dislike", 180), ("not_interested", 90), ("hide", 30), ("block", None), ("report", None)]
)
def test_how_long_a_no_stands(action: str, days: int | None) -> None:
    assert explicit.hard_until(action, 7) == (None if days is None else 7 + days * DAY_MS)


def test_weights_of_ratings_before_and_after_there_is_a_mean() -> None:
    assert [explicit.rating_weight(v, 1, v) for v in (5, 4, 3, 2, 1)] == [0.9, 0.65, 0.0, -0.6, -1.2]
    # 5, 4, 1: mean 10/3; r' of the 4 is 2/3
    assert explicit.rating_deviation(4, 3, 10) == pytest.approx(2 / 3)
    assert explicit.rating_weight(4, 3, 10) == pytest.approx(0.3)
    assert explicit.rating_weight(1, 100, 500) == -1.2
    assert explicit.rating_weight(5, 100, 100) == 0.9


def test_a_four_below_the_users_own_mean_is_no_praise() -> None:
    assert explicit.rating_positive(4, 2, 10)
    assert not explicit.rating_positive(4, 3, 14)
    assert explicit.rating_positive(4, 3, 12)
    assert not explicit.rating_positive(3, 3, 3)


def test_like_against_dislike_in_nats() -> None:
    assert explicit.nats(explicit.WEIGHTS["dislike"]) == pytest.approx(2)
    assert explicit.nats(explicit.WEIGHTS["like"]) == pytest.approx(-1.5)
    assert explicit.nats(explicit.WEIGHTS["return"]) == pytest.approx(4 / 3)
    assert explicit.nats(explicit.WEIGHTS["purchase"]) == pytest.approx(-15 / 7)


def test_blame_goes_to_the_other_key_as_far_as_that_is_known_to_be_disliked() -> None:
    assert [explicit.blamed(2, po) for po in (0, 1)] == pytest.approx([2, 0])
    # odds of "this key or the other" before and after: Bayes with likelihood e^2 if any is disliked, else 1
    p, po = 0.04, 0.3
    yes, no = p * math.exp(2), (1 - p) * (po * math.exp(2) + 1 - po)
    assert math.log(p / (1 - p)) + explicit.blamed(2, po) == pytest.approx(math.log(yes / no))


# --- §2: merging ---------------------------------------------------------------------------------------------

MEETING = [
    shown(NOON + 5, "c", "x", position=3, creator_id="a", device="tv"),
    shown(NOON + 5, "c", "x", "y", position=0, creator_id="b", visible_ms=1),
    played(NOON, "c", played_s=5, playback_id="p", device="phone", duration_s=10),
    played(NOON, "c", played_s=7, playback_id="p", ended=False, tz_offset_min=-12 * 60),
    gave(NOON + 9, "c", "rating", value=2, duration_s=20),
    gave(NOON + 9, "c", "rating", value=4, media="audio"),
]


def test_events_of_one_item_merge_to_one_interaction_in_any_order_and_grouping() -> None:
    expected = merged(*MEETING, *MEETING)
    assert (expected.first, expected.device, expected.daypart) == (NOON, None, "afternoon")
    assert (expected.attention, expected.seen, expected.clicked, expected.ended) == (500, True, False, True)
    assert (expected.creator, expected.tags, expected.media, expected.duration_s) == ("b", ("x", "y"), "audio", 20)
    assert (expected.playbacks, expected.responded) == ({"p": 7}, True)
    _, said = met("c", *MEETING)
    assert said == SessionFeedback(rating=4)
    for order in itertools.permutations(MEETING):
        assert merged(*order) == expected
        assert met("c", *order) == (expected, said)
        left, right = merged(*order[:3]), merged(*order[2:])
        merging.join(left, right)
        assert left == expected


def test_of_more_than_eight_playbacks_the_longest_stay_ties_the_smaller_id() -> None:
    playbacks = [(f"p{n}", 10.0) for n in range(10)] + [("a", 11.0), ("z", 9.0)]
    events = [played(NOON, "c", playback_id=name, played_s=seconds) for name, seconds in playbacks]
    for order in (events, events[::-1], events[5:] + events[:5]):
        assert sorted(merged(*order).playbacks) == ["a", *(f"p{n}" for n in range(7))]


def test_an_empty_list_of_tags_carries_no_information() -> None:
    assert merged(shown(NOON, "c", "x"), shown(NOON + MINUTE, "c"), shown(NOON + MINUTE, "c", " ")).tags == ("x",)


# --- §5, §9: rounding ----------------------------------------------------------------------------------------


def test_fractions_are_rounded_half_up_and_documents_never_say_minus_zero() -> None:
    assert [micro(x) for x in (0.0000005, -0.0000005, 0.0000004999, -0.0000015)] == [1, 0, 0, -1]
    assert [milli(x) for x in (0.0005, 0.2505, 0.70710678)] == [1, 251, 707]
    assert str(places4(-0.00001)) == "0.0"
    assert places4(2 / 7) == 0.2857

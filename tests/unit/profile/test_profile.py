"""One user's state through its life: lateness, contributions, documents, storage, the end of the window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import pytest

from lab.oracle.oracle import Oracle
from streamer.errors import StateCorrupt, StateTooNew
from streamer.events import DAY_MS, Event
from streamer.profile import Changes, EventFate, Profile, Rules
from streamer.profile.state import JOURNAL_BYTES
from streamer.scoring.document import Document, Entry
from streamer.settings import Settings
from tests.property.driving import Saved, reloaded, state_of, tiles_of
from tests.steps import DAY0, HOUR, MINUTE, NOON, SECOND, after, and_then, disliked, gave, played, shown, unseen

SEALING = 90 * MINUTE + 1
WEEK = Settings(window_days=7)


def entries(document: Document | None, kind: str) -> dict[str, Entry]:
    return {str(e.value): e for e in (document.entries if document else ()) if e.kind == kind}


def micro(x: float) -> int:
    return math.floor(x * 1e6 + 0.5)


# --- late events ---------------------------------------------------------------------------------------------

SEALED: list[Event | int] = [unseen(NOON - 10 * SECOND), shown(NOON, "a", "x", creator_id="k"), NOON + SEALING]
"""filler--shown a, ignored: sealed, the frontier is NOON."""


@pytest.mark.parametrize(
    "event",
    [shown(NOON - 1, "a", "x"), played(NOON - 1, "a", "x"), gave(NOON, "a", "click", "x"), unseen(NOON - DAY_MS)],
)
def test_a_late_event_is_not_counted(event: Event) -> None:
    profile = after(*SEALED)
    before, document, tiles = state_of(profile), profile.document(), tiles_of(profile)
    assert profile.apply(event, profile.watermark) is EventFate.LATE
    profile.advance(NOON + DAY_MS)
    assert (state_of(profile), profile.document(), tiles_of(profile)) == (before, document, tiles)


def test_a_late_dislike_excludes_at_once_and_contributes_nothing() -> None:
    #   frontier NOON |  dislike of NOON - 1 s arrives
    profile = after(*SEALED)
    tiles = tiles_of(profile)
    assert profile.apply(disliked(NOON - SECOND, "a", "x"), profile.watermark) is EventFate.LATE
    for _ in range(2):
        hard = entries(profile.document(), "content")["a"]
        assert (hard.tier, hard.since, hard.expires_at) == ("hard", NOON - SECOND, NOON - SECOND + 180 * DAY_MS)
        assert tiles_of(profile) == tiles
        profile.advance(NOON + DAY_MS)


def test_a_late_undo_takes_back_on_arrival_exactly_what_was_contributed() -> None:
    #   dislike a (x, y) | dislike b (y): frontier NOON + 10 s |  undo a of NOON + 5 s arrives
    profile = after(disliked(NOON, "a", "x", "y"), disliked(NOON + 10 * SECOND, "b", "y"), NOON + 2 * HOUR)
    without = after(disliked(NOON + 10 * SECOND, "b", "y"), NOON + 2 * HOUR)
    both = 2 - math.log(0.04 * math.e**2 + 0.96)
    assert tiles_of(profile)[DAY0] == {("tag", "x"): {"ld": micro(both)}, ("tag", "y"): {"ld": micro(both) + 2_000_000}}
    assert profile.apply(disliked(NOON + 5 * SECOND, "a", action="undo"), profile.watermark) is EventFate.LATE
    assert tiles_of(profile) == tiles_of(without) == {DAY0: {("tag", "y"): {"ld": 2_000_000}}}
    # the tag's listing may outlast the undo (hysteresis), the exclusion does not
    assert entries(profile.document(), "content") == entries(without.document(), "content")


# --- contributions -------------------------------------------------------------------------------------------


def test_the_first_ignored_showing_expects_the_population_s_engagements() -> None:
    # r = (0 + 20 * .1) / (1 + 20), its own exposure included; of starts beta = 1 - a = .65; nothing else known
    tile = tiles_of(after(*SEALED))[DAY0]
    e = micro(2 / 21 * 0.65)
    counts = {"shown": 1, "ignored": 1, "sessions": 1}
    assert tile == {
        ("tag", "x"): counts | {"e": e},
        ("creator", "k"): counts | {"e": e},
        ("content", "a"): counts,
        ("*", ""): {"theta": 1000, "explained": micro(2 / 21)},
    }


def test_a_satisfying_play_of_something_shown_is_one_trial() -> None:
    # position 3: theta .5; r = (1 + 2) / (.5 + 20), beta = .65
    profile = after(
        shown(NOON, "a", "x", position=3, duration_s=120),
        played(NOON + 10 * SECOND, "a", played_s=60),
        NOON + DAY_MS,
    )
    tile = tiles_of(profile)[DAY0]
    e0 = 3 / 20.5 * 0.5
    assert tile["tag", "x"] == {
        "shown": 1, "started": 1, "engaged": 1, "o": 1_000_000, "e": micro(e0 * 0.65),
    }  # fmt: skip
    assert tile["*", ""] == {
        "theta": 500, "starts": 1, "engaged": 1, "explained": micro(e0), "expected_abandoned": 350_000,
        "n_video": 1, "completion_video": 500_000,
    }  # fmt: skip
    assert tile["bucket", "120"] == {"plays": 1}


def test_what_an_item_s_other_keys_explain_leans_on_four_of_a_tag_and_eight_of_a_creator() -> None:
    #   DAY0: tag x and creator k ignored, e = 2/21 * .65 each | a day later: tag y beside x, tag z of creator k
    next_day = NOON + DAY_MS
    steps = [
        *SEALED,
        unseen(next_day - 10 * SECOND),
        shown(next_day, "b", "x", "y"),
        shown(next_day + SECOND, "c", "z", creator_id="k"),
        next_day + 2 * HOUR,
    ]
    e = micro(2 / 21 * 0.65) / 1e6 * 2 ** (-1 / 90)
    own_rate = 2 / (2 ** (-1 / 90) + 2 + 20)
    beta = 5 * 0.65 / (5 + micro(2 / 21) / 1e6 * 2 ** (-1 / 90))
    for tiles in (tiles_of(after(*steps)), Oracle(Settings()).run(steps).tiles()):
        found = {value: tiles[DAY0 + 1]["tag", value]["e"] for value in "xyz"}
        assert found == {
            "x": micro(own_rate * beta),  # y explains nothing
            "y": micro(own_rate * beta * 4 / (4 + e)),
            "z": micro(own_rate * beta * 8 / (8 + e)),
        }


def test_no_expectation_is_certain_or_nothing() -> None:
    #   six days alike: nine in ten ignored, tags w always clicked, n never, h found by search and always finished
    #   | then everything is clicked, n shown once more
    wanted, unwanted = ([f"{name}{n}" for n in range(16)] for name in "wn")
    steps: list[Event | int] = []
    for day in range(6):
        at = NOON + day * DAY_MS
        steps += [shown(at + n, f"filler-{n}") for n in range(100)]
        for n in range(6):
            ts = at + (1 + n) * SECOND
            steps += [shown(ts, f"w{day}-{n}", *wanted), gave(ts + 1, f"w{day}-{n}", "click")]
            steps += [shown(ts + 10 * k, f"n{day}-{n}-{k}", *unwanted) for k in range(6)]
            steps += [played(ts, f"h{day}-{n}", "h", played_s=100, duration_s=100)]
        steps.append(at + 2 * HOUR)
    last = NOON + 6 * DAY_MS
    for n in range(900):
        steps += [shown(last + 10 * n, f"filler-{n}"), gave(last + 10 * n + 1, f"filler-{n}", "click")]
    steps += [shown(last, "w", *wanted), gave(last + 1, "w", "click"), shown(last + 9_000, "n", *unwanted)]
    steps.append(last + 2 * HOUR)
    profile = after(*steps)
    tiles = tiles_of(profile)
    assert tiles == Oracle(Settings()).run(steps).tiles()
    assert tiles[DAY0 + 6]["tag", "w0"]["e"] == 970_000
    assert tiles[DAY0 + 5]["tag", "h"]["e"] == 6 * 450_000


def test_what_is_sure_to_be_started_is_expected_to_nine_tenths() -> None:
    # r = (400 + 20 * .1) / (400 + 20) = .957, beta = .65
    steps: list[Event | int] = []
    for n in range(400):
        steps += [shown(NOON + 20 * n, f"c{n}", "x", f"own{n}"), gave(NOON + 20 * n + 1, f"c{n}", "click")]
    steps.append(NOON + 2 * HOUR)
    for tiles in (tiles_of(after(*steps)), Oracle(Settings()).run(steps).tiles()):
        assert tiles[DAY0]["tag", "x"]["e"] == 400 * micro(0.9 * 0.65)


def test_what_is_open_is_judged_by_what_is_sealed_alone() -> None:
    # two open sessions of equal events: each expects the same, whatever the other shows
    def sitting(name: str) -> list[Event]:
        return [unseen(NOON - 10 * SECOND, session_id=name), shown(NOON, name, name, session_id=name)]

    profile = after(*sitting("s1"), *sitting("s2"), NOON + 40 * MINUTE)
    alone = after(*sitting("s1"), NOON + 40 * MINUTE)
    profile.advance(NOON + SEALING)
    alone.advance(NOON + SEALING)
    first, second = (tiles_of(profile)[DAY0]["tag", name]["e"] for name in ("s1", "s2"))
    assert first == tiles_of(alone)[DAY0]["tag", "s1"]["e"] == micro(2 / 21 * 0.65)
    # sealed second: R has the first's theta 1 and what was explained by it
    assert second == micro(2 / 22 * 0.65 * 5 / (5 + 2 / 21))


@pytest.mark.parametrize(("seconds", "edge"), [(30, "30"), (30.5, "45"), (2880, "2880"), (2881, "inf")])
def test_duration_buckets_include_their_upper_edge(seconds: float, edge: str) -> None:
    profile = after(played(NOON, "a", played_s=1, duration_s=seconds), NOON + SEALING)
    assert tiles_of(profile)[DAY0]["bucket", edge] == {"plays": 1, "abandoned": 1}


def clicking_user(rate: float) -> list[Event | int]:
    """Ten days of a hundred untagged items each, all in first place, clicked at this rate; sealed."""
    steps: list[Event | int] = []
    for day in range(-10, 0):
        start = NOON + day * DAY_MS
        for n in range(100):
            steps.append(shown(start + n * 5 * SECOND, f"d{day}n{n}", position=0))
            if n < 100 * rate:
                steps.append(gave(start + n * 5 * SECOND + 1, f"d{day}n{n}", "click"))
        steps.append(start + 500 * SECOND + SEALING)
    return steps


def passed_over(n: int, rate: float) -> list[Event | int]:
    """A closed sitting with n ignored showings of a tag, among nine times as many others clicked at the rate."""
    steps: list[Event | int] = []
    for i in range(10 * n):
        steps.append(shown(NOON + i * SECOND, f"t{i}", *(["true-crime"] if i < n else []), position=0))
        if n <= i < n + round(10 * n * rate):
            steps.append(gave(NOON + i * SECOND + 1, f"t{i}", "click"))
    return [*steps, NOON + 10 * n * SECOND + 31 * MINUTE]


@pytest.mark.parametrize(("rate", "low", "high"), [(0.30, 11.5, 13.5), (0.05, 1.2, 2.05)])
def test_forty_unclicked_showings_weigh_what_the_user_would_have_clicked(rate: float, low: float, high: float) -> None:
    profile = after(*clicking_user(rate), *passed_over(40, rate), NOON + DAY_MS)
    assert low <= tiles_of(profile)[DAY0]["tag", "true-crime"]["e"] / 1e6 <= high


def test_who_clicks_a_tenth_avoids_a_tag_softly_after_some_28_ignored_showings_in_one_sitting() -> None:
    saved = Saved()
    saved.save(after(*clicking_user(0.10)))

    def tier(n: int) -> str | None:
        found = entries(and_then(load(saved), *passed_over(n, 0.10)).document(), "tag")
        return found["true-crime"].tier if found else None

    assert [tier(n) for n in (24, 32, 40, 48)] == [None, "soft", "soft", "soft"]


# --- entries of a life ---------------------------------------------------------------------------------------


def test_hysteresis_reaches_from_one_seal_to_the_next() -> None:
    #   DAY0 four dislikes of x: LD 8, L = .1: listed | four likes: LD 2, L = -1.18: kept, though not listed anew
    #   | a comment takes .214286: L = -1.39: kept | another: below -1.5, gone | undone: L = -1.39, not listed anew
    profile = after(*(disliked(NOON, content, "x") for content in "abde"), NOON + SEALING)
    assert "x" in entries(profile.document(), "tag")
    and_then(profile, *(gave(NOON + HOUR * 2, f"l{n}", "like", "x") for n in range(4)), NOON + HOUR * 4)
    assert "x" in entries(profile.document(), "tag")
    and_then(profile, gave(NOON + HOUR * 5, "c0", "comment", "x"), NOON + HOUR * 7)
    assert tiles_of(profile)[DAY0]["tag", "x"]["ld"] == 2_000_000 - 214_286
    assert "x" in entries(profile.document(), "tag")
    and_then(profile, gave(NOON + HOUR * 8, "c1", "comment", "x"), NOON + HOUR * 10)
    assert "x" not in entries(profile.document(), "tag")
    and_then(profile, gave(NOON + HOUR * 11, "c1", "undo", of="comment"), NOON + HOUR * 14)
    assert tiles_of(profile)[DAY0]["tag", "x"]["ld"] == 2_000_000 - 214_286
    assert "x" not in entries(profile.document(), "tag")


def test_an_undo_of_all_evidence_of_the_last_day_lets_the_day_before_count() -> None:
    # half-life 3 d. DAY0: three dislikes of x, 69 ignored showings of it: E = 1.008, LD = 6: listed
    #   | DAY0 + 1: five likes of x: not | + 4 h: undone, open: as of DAY0 again
    fast = Settings(window_days=6, half_life_days=3)
    profile = after(
        *(disliked(NOON, content, "x") for content in "kno"),
        *(shown(NOON + SECOND * (1 + n), f"c{n}", "x") for n in range(69)),
        NOON + 3 * HOUR,
        settings=fast,
    )
    before = entries(profile.document(), "tag")["x"]
    and_then(profile, *(gave(NOON + DAY_MS, f"m{n}", "like", "x") for n in range(5)), NOON + DAY_MS + 3 * HOUR)
    assert "x" not in entries(profile.document(), "tag")
    and_then(profile, *(gave(NOON + DAY_MS + 4 * HOUR, f"m{n}", "undo", of="like") for n in range(5)))
    again = entries(profile.document(), "tag")["x"]
    assert (again.tier, again.log_odds, again.expires_at) == (before.tier, before.log_odds, before.expires_at)


# --- storage -------------------------------------------------------------------------------------------------

LIFE: list[Event | int] = [
    *SEALED,
    played(NOON + 3 * HOUR, "b", "x", "y", played_s=1, duration_s=100, device="tv", cohort="c"),
    disliked(NOON + 3 * HOUR, "b", "x"),
    gave(NOON + 3 * HOUR, "b", "rating", value=2),
    gave(NOON + 3 * HOUR, "d", "purchase", "y", order_id="o"),
    disliked(NOON + 3 * HOUR, None, scope="tag", tag="z"),
    disliked(NOON + 4 * HOUR, "late", action="block"),
    NOON + DAY_MS,
    disliked(NOON + HOUR, "e", "x"),
    shown(NOON + 2 * DAY_MS, "f", "x", session_id="s1", tz_offset_min=-600),
]
"""Two sealed sessions, a late block, and an open session."""


def load(saved: Saved, changed: Mapping[str, bytes] = MappingProxyType({})) -> Profile:
    saved.parts.update(changed)
    return saved.load("u", Rules(Settings()))


NOTHING = Changes({}, None, False)


def test_what_is_saved_and_loaded_again_is_the_same() -> None:
    profile = after(*LIFE)
    saved = Saved()
    again = reloaded(profile, saved)
    assert set(saved.parts) == {"h", "s", f"t{DAY0}"}
    assert state_of(again) == state_of(profile)
    assert again.document() == profile.document()
    assert again.deadline() == profile.deadline()
    for each in (profile, again):
        each.advance(NOON + 3 * DAY_MS)
    assert state_of(again) == state_of(profile)


def test_only_what_changed_is_saved_and_a_clean_profile_saves_nothing() -> None:
    profile = after(*LIFE)
    profile.changes()
    assert profile.changes() == NOTHING
    and_then(profile, unseen(NOON + 2 * DAY_MS + 10 * SECOND, session_id="s1"))
    parts, journal, fresh = profile.changes()
    assert (parts, fresh) == ({}, False)
    assert journal is not None
    and_then(profile, gave(NOON, "x", "like"))  # late
    assert set(profile.changes().parts) == {"h"}
    and_then(profile, unseen(NOON))  # late, and says nothing
    assert profile.changes() == NOTHING
    profile.document()
    assert profile.changes() == NOTHING


def test_a_seal_saves_head_tile_and_open_sessions_together_and_voids_the_journal() -> None:
    profile = after(*LIFE)
    saved = Saved()
    saved.save(profile)
    and_then(profile, unseen(NOON + 2 * DAY_MS + 10 * SECOND, session_id="s1"))
    saved.save(profile)
    outdated = list(saved.journal)
    profile.advance(NOON + 3 * DAY_MS)
    parts, journal, fresh = profile.changes()
    assert (set(parts), journal, fresh) == ({"h", "s", f"t{DAY0 + 2}"}, None, True)
    assert parts["s"] is None
    stored = {name: part for name, part in (saved.parts | parts).items() if part is not None}
    assert load(Saved(stored, outdated)).sessions == []


def test_an_entry_of_the_journal_holds_only_the_interactions_that_changed() -> None:
    profile = after(*(shown(NOON + n * SECOND, f"c{n}") for n in range(50)))
    saved = Saved()
    saved.save(profile)
    whole = len(saved.journal[0])
    and_then(profile, played(NOON + MINUTE, "c7"))
    saved.save(profile)
    assert len(saved.journal[1]) < whole / 20
    assert state_of(load(saved)) == state_of(profile)


def test_a_journal_that_has_grown_long_becomes_a_snapshot() -> None:
    profile, saved, longest = Profile("u", Rules(Settings())), Saved(), 0
    for n in range(2_000):
        and_then(profile, played(NOON + n * SECOND, "c", playback_id=f"p{n}", ended=False))
        saved.save(profile)
        longest = max(longest, sum(map(len, saved.journal)))
    assert longest < 1.1 * JOURNAL_BYTES
    assert "s" in saved.parts
    assert state_of(load(saved)) == state_of(profile)


def test_sessions_that_turn_out_to_be_one_are_one_after_a_restart() -> None:
    #   |a|   35 min   |b|, then c between the two
    profile, saved = Profile("u", Rules(Settings())), Saved()
    for event in (shown(NOON, "a"), shown(NOON + 35 * MINUTE, "b"), shown(NOON + 20 * MINUTE, "c")):
        and_then(profile, event)
        saved.save(profile)
    assert [len(session.interactions) for session in load(saved).sessions] == [3]
    assert state_of(load(saved)) == state_of(profile)


def test_a_day_that_leaves_the_window_is_deleted_at_the_next_seal() -> None:
    profile = after(*SEALED, settings=WEEK)
    profile.changes()
    and_then(profile, played(NOON + 6 * DAY_MS, "b", "x"), NOON + 6 * DAY_MS + SEALING)
    assert set(profile.changes().parts) == {"h", f"t{DAY0 + 6}"}
    and_then(profile, played(NOON + 7 * DAY_MS, "c", "x"), NOON + 7 * DAY_MS + SEALING)
    parts = profile.changes().parts
    assert parts[f"t{DAY0}"] is None
    assert list(tiles_of(profile)) == [DAY0 + 6, DAY0 + 7]


@pytest.mark.parametrize("part", ["h", "s", f"t{DAY0}"])
def test_state_of_a_newer_streamer_is_refused_and_says_to_upgrade(part: str) -> None:
    saved = Saved()
    saved.save(after(*LIFE))
    known = saved.parts[part][1]
    same_shape = bytes([0x92, known + 1]) + saved.parts[part][2:]
    for newer in (same_shape, msgspec.msgpack.encode([known + 1, {"of": "another shape"}, "longer"])):
        match = rf"schema {known + 1}, this one reads up to {known}\): upgrade this worker"
        with pytest.raises(StateTooNew, match=match):
            load(saved, {part: newer})


@pytest.mark.parametrize("part", ["h", "s", f"t{DAY0}"])
@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x92\x01", msgspec.msgpack.encode([1, 7]), msgspec.msgpack.encode(1)])
def test_state_that_does_not_decode_is_refused_and_says_what_to_do(part: str, raw: bytes) -> None:
    saved = Saved()
    saved.save(after(*LIFE))
    with pytest.raises(StateCorrupt, match=r"does not decode .* erase the user"):
        load(saved, {part: raw})


def test_a_tile_that_the_head_names_and_nobody_has_is_refused() -> None:
    saved = Saved()
    saved.save(after(*LIFE))
    with pytest.raises(StateCorrupt, match=f"user 'u': the tile of day {DAY0} is missing: erase the user"):
        Profile.load("u", Rules(Settings()), saved.parts["h"], None, [], lambda _: None)


def test_a_user_never_seen_has_nothing() -> None:
    profile = Profile("u", Rules(Settings()))
    profile.advance(NOON)
    assert (profile.empty, profile.changes(), profile.deadline(), profile.document()) == (True, NOTHING, None, None)
    assert load(Saved()).empty


# --- the end of the window -----------------------------------------------------------------------------------


def test_the_deadline_goes_from_close_to_seal_to_the_end_of_the_window() -> None:
    profile = after(shown(NOON, "a", "x"))
    seen = []
    while (due := profile.deadline()) is not None:
        seen.append(due - NOON)
        profile.advance(due)
    assert seen == [30 * MINUTE, SEALING, 180 * DAY_MS]
    assert profile.empty


def test_after_the_window_every_part_is_deleted() -> None:
    #   DAY0 shown, disliked (hide: 30 d, longer than the window of a week is) ... DAY0 + 1 open | the week passes
    profile = after(*SEALED, gave(NOON + DAY_MS, "a", "like", "x"), NOON + 2 * DAY_MS, settings=WEEK)
    saved = Saved()
    saved.save(profile)
    assert set(saved.parts) == {"h", f"t{DAY0}", f"t{DAY0 + 1}"}
    profile.advance(NOON + 8 * DAY_MS - 1)
    assert not profile.empty
    profile.advance(NOON + 8 * DAY_MS)
    assert profile.changes().parts == {"h": None, f"t{DAY0}": None, f"t{DAY0 + 1}": None}
    assert profile.empty
    assert profile.document() is None


def test_past_the_window_hard_entries_stay_with_the_cohort_until_they_end() -> None:
    #   week's window; DAY0: hide a (30 d), block b, like c, follow k | +7 d: only a, b, k | +30 d: b, k
    profile = after(
        disliked(NOON, "a", "x", action="hide"),
        disliked(NOON, "b", "x", action="block", cohort="co"),
        gave(NOON, "c", "like", "x"),
        gave(NOON, None, "follow", creator_id="k"),
        NOON + SEALING,
        settings=WEEK,
    )
    saved = Saved()
    saved.save(profile)
    profile.advance(NOON + 7 * DAY_MS)
    profile = reloaded(profile, saved)
    assert set(saved.parts) == {"h"}
    assert {key.target for key in profile.records} == {"a", "b", "k"}
    document = profile.document()
    assert document is not None
    assert (document.as_of, document.cohort, document.completion) == (NOON, "co", {})
    assert document.avoid.content_ids == ("a", "b")
    assert document.avoid.tags == ()
    assert profile.deadline() == NOON + 30 * DAY_MS
    profile.advance(NOON + 30 * DAY_MS)
    document = profile.document()
    assert document is not None
    assert document.avoid.content_ids == ("b",)
    assert profile.deadline() is None


def test_what_arrives_late_after_the_window_is_forgotten_at_once() -> None:
    #   week's window; block a: stays | +7 d |  a late like of b arrives: due at once, and gone
    profile = after(disliked(NOON, "a", action="block"), NOON + 7 * DAY_MS, settings=WEEK)
    assert profile.deadline() is None
    assert profile.apply(gave(NOON - 1, "b", "like"), profile.watermark) is EventFate.LATE
    assert profile.deadline() == profile.watermark
    profile.advance(profile.watermark)
    assert {key.target for key in profile.records} == {"a"}
    assert profile.deadline() is None


def test_an_event_that_brings_news_of_the_end_of_the_window_makes_it_due() -> None:
    # the watermark passes the window with a late event, before anybody advanced the profile
    profile = after(*SEALED, settings=WEEK)
    assert profile.apply(unseen(NOON - 1), NOON + 7 * DAY_MS) is EventFate.LATE
    assert profile.deadline() == NOON + 7 * DAY_MS
    profile.advance(NOON + 7 * DAY_MS)
    assert profile.empty


def test_a_rating_that_opens_a_session_past_the_window_is_judged_like_any_other() -> None:
    # week's window; dislike a | +8 d |  rated 5 a day after the dislike: newer than the frontier, so it counts
    profile = after(disliked(NOON, "a"), NOON + 8 * DAY_MS, settings=WEEK)
    assert profile.document() is not None
    assert profile.apply(gave(NOON + DAY_MS - 1, "a", "rating", value=5), profile.watermark) is EventFate.COUNTED
    assert profile.document() is None
    profile.advance(profile.watermark)
    assert profile.empty

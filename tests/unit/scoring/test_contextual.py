"""Tags disliked in one daypart or on one device (spec §5, §7), in the profile and in the oracle."""

from __future__ import annotations

from typing import Any

import pytest

from lab.oracle.oracle import Oracle, same
from streamer.events import DAY_MS, Event
from streamer.profile import Profile, Rules
from streamer.scoring.contextual import InContext, context_entries, most_log_odds
from streamer.scoring.counts import FIRST, SECOND, Cell
from streamer.scoring.document import Entry
from streamer.scoring.entries import Days, Scorer
from streamer.scoring.priors import DEFAULT
from streamer.scoring.score import Expiry, log_odds
from streamer.settings import Settings
from tests.steps import DAY0, HOUR, MINUTE, NOON, disliked, gave, played, shown

MORNING, EVENING = NOON - 4 * HOUR, NOON + 7 * HOUR
SCORER = Scorer(90, Expiry(90, 180), DEFAULT)


def in_contexts(*events: Event, watermark: int = -1, settings: Settings | None = None) -> list[Entry]:
    """The contextual entries by both implementations."""
    settings = settings or Settings()
    profile, oracle = Profile("u", Rules(settings)), Oracle(settings).run([])
    for event in sorted(events, key=lambda event: event.ts):
        profile.apply(event, -1)
        oracle.step(event)
    profile.advance(watermark)
    oracle.step(watermark)
    document = profile.document()
    assert same(document, oracle.document()) == []
    return [] if document is None else [entry for entry in document.entries if entry.context is not None]


def named(*entries: Entry) -> list[tuple[str | int, dict[str, str] | None]]:
    return [(entry.value, entry.context) for entry in entries]


# --- the row of §7 -------------------------------------------------------------------------------------------


def listed(days: Days, tag_log_odds: float, at_day: int = 1) -> tuple[Entry, ...]:
    scored = SCORER.score("tag", "x", days)
    assert scored is not None
    found = [InContext(("daypart", "morning"), days, scored)]
    return context_entries("x", found, tag_log_odds, (DAY0 + at_day) * DAY_MS)


FIVE = [(DAY0, Cell(exposures=9 * FIRST + 9 * SECOND, e=5_000_000))]
"""E = 5: L = .3481, multiplier 2/7; of a single day, so forgotten after 14 instead of 105."""


def test_a_context_is_scored_and_softened_as_a_tag_is_with_its_own_numbers() -> None:
    (entry,) = listed(FIVE, -1.6707)
    assert (entry.kind, entry.value, entry.context) == ("tag", "x", {"daypart": "morning"})
    assert (entry.tier, entry.multiplier, entry.log_odds, entry.reasons) == ("soft", 0.2857, 0.3481, ("ignored",))
    assert (entry.evidence.shown, entry.evidence.expected) == (9, 5.0)
    assert (entry.since, entry.expires_at) == (DAY0 * DAY_MS, (DAY0 + 14) * DAY_MS)


def test_it_must_lie_a_nat_and_a_half_above_its_tag() -> None:
    scored = SCORER.score("tag", "x", FIVE)
    assert scored is not None
    assert listed(FIVE, scored.log_odds - 1.5)
    assert not listed(FIVE, scored.log_odds - 1.4999)


def test_it_is_gone_from_the_day_it_expires() -> None:
    assert listed(FIVE, -1.6707, at_day=13)
    assert not listed(FIVE, -1.6707, at_day=14)


def test_the_cheap_bound_is_never_below_the_score() -> None:
    for o in (0, 0.5, 1, 3, 10, 40):
        for e in (0, 0.1, 0.5, 1, 2, 4, 8, 30, 100):
            assert log_odds(o, e, 1.0, 0.04) <= most_log_odds(e, 1.0, 0.04) + 1e-9


# --- in the document -----------------------------------------------------------------------------------------

NO_MORNINGS = [
    *(disliked(MORNING + n, f"n{n}", "x", device="phone") for n in range(4)),
    *(gave(EVENING + n, f"y{n}", "like", "x", device="tv") for n in range(5)),
]
"""LD: morning, phone 8, which counts for 2 + ln(13) ÷ 2 = 3.2825; evening, tv −7.5; the tag .5: L = .1044, −2.6781."""


@pytest.mark.parametrize("watermark", [-1, EVENING + HOUR, EVENING + 5 * HOUR], ids=["open", "closed", "sealed"])
def test_what_is_disliked_in_the_morning_and_liked_in_the_evening(watermark: int) -> None:
    daypart, device = in_contexts(*NO_MORNINGS, watermark=watermark)
    assert named(daypart, device) == [("x", {"daypart": "morning"}), ("x", {"device": "phone"})]
    for entry in (daypart, device):
        # 1 − σ(.1044) = .4739; 8·2^(−Δ/90) < 1.6781 at Δ = 203, past the window
        assert (entry.tier, entry.multiplier, entry.log_odds, entry.reasons) == ("soft", 0.4739, 0.1044, ("explicit",))
        assert (entry.evidence.explicit, entry.expires_at) == (8.0, (DAY0 + 180) * DAY_MS)


def test_a_tag_with_an_entry_has_none_in_contexts() -> None:
    # without the likes: LD = 8, L = .1044: the tag itself is listed
    assert not in_contexts(*NO_MORNINGS[:4])


def test_an_excluded_tag_has_none_in_contexts_until_that_ends() -> None:
    hidden = disliked(EVENING + 9, None, action="hide", scope="tag", tag="x")
    more = [gave(EVENING + n, f"z{n}", "like", "x", device="tv") for n in range(2)]
    assert not in_contexts(*NO_MORNINGS, *more, hidden)
    undone = disliked(EVENING + 10, None, action="undo", scope="tag", tag="x")
    assert in_contexts(*NO_MORNINGS, *more, hidden, undone)
    a_month_later = played(EVENING + 31 * DAY_MS, "other", played_s=9, duration_s=10)
    assert in_contexts(*NO_MORNINGS, *more, hidden, a_month_later, watermark=EVENING + 31 * DAY_MS)


def test_what_is_said_of_a_tag_itself_is_evidence_in_no_context() -> None:
    # LD of the morning stays 6, L = −.08; with it in the morning it would be 8
    said = disliked(MORNING + 5, None, action="hide", scope="tag", tag="x")
    month = [gave(EVENING + 31 * DAY_MS + n, f"l{n}", "like", "x") for n in range(5)]
    assert not in_contexts(*NO_MORNINGS[:3], said, *month)


def test_only_the_chosen_dimensions_are_counted() -> None:
    by_device = Settings(context_dimensions=("device",))
    assert named(*in_contexts(*NO_MORNINGS, settings=by_device)) == [("x", {"device": "phone"})]
    assert not in_contexts(*NO_MORNINGS, settings=Settings(context_dimensions=()))


def test_without_a_device_there_is_only_the_daypart() -> None:
    bare = [disliked(MORNING + n, f"n{n}", "x") for n in range(4)]
    bare += [gave(EVENING + n, f"y{n}", "like", "x") for n in range(5)]
    assert named(*in_contexts(*bare)) == [("x", {"daypart": "morning"})]


def test_the_daypart_is_the_users_own() -> None:
    abroad: list[Any] = [disliked(EVENING + n, f"n{n}", "x", tz_offset_min=-600) for n in range(4)]  # 9:00 there
    abroad += [gave(EVENING + HOUR + n, f"y{n}", "like", "x") for n in range(5)]
    assert named(*in_contexts(*abroad)) == [("x", {"daypart": "morning"})]


@pytest.mark.parametrize("undo_late", [False, True])
def test_an_undo_takes_its_contribution_out_of_the_context(undo_late: bool) -> None:
    undone = disliked(MORNING + 5, "n0", action="undo")
    if not undo_late:
        assert not in_contexts(*NO_MORNINGS, undone)
        return
    profile = Profile("u", Rules(Settings()))
    oracle = Oracle(Settings()).run([])
    for step in (*NO_MORNINGS, EVENING + 5 * HOUR, undone):
        if isinstance(step, int):
            profile.advance(step)
        else:
            profile.apply(step, -1)
        oracle.step(step)
    document = profile.document()
    assert same(document, oracle.document()) == []
    assert document is not None
    assert all(entry.context is None for entry in document.entries)


def test_plays_left_early_on_one_device_list_the_tag_there() -> None:
    # twenty on the phone are left, forty on the TV watched: of each .5·(1 − pa)·min(oth, 1) were expected
    phone = [played(MORNING + n * 1000, f"p{n}", "x", device="phone", duration_s=600, played_s=3) for n in range(20)]
    tv = [played(EVENING + n * 1000, f"t{n}", "x", device="tv", duration_s=600, played_s=590) for n in range(40)]
    entries = in_contexts(*phone, *tv)
    assert ("x", {"device": "phone"}) in named(*entries)
    assert {entry.reasons for entry in entries} == {("abandoned",)}
    assert {entry.evidence.abandoned for entry in entries} == {20}


def test_a_session_over_two_dayparts_counts_where_the_tag_was_first_exposed() -> None:
    # 11:50 morning | 12:05 afternoon: one session of the tag, in the morning
    oracle = Oracle(Settings()).run(
        [shown(NOON - 10 * MINUTE, "a", "x"), shown(NOON + 5 * MINUTE, "b", "x"), NOON + 5 * HOUR]
    )
    counts = oracle.contexts()[DAY0]
    assert counts["context", "x", "daypart", "morning"]["sessions"] == 1
    assert "sessions" not in counts["context", "x", "daypart", "afternoon"]
    assert counts["context", "x", "daypart", "afternoon"]["shown"] == 1

"""Creators whose items are begun and left, again and again (spec §7), by profile and oracle alike."""

from __future__ import annotations

import pytest

from lab.oracle.oracle import Oracle
from streamer.events import DAY_MS, Event
from streamer.settings import Settings
from tests.lives import begun, document_after, entries_of, in_days, tiers, usual_days
from tests.steps import DAY0, NOON, SECOND, shown

HABITS = {
    "nothing else": [],
    "a browser": usual_days(started=0.1, left=0.0),
    "a viewer": usual_days(started=0.3, left=0.3),
    "a fan": usual_days(started=0.6, left=0.1),
}


def leaving(times: int, days: int, *, search: bool = False, first: int = 0) -> list[Event]:
    """So many videos of a creator, each about something else, begun and left within ten seconds."""
    events: list[Event] = []
    for n in range(times):
        ts = NOON + (first + n * days // times) * DAY_MS + n * 60 * SECOND
        tags = (f"a{n % 6}", f"b{n % 5}")
        events += begun(ts, f"left{first}-{n}", *tags, played_s=8, search=search, creator_id="c")
    return events


@pytest.mark.parametrize("habits", HABITS)
@pytest.mark.parametrize("search", [False, True], ids=["shown", "found"])
@pytest.mark.parametrize("days", [1, 3, 10])
def test_ten_of_ten_videos_begun_and_left_lower_their_creator(habits: str, search: bool, days: int) -> None:
    found = tiers(document_after(*in_days(HABITS[habits] + leaving(10, days, search=search))), "creator", "c")
    # somebody who stays with most of what they begin says more by leaving
    assert found == ["soft"] or (habits == "a fan" and days > 1 and found == ["strong"])


@pytest.mark.parametrize("habits", HABITS)
@pytest.mark.parametrize("search", [False, True], ids=["shown", "found"])
@pytest.mark.parametrize(("days", "tier"), [(1, "soft"), (2, "strong"), (20, "strong")])
def test_twenty_of_twenty_are_strong_unless_it_was_one_bad_day(habits: str, search: bool, days: int, tier: str) -> None:
    document = document_after(*in_days(HABITS[habits] + leaving(20, days, search=search)))
    assert tiers(document, "creator", "c") == [tier]
    assert document is not None
    assert document.avoid.creators == (("c",) if tier == "strong" else ())


def test_it_says_why_and_until_when() -> None:
    (found,) = entries_of(document_after(*in_days(leaving(10, 10))), "creator")
    assert (found.multiplier, found.reasons) == (0.5, ("abandoned",))
    assert found.expires_at == (DAY0 + 9 + 30) * DAY_MS
    (of_a_day,) = entries_of(document_after(*in_days(HABITS["a browser"] + leaving(10, 1))), "creator")
    assert of_a_day.expires_at == (DAY0 + 14) * DAY_MS


@pytest.mark.parametrize("habits", ["nothing else", "a browser", "a viewer"])
def test_nine_and_a_video_that_is_stayed_with_lower_nothing(habits: str) -> None:
    stayed = begun(NOON + 10 * DAY_MS, "stayed", "a0", played_s=280, creator_id="c")
    life = [*HABITS[habits], *leaving(9, 9), *stayed, *leaving(3, 3, first=11)]
    assert tiers(document_after(*in_days(life)), "creator", "c") == []


def test_a_creator_stayed_with_after_all_is_lowered_no_more() -> None:
    stayed = begun(NOON + 10 * DAY_MS, "stayed", "a0", played_s=280, creator_id="c")
    assert tiers(document_after(*in_days([*HABITS["a viewer"], *leaving(10, 10)])), "creator", "c") == ["soft"]
    assert tiers(document_after(*in_days([*HABITS["a viewer"], *leaving(10, 10), *stayed])), "creator", "c") == []


@pytest.mark.parametrize("habits", HABITS)
@pytest.mark.parametrize("search", [False, True], ids=["shown", "found"])
@pytest.mark.parametrize("days", [1, 5])
@pytest.mark.parametrize("times", [1, 5, 10, 40])
def test_so_many_leavings_never_weigh_less_than_as_many_showings_passed_over(
    habits: str, search: bool, days: int, times: int
) -> None:
    left = leaving(times, days, search=search)
    passed: list[Event] = []
    for n in range(times):
        ts = NOON + (n * days // times) * DAY_MS + n * 60 * SECOND
        passed.append(shown(ts, f"left0-{n}", f"a{n % 6}", f"b{n % 5}", position=0, creator_id="c", duration_s=300))
    ends = [shown(NOON + day * DAY_MS + 6 * 3_600 * SECOND, f"end{day}") for day in range(days)]

    def weight(events: list[Event]) -> float:
        return expected_of(HABITS[habits] + events + ends)

    assert weight(left) >= weight(passed) - 1e-6


def expected_of(events: list[Event]) -> float:
    """E of the creator, undecayed."""
    tiles = Oracle(Settings()).run(in_days(events)).tiles()
    return sum(tile.get(("creator", "c"), {}).get("e", 0) for tile in tiles.values()) / 1e6

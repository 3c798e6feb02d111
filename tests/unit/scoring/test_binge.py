"""Evenings spent with one series, while others were on screen (spec §4), by profile and oracle alike."""

from __future__ import annotations

import pytest

from lab.oracle.oracle import Oracle
from streamer.events import DAY_MS, Event
from streamer.settings import Settings
from tests.lives import begun, document_after, entries_of, in_days, usual_days
from tests.steps import NOON, SECOND, played, shown

OTHERS = 20
HABITS = {"nothing else": [], "a viewer": usual_days(0.3, 0.3), "a fan": usual_days(0.6, 0.1)}


def evening(day: int, *, creator: str | None = "show", search: bool = False, among: int = 0) -> list[Event]:
    """Twelve episodes in a row, and in between three rows of others' items of five in twenty tags.

    Args:
        creator: whose they are; None: nobody says.
        search: they were not shown, but played one after the other.
        among: that many items about something else are watched as well.
    """
    events: list[Event] = []
    for n in range(12):
        ts = NOON + day * DAY_MS + n * 1500 * SECOND
        events += begun(
            ts, f"e{day}-{n}", "drama", "series", played_s=1390, duration_s=1400, creator_id=creator, search=search
        )
        for k in range(n % 4, OTHERS, 4):
            events += [
                shown(ts + (6 + 2 * k) * SECOND, f"o{day}-{n}-{k}-{row}", f"other{k}", position=row) for row in range(3)
            ]
    for n in range(among):
        events += begun(
            NOON + day * DAY_MS + n * 1500 * SECOND + 700 * SECOND, f"a{day}-{n}", f"among{n}", played_s=290
        )
    return events


@pytest.mark.parametrize("habits", HABITS)
@pytest.mark.parametrize("days", [1, 3, 7])
def test_a_binge_on_one_series_lists_nothing_else_that_was_on_screen(habits: str, days: int) -> None:
    life = [*HABITS[habits], *(event for day in range(days) for event in evening(day))]
    assert others_listed(life) == set()


def test_episodes_need_not_be_shown() -> None:
    life = [event for day in range(7) for event in evening(day, search=True)]
    assert others_listed([*HABITS["a fan"], *life]) == set()


def test_items_of_one_subject_are_no_series() -> None:
    life = [event for day in range(7) for event in evening(day, creator=None)]
    assert others_listed([*HABITS["a fan"], *life]) == {f"other{k}" for k in range(OTHERS)}


def test_who_watches_other_things_as_well_has_passed_over_the_rest() -> None:
    life = [event for day in range(7) for event in evening(day, among=5)]  # 12 of 17 are less than three quarters
    assert others_listed([*HABITS["a fan"], *life]) == {f"other{k}" for k in range(OTHERS)}


def others_listed(life: list[Event]) -> set[str]:
    """What is listed of the tags that were on screen meanwhile, in a context too."""
    values = {str(entry.value) for entry in entries_of(document_after(*in_days(life)), "tag")}
    return {value for value in values if value.startswith("other")}


def test_a_binge_says_nothing_of_how_readily_anything_is_begun() -> None:
    usual = in_days(HABITS["a viewer"])
    binges = in_days([*HABITS["a viewer"], *(event for day in range(7) for event in evening(day))])
    before, after = (Oracle(Settings()).run(steps).tiles() for steps in (usual, binges))
    for name in ("theta", "starts", "engaged", "explained"):
        assert total(before, name) == total(after, name)


def total(tiles: dict[int, dict[tuple[str, ...], dict[str, int]]], name: str) -> int:
    return sum(tile.get(("*", ""), {}).get(name, 0) for tile in tiles.values())


@pytest.mark.parametrize(
    ("episodes", "others", "minutes", "binge"),
    [(2, 0, 10, False), (4, 1, 10, True), (4, 2, 10, False), (4, 1, 9, False)],
)
def test_three_long_episodes_and_three_quarters_of_all_engagements_make_a_binge(
    episodes: int, others: int, minutes: int, binge: bool
) -> None:
    whole: dict[str, float] = {"played_s": 60 * minutes, "duration_s": 60 * minutes}
    events: list[Event] = [shown(NOON, "passed", "x"), shown(NOON + 9 * SECOND, "last", "y")]
    events += [played(NOON + n * SECOND, f"e{n}", "s", creator_id="show", **whole) for n in range(episodes)]
    events += [played(NOON + n * SECOND, f"a{n}", f"a{n}", **whole) for n in range(others)]
    counts = Oracle(Settings()).run(in_days(events)).tiles()[NOON // DAY_MS]["tag", "x"]
    assert ("e" not in counts) is binge
    assert (counts["shown"], counts["ignored"]) == (1, 1)
    document_after(*in_days(events))


def test_episodes_of_the_series_that_are_passed_over_count() -> None:
    passed = [shown(NOON + n * SECOND, f"p{n}", creator_id="show") for n in range(9)]
    tiles = Oracle(Settings()).run(in_days([*evening(0), *passed])).tiles()[NOON // DAY_MS]
    plain = Oracle(Settings()).run(in_days(evening(0))).tiles()[NOON // DAY_MS]
    assert tiles["creator", "show"]["e"] > plain["creator", "show"]["e"]
    document_after(*in_days([*evening(0), *passed]))

"""Named tags that the user engages with again (spec §4), by profile and oracle alike."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from lab.oracle.oracle import Oracle, same
from streamer.events import DAY_MS, Event
from streamer.profile import Profile, Rules
from streamer.scoring.document import Document
from streamer.settings import Settings
from tests.steps import HOUR, NOON, SECOND, disliked, gave, played, shown, unseen

NAMED = disliked(NOON, None, scope="tag", tag="x")


def watching(day: int, *tags: str, times: int = 1) -> list[Event | int]:
    """A sitting on a later day in which items with these tags are shown and watched to the end; sealed."""
    start = NOON + day * DAY_MS
    steps: list[Event | int] = []
    for n in range(times):
        ts = start + n * 200 * SECOND
        content = f"{'-'.join(tags)}{day}-{n}"
        steps += [shown(ts, content, *tags), played(ts + 100 * SECOND, content, *tags, played_s=100, duration_s=100)]
    return [*steps, unseen(start + times * 200 * SECOND), start + times * 200 * SECOND + 3 * HOUR]


def passing_over(day: int, *tags: str, times: int) -> list[Event | int]:
    """A sitting on a later day in which items with these tags are shown and nothing else happens; sealed."""
    start = NOON + day * DAY_MS
    return [*(shown(start + n * SECOND * 5, f"p{day}-{n}", *tags) for n in range(times)), start + 6 * HOUR]


def document_after(*steps: Event | int) -> Document | None:
    """The profile's document, which the oracle's must equal after every step."""
    profile, truth = Profile("u", Rules(Settings())), Oracle(Settings()).run([])
    for step in steps:
        if isinstance(step, int):
            profile.advance(step)
        else:
            profile.apply(step, step.ts)
        truth.step(step)
        assert same(profile.document(), truth.document()) == []
    return profile.document()


def tiers(document: Document | None) -> list[str]:
    found = () if document is None else document.entries
    return [entry.tier for entry in found if (entry.kind, entry.value) == ("tag", "x")]


def test_a_named_tag_is_excluded_until_it_was_engaged_with_on_three_days() -> None:
    days = [step for day in (1, 2, 3) for step in watching(day, "x")]
    two = [step for day in (1, 2) for step in watching(day, "x", times=3)]
    assert tiers(document_after(NAMED, NOON + 3 * HOUR, *two)) == ["hard"]
    assert tiers(document_after(NAMED, NOON + 3 * HOUR, *days)) == []


def test_an_open_sitting_counts_too() -> None:
    days = [step for day in (1, 2, 3) for step in watching(day, "x")]
    assert tiers(document_after(NAMED, NOON + 3 * HOUR, *days[:-1])) == []


def test_engagements_of_the_day_it_was_named_and_before_do_not_count() -> None:
    before = [step for day in (-3, -2, -1) for step in watching(day, "x")]
    assert tiers(document_after(*before, NAMED, NOON + 3 * HOUR, *watching(1, "x"), *watching(2, "x"))) == ["hard"]


def test_a_named_tag_that_is_passed_over_more_than_expected_stays_excluded() -> None:
    days = [step for day in (1, 2, 3) for step in watching(day, "x")]
    life = [NAMED, NOON + 3 * HOUR, *days, *passing_over(4, "x", times=60)]
    assert "hard" in tiers(document_after(*life))


def three_days_of(*events: Event) -> list[Event | int]:
    """The same short sitting on three days after the tag was named; sealed."""
    return [
        step
        for day in (1, 2, 3)
        for step in (*(replace(event, ts=event.ts + day * DAY_MS) for event in events), NOON + day * DAY_MS + 3 * HOUR)
    ]


@pytest.mark.parametrize(
    "sitting",
    [
        [gave(NOON, "a", "comment", "x")],
        [shown(NOON, "a", "x"), gave(NOON + 9 * SECOND, "a", "comment", "x")],
        [gave(NOON, "a", "click", "x")],
        [shown(NOON, "a", "x"), gave(NOON + 9 * SECOND, "a", "click", "x")],
        [gave(NOON, "a", "click", "x"), played(NOON + SECOND, "a", "x", played_s=3, duration_s=600)],
    ],
    ids=["comments", "comments on what was shown", "clicks", "clicks on what was shown", "three seconds"],
)
def test_angry_comments_and_short_clicks_do_not_lift_an_exclusion_asked_for_by_name(sitting: list[Event]) -> None:
    assert "hard" in tiers(document_after(NAMED, NOON + 3 * HOUR, *three_days_of(*sitting)))


def test_likes_of_what_was_shown_lift_it_without_a_play() -> None:
    days: list[Event | int] = []
    for day in (1, 2, 3):
        ts = NOON + day * DAY_MS
        days += [shown(ts, f"a{day}", "x"), gave(ts + 9 * SECOND, f"a{day}", "like", "x"), ts + 3 * HOUR]
    assert tiers(document_after(NAMED, NOON + 3 * HOUR, *days)) == []


def test_naming_it_again_excludes_it_again() -> None:
    days = [step for day in (1, 2, 3) for step in watching(day, "x")]
    again = disliked(NOON + 4 * DAY_MS, None, scope="tag", tag="x", action="hide")
    assert "hard" in tiers(document_after(NAMED, NOON + 3 * HOUR, *days, again, NOON + 4 * DAY_MS + 3 * HOUR))


@pytest.mark.parametrize("action", ["block", "report"])
def test_block_and_report_yield_to_an_undo_alone(action: Any) -> None:
    named = disliked(NOON, None, scope="tag", tag="x", action=action)
    days = [step for day in (1, 2, 3, 4) for step in watching(day, "x", times=2)]
    assert "hard" in tiers(document_after(named, NOON + 3 * HOUR, *days))


def test_named_creators_and_contents_stay_excluded() -> None:
    named = disliked(NOON, None, scope="creator", creator_id="c")
    days = [step for day in (1, 2, 3, 4) for step in watching(day, "x")]
    found = document_after(named, disliked(NOON + SECOND, "x1-0", "x"), NOON + 3 * HOUR, *days)
    assert found is not None
    assert {(entry.kind, entry.tier) for entry in found.entries if entry.tier == "hard"} == {
        ("creator", "hard"),
        ("content", "hard"),
    }

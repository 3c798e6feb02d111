"""What is odd but allowed has defined effects: bare items, many tags, tags that come together, one sitting, bots."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lab.oracle.oracle import Oracle, same
from streamer.events import DAY_MS, Event
from streamer.profile import Profile, Rules
from streamer.profile.rollup.rollup import Rollup
from streamer.scoring.document import Document, Entry
from streamer.settings import Settings
from tests.steps import HOUR, NOON, SECOND, disliked, gave, played, shown

SETTINGS = Settings()
SEALED = NOON + 5 * HOUR


def profile_of(events: Iterable[Event], watermark: int = SEALED, settings: Settings = SETTINGS) -> Profile:
    profile = Profile("u", Rules(settings))
    for event in events:
        profile.apply(event, -1)
    profile.advance(watermark)
    return profile


def document_of(events: list[Event], watermark: int = SEALED) -> Document | None:
    """The document, which the oracle agrees with."""
    found = profile_of(events, watermark).document()
    assert same(found, Oracle(SETTINGS).run([*events, watermark]).document()) == []
    return found


def passed_over(n: int, *tags: str, start: int = NOON) -> list[Event]:
    """Exposures of as many items in first place, one a second."""
    return [shown(start + i * SECOND, f"i{start}-{i}", *tags, position=0) for i in range(n)]


def entries_of(document: Document | None, kind: str = "tag") -> list[Entry]:
    return [] if document is None else [entry for entry in document.entries if entry.kind == kind]


def expected(rollup: Rollup, tag: str) -> int:
    return sum(cell.e for _, cell in rollup.days("tag", tag))


# --- items without tags, creator, duration -------------------------------------------------------------------


def test_bare_items_make_the_user_known_and_list_only_themselves() -> None:
    bare = [*passed_over(30), played(NOON + 40 * SECOND, "left", played_s=3)]
    found = document_of(bare)
    assert found is not None
    assert [(entry.kind, entry.value, entry.reasons) for entry in found.entries] == [
        ("content", "left", ("abandoned",))
    ]
    assert found.avoid.duration_max_seconds is None
    assert found.completion == {}


def test_a_dislike_of_a_bare_item_excludes_it_and_blames_nothing() -> None:
    found = document_of([disliked(NOON, "a")])
    assert found is not None
    assert [(entry.kind, entry.value, entry.tier) for entry in found.entries] == [("content", "a", "hard")]
    assert not profile_of([disliked(NOON, "a")]).rollup.tiles


def test_a_creator_alone_is_held_to_everything() -> None:
    events = [shown(NOON + i * SECOND, f"i{i}", creator_id="k", position=0) for i in range(60)]
    (cell,) = [cell for _, cell in profile_of(events).rollup.days("creator", "k")]
    assert (cell.shown, cell.ignored) == (60, 60)


# --- many tags -----------------------------------------------------------------------------------------------

SIXTEEN = tuple(f"t{n:02}" for n in range(16))


def test_of_more_than_sixteen_tags_the_first_sixteen_count() -> None:
    profile = profile_of(passed_over(9, *SIXTEEN, "t16", "t17"))
    assert sorted(profile.rollup.sums["tag"]) == list(SIXTEEN)


def test_sixteen_tags_share_the_blame_of_a_dislike() -> None:
    # po = 1 − .96^15 = .458: 2 − ln(.458·e² + .542) = .633 each, where one alone gets 2
    ld = [cell.ld for tag in SIXTEEN for _, cell in profile_of([disliked(NOON, "a", *SIXTEEN)]).rollup.days("tag", tag)]
    assert len(ld) == 16
    assert set(ld) == {ld[0]}
    assert ld[0] / 1e6 == pytest.approx(0.633, abs=1e-3)
    assert not entries_of(document_of([disliked(NOON, "a", *SIXTEEN)]))


def test_items_of_sixteen_tags_leave_bounded_finite_counts() -> None:
    events = [event for day in range(12) for event in passed_over(40, *SIXTEEN, start=NOON + day * DAY_MS)]
    found = document_of(events, NOON + 12 * DAY_MS)
    assert len({(entry.tier, entry.multiplier, entry.log_odds) for entry in entries_of(found)}) <= 1


# --- tags that always come together --------------------------------------------------------------------------


def test_tags_that_always_come_together_have_the_same_entry_and_more_slowly_than_one_alone() -> None:
    def days(*tags: str) -> list[Event]:
        found: list[Event] = []
        for start in range(NOON, NOON + 6 * DAY_MS, DAY_MS):
            found += passed_over(40, *tags, start=start)
            for i in range(30):  # other things they choose
                ts = start + (50 + i) * SECOND
                found += [shown(ts, f"o{ts}", position=0), gave(ts + 1, f"o{ts}", "click")]
        return found

    together, alone = profile_of(days("x", "y"), NOON + 7 * DAY_MS), profile_of(days("x"), NOON + 7 * DAY_MS)
    assert expected(together.rollup, "x") == expected(together.rollup, "y") < expected(alone.rollup, "x")
    x, y = (
        [(entry.tier, entry.multiplier, entry.log_odds, entry.expires_at)
         for entry in entries_of(document_of(days("x", "y"), NOON + 7 * DAY_MS)) if entry.value == tag]
        for tag in ("x", "y")
    )  # fmt: skip
    assert x == y
    assert len(x) == 1


# --- one session ---------------------------------------------------------------------------------------------


def test_a_user_with_one_session_has_the_same_document_closed_and_sealed() -> None:
    sitting = [*passed_over(60, "x"), played(NOON + 70 * SECOND, "left", "y", played_s=3, duration_s=600)]
    closed, sealed = document_of(sitting, NOON + HOUR), document_of(sitting, SEALED)
    assert closed == sealed
    assert [(entry.kind, entry.value) for entry in entries_of(closed, "content")] == [("content", "left")]


def test_one_look_says_nothing() -> None:
    assert document_of([shown(NOON, "a", "x")]) is None


# --- bots ----------------------------------------------------------------------------------------------------


def test_a_bot_that_looks_at_everything_is_bounded_and_lists_nothing() -> None:
    # 1,500 exposures in a sitting, no click: 1,000 count, own rate 2 ÷ 1,020, so that nothing was to be expected
    events: list[Event] = [
        shown(NOON + i * SECOND, f"i{i}", f"t{i % 197}", creator_id=f"k{i % 89}", position=0) for i in range(1_500)
    ]
    profile = profile_of(events)
    (tile,) = profile.rollup.tiles.values()
    assert (len(tile.tag_totals()), len(tile.creators), len(tile.contents)) == (128, 64, 128)
    assert tile.totals.theta == 1_000 * 1_000
    found = profile.document()
    assert found is not None
    assert found.entries == ()


def test_a_bot_that_clicks_everything_dislikes_nothing() -> None:
    events: list[Event] = []
    for i in range(200):
        events += [
            shown(NOON + 2 * i * SECOND, f"i{i}", "x", position=0),
            gave(NOON + 2 * i * SECOND + 1, f"i{i}", "click"),
        ]
    found = document_of(events)
    assert found is not None
    assert found.entries == ()


def test_a_bot_that_starts_everything_and_leaves_at_once_lists_at_most_what_a_document_holds() -> None:
    # it leaves all lengths alike: that is no cap
    events: list[Event] = [
        played(NOON + i * SECOND, f"i{i}", "x", duration_s=60.0 if i % 2 else 1800.0, played_s=0.5) for i in range(400)
    ]
    profile = profile_of(events)
    found = profile.document()
    assert found is not None
    assert len(entries_of(found, "content")) == SETTINGS.entries_max
    assert found.avoid.duration_max_seconds is None
    assert not entries_of(found, "duration")


def test_a_bot_that_repeats_itself_counts_once() -> None:
    once = [shown(NOON, "a", "x"), shown(NOON + 9 * SECOND, "b", "x"), gave(NOON + SECOND, "a", "like", "x")]
    assert profile_of(once * 50).rollup.tiles == profile_of(once).rollup.tiles

"""The duration cap of spec §8, row by row, in the profile and in the oracle."""

from __future__ import annotations

from math import log

import pytest

from lab.oracle.counts import Tiles, Window
from lab.oracle.duration import duration_cap
from lab.oracle.oracle import Oracle, same
from streamer.events import DAY_MS, Event
from streamer.profile import Profile, Rules
from streamer.scoring.document import Document, Entry, Evidence
from streamer.scoring.duration import Plays, best_split, cap, duration_entry
from streamer.settings import Settings
from tests.steps import DAY0, HOUR, NOON, played

SETTINGS = Settings()
Counts = dict[int, tuple[int, int]]
"""Plays and abandonments by upper edge (s), 0: no edge."""


def cap_of(counts: Counts, usual: float = 0.35) -> int | None:
    """The cap by both implementations, all plays of today."""
    ours = cap({edge: Plays(plays, plays * usual, abandoned) for edge, (plays, abandoned) in counts.items()})
    tiles: Tiles = {
        DAY0: {
            ("bucket", str(edge) if edge else "inf"): {"plays": p, "abandoned": a} for edge, (p, a) in counts.items()
        }
    }
    assert ours == duration_cap(Window(tiles, DAY0, SETTINGS))
    return ours


def test_the_worked_example() -> None:
    # E = 7·22/18 = 8.556 on both sides: G = 2 ln(2/8.556) + 16 ln(16/8.556) − 18 ln(18/17.111) = 6.198
    split = best_split({60: Plays(20, 7.0, 2.0), 480: Plays(20, 7.0, 16.0)})
    assert split is not None
    assert (round(split.gain, 3), round(split.ratio, 3)) == (6.198, 3.333)  # ratio = 20/12.556 ÷ 6/12.556
    assert cap_of({60: (20, 2), 480: (20, 16)}) == 360


@pytest.mark.parametrize(("n", "expected"), [(7, None), (8, 1440)])
def test_a_gain_of_five_nats_is_needed(n: int, expected: int | None) -> None:
    # as many plays on both sides, all of the long ones abandoned: G = n ln 2 = 4.85 and 5.55, ratio (n + 4) ÷ 4
    split = best_split({60: Plays(n, n * 0.35, 0.0), 1920: Plays(n, n * 0.35, n)})
    assert split is not None
    assert split.gain == pytest.approx(n * log(2))
    assert cap_of({60: (n, 0), 1920: (n, n)}) == expected


@pytest.mark.parametrize(("below", "above", "expected"), [(6, 30, 1440), (5, 30, None), (30, 6, 1440), (30, 5, None)])
def test_six_plays_are_needed_on_each_side(below: int, above: int, expected: int | None) -> None:
    # 6 short: G = 30 ln(36/30) = 5.47; 6 long: 6 ln(36/6) = 10.75
    assert cap_of({60: (below, 0), 1920: (above, above)}) == expected


def test_abandoning_a_quarter_more_is_needed_however_sure_it_is() -> None:
    # G = 1000 ln(1000/1100) + 1200 ln(1200/1100) = 9.1 before E; ratio 1204 ÷ 1004 = 1.199, and 1304 ÷ 1004 = 1.299
    assert cap_of({60: (3000, 1000), 480: (3000, 1200)}) is None
    assert cap_of({60: (3000, 1000), 480: (3000, 1300)}) == 360


def test_whoever_leaves_the_short_ones_has_no_cap() -> None:
    assert cap_of({60: (20, 16), 480: (20, 2)}) is None


def test_the_edge_of_the_greatest_gain_is_the_cap_and_of_equal_ones_the_greater() -> None:
    # 30 s and 8 min are finished alike, beyond 16 min nothing is: edges 480 .. 720 part the same plays
    assert cap_of({30: (10, 1), 480: (10, 1), 960: (10, 10), 0: (10, 10)}) == 720
    assert cap_of({30: (20, 1), 45: (20, 19)}) == 30


def test_items_without_an_upper_edge_lie_above_the_last_one() -> None:
    assert cap_of({1920: (10, 0), 0: (10, 10)}) == 2880


def test_the_plays_are_counted_as_they_are_and_weighed_as_they_age() -> None:
    # 45 days before: weight 2^-.5. Still 8 plays a side, but G = 8·.7071·ln 2 = 3.92
    usual = 8 * 0.5**0.5 * 0.35
    aged = best_split({60: Plays(8, usual, 0.0), 1920: Plays(8, usual, 8 * 0.5**0.5)})
    assert aged is not None
    assert aged.gain == pytest.approx(3.921, abs=1e-3)
    day = {("bucket", "60"): {"plays": 8}, ("bucket", "1920"): {"plays": 8, "abandoned": 8}}
    assert duration_cap(Window({DAY0: day}, DAY0 + 45, SETTINGS)) is None
    assert duration_cap(Window({DAY0: day}, DAY0 + 13, SETTINGS)) == 1440  # 8·2^(-13/90)·ln 2 = 5.02


def test_a_cap_lasts_ninety_days_after_the_last_play() -> None:
    end = (DAY0 + 90) * DAY_MS
    assert duration_entry(360, DAY0 - 9, DAY0, end) is None
    assert duration_entry(360, DAY0 - 9, DAY0, end - 1) == Entry(
        kind="duration",
        value=360,
        context=None,
        tier="soft",
        multiplier=0.5,
        log_odds=None,
        reasons=("too_long",),
        evidence=Evidence(first_day="2024-09-25", last_day="2024-10-04"),
        since=(DAY0 - 9) * DAY_MS,
        expires_at=end,
    )


# --- in the document -----------------------------------------------------------------------------------------


def binge(day: int, n: int, *, duration_s: float, played_s: float, media: str | None = None) -> list[Event]:
    start = NOON + day * DAY_MS
    return [
        played(start + 1000 * i, f"d{day}n{i}", duration_s=duration_s, played_s=played_s, media=media) for i in range(n)
    ]


def document(*events: list[Event], watermark: int = -1, settings: Settings = SETTINGS) -> Document | None:
    """The document by both implementations."""
    profile, oracle = Profile("u", Rules(settings)), Oracle(settings).run([])
    for event in sorted((event for few in events for event in few), key=lambda event: event.ts):
        profile.apply(event, -1)
        oracle.step(event)
    profile.advance(watermark)
    oracle.step(watermark)
    found = profile.document()
    assert same(found, oracle.document()) == []
    return found


SHORT = binge(0, 9, duration_s=50, played_s=45)
LONG = [event for day in (1, 2, 3) for event in binge(day, 3, duration_s=1800, played_s=5)]


@pytest.mark.parametrize(
    "watermark", [-1, NOON + 3 * DAY_MS + HOUR, NOON + 3 * DAY_MS + 5 * HOUR], ids=["open", "closed", "sealed"]
)
def test_a_cap_stands_in_avoid_whatever_its_tier_and_as_an_entry(watermark: int) -> None:
    found = document(SHORT, LONG, watermark=watermark, settings=Settings(avoid_tiers=("hard",)))
    assert found is not None
    (entry,) = [entry for entry in found.entries if entry.kind == "duration"]
    assert (entry.value, found.avoid.duration_max_seconds) == (1440, 1440)
    assert (entry.since, entry.expires_at) == (DAY0 * DAY_MS, (DAY0 + 3 + 90) * DAY_MS)


@pytest.mark.parametrize("days", [(1,), (1, 2)])
def test_long_films_left_in_one_sitting_or_two_are_no_cap(days: tuple[int, ...]) -> None:
    left = [binge(day, 9, duration_s=7200, played_s=5) for day in days]
    found = document(SHORT, *left)
    assert found is None or found.avoid.duration_max_seconds is None


def films(creator: str | None, *tags: str) -> list[Event]:
    """Twelve films of half an hour left early over four days; {} is each one's number."""
    return [
        played(
            NOON + (1 + n // 3) * DAY_MS + 1000 * n,
            f"long{n}",
            *(tag.format(n) for tag in tags),
            creator_id=None if creator is None else creator.format(n),
            duration_s=1800,
            played_s=5,
        )
        for n in range(12)
    ]


def clips(creator: str | None, *tags: str) -> list[Event]:
    """Twenty clips watched to the end over five days."""
    return [
        played(
            NOON + (n // 4) * DAY_MS + 3 * HOUR + 1000 * n,
            f"short{n}",
            *(tag.format(n) for tag in tags),
            creator_id=None if creator is None else creator.format(n),
            duration_s=50,
            played_s=45,
        )
        for n in range(20)
    ]


@pytest.mark.parametrize(
    ("left", "watched", "cap"),
    [
        (films("c{}"), clips("c{}"), 1440),
        (films("bad"), clips("c{}"), None),
        (films(None, "war"), clips(None, "t{}"), None),
        (films(None, "WAR", "t{}"), clips(None, "t{}"), None),
        (films(None, "film", "t{}"), clips(None, "film", "t{}"), 1440),  # left if it is long alone
        (films("one"), clips("one"), 1440),
        ([*films("bad")[:9], *films("c{}")[9:]], clips("c{}"), 1440),  # others' long films are left as well
    ],
    ids=["nobody's", "one creator's", "one tag's", "among others", "a tag of all", "the only creator", "mostly"],
)
@pytest.mark.parametrize("watermark", [-1, NOON + 9 * DAY_MS], ids=["open", "sealed"])
def test_what_one_creator_or_tag_explains_is_no_cap(
    left: list[Event], watched: list[Event], cap: int | None, watermark: int
) -> None:
    found = document(left, watched, watermark=watermark)
    assert (None if found is None else found.avoid.duration_max_seconds) == cap


def test_products_and_items_of_unknown_length_have_no_bucket() -> None:
    products = binge(1, 9, duration_s=1800, played_s=5, media="product")
    unknown = [played(NOON + DAY_MS + 1000 * i, f"u{i}", played_s=5) for i in range(9)]
    for found in (document(SHORT, products), document(SHORT, unknown)):
        assert found is None or found.avoid.duration_max_seconds is None


def test_a_cap_goes_when_its_plays_have_left_the_window() -> None:
    later = [played(NOON + 181 * DAY_MS, "later", duration_s=50, played_s=45)]
    found = document(SHORT, LONG, later, watermark=NOON + 181 * DAY_MS)
    assert found is None or found.avoid.duration_max_seconds is None

"""The document of spec §9: its bytes, its order, and when a new one is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from msgspec.structs import replace

from streamer.events import DAY_MS
from streamer.profile import Profile, Rules
from streamer.scoring.assemble import assemble
from streamer.scoring.contents import content_entry
from streamer.scoring.counts import FIRST, SECOND, THIRD, Cell
from streamer.scoring.document import Avoid, Document, Entry, Evidence, Kind, Tier, decode, encode, must_write
from streamer.scoring.duration import duration_entry
from streamer.scoring.entries import hard_entry
from streamer.scoring.score import ALPHA_TAG, Expiry, log_odds, rate_ratio
from streamer.settings import Settings
from streamer.signals.rounding import places4
from tests.steps import DAY0, HOUR, NOON, disliked, played, shown

SPEC: Final = Path(__file__).parents[3] / "docs" / "spec.md"

EXAMPLE_BYTES = (
    '{"schema":1,"user_id":"u1","as_of":1760000000000,"cohort":null,'
    '"avoid":{"creators":["creator-id-882"],"tags":["true-crime"],"duration_max_seconds":1920,"content_ids":["content-4421"]},'
    '"entries":[{"kind":"tag","value":"true-crime","context":null,"tier":"strong","multiplier":0.2857,"log_odds":0.3481,'
    '"reasons":["ignored"],"evidence":{"shown":40,"started":0,"abandoned":0,"engaged":0,"ignored":40,"sessions":9,'
    '"expected":5.0,"observed":0.0,"explicit":0.0,"first_day":"2025-09-01","last_day":"2025-10-09"},'
    '"since":1756684800000,"expires_at":1769040000000}],'
    '"completion":{"video":0.42}}'
)
TRUE_CRIME = Entry(
    kind="tag",
    value="true-crime",
    context=None,
    tier="strong",
    multiplier=0.2857,
    log_odds=0.3481,
    reasons=("ignored",),
    evidence=Evidence(
        shown=40, ignored=40, sessions=9, expected=5.0, observed=0.0, first_day="2025-09-01", last_day="2025-10-09"
    ),
    since=1756684800000,
    expires_at=1769040000000,
)
EXAMPLE = Document(
    1,
    "u1",
    1760000000000,
    None,
    Avoid(("creator-id-882",), ("true-crime",), 1920, ("content-4421",)),
    (TRUE_CRIME,),
    {"video": 0.42},
)


def implicit(kind: Kind, value: str | int, multiplier: float = 0.5, tier: Tier = "soft", **more: Any) -> Entry:
    return replace(TRUE_CRIME, kind=kind, value=value, multiplier=multiplier, tier=tier, **more)


def assembled(*entries: Entry, tiers: tuple[str, ...] = ("hard", "strong"), most: int = 100) -> Document:
    return assemble("u", 1, None, entries, {}, tiers, most)


# --- bytes ---------------------------------------------------------------------------------------------------


def test_a_document_is_these_bytes_and_back() -> None:
    assert encode(EXAMPLE) == EXAMPLE_BYTES.encode()
    assert decode(EXAMPLE_BYTES.encode()) == EXAMPLE


@pytest.fixture
def spec_example() -> str:
    """The example of docs/spec.md §9, as it stands there."""
    found = re.search(r"```json\n(.*?)```", SPEC.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_of_the_spec_is_a_document_spread_out(spec_example: str) -> None:
    written = json.dumps(json.loads(spec_example), separators=(",", ":")).encode()
    assert encode(decode(spec_example.encode())) == written


def test_the_example_of_the_spec_is_in_order_and_its_plain_lists_follow_from_its_entries(spec_example: str) -> None:
    example = decode(spec_example.encode())
    shuffled = reversed(example.entries)
    tiers, most = Settings().avoid_tiers, Settings().entries_max
    assert assemble(example.user_id, example.as_of, None, shuffled, example.completion, tiers, most) == example


def test_the_numbers_of_the_specs_example_are_those_of_its_formulas(spec_example: str) -> None:
    creator, tag, duration, content = decode(spec_example.encode()).entries
    until = 20_370 * DAY_MS  # the start of 2025-10-09, when tag and content were last shown
    assert creator == hard_entry("creator", "creator-id-882", creator.since, creator.since + 180 * DAY_MS)
    expected = tag.evidence.expected
    assert tag.log_odds == places4(log_odds(0.0, expected, 0.0, 0.04))
    assert tag.multiplier == places4(rate_ratio(0.0, expected, ALPHA_TAG))
    assert tag.expires_at == until + Expiry(90.0, 180).days_left(0.0, expected, 0.0, 0.04) * DAY_MS
    assert duration == duration_entry(1920, duration.since // DAY_MS, 20_369, until)
    cell = Cell(exposures=FIRST + SECOND + THIRD)  # shown and ignored, in a session
    assert content == content_entry("content-4421", [(20_362, cell), (20_366, cell), (20_370, cell)], until)


def test_text_is_utf8_not_escaped() -> None:
    document = replace(EXAMPLE, user_id="Zoë 東京 😀")
    assert "Zoë 東京 😀".encode() in encode(document)
    assert decode(encode(document)) == document


def test_equal_content_gives_equal_bytes_whatever_the_order_entries_came_in() -> None:
    entries = [implicit("tag", name, m) for name, m in (("b", 0.3), ("a", 0.3), ("c", 0.2))]
    assert encode(assembled(*entries)) == encode(assembled(*reversed(entries)))


def test_a_computed_document_has_numbers_of_four_places_and_no_minus_zero() -> None:
    # four dislikes of tag x: LD = 8 counts for 3.2825, L = logit .04 + 3.2825 = .1044; one play of a fifth item
    profile = Profile("u", Rules(Settings()))
    said = [disliked(NOON, content, "x") for content in "bcde"]
    for event in (*said, played(NOON, "a", played_s=1, duration_s=3)):
        profile.apply(event, -1)
    document = profile.document()
    assert document is not None
    raw = encode(document)
    tag = next(entry for entry in json.loads(raw, parse_float=str)["entries"] if entry["kind"] == "tag")
    assert (tag["multiplier"], tag["log_odds"]) == ("0.4739", "0.1044")
    assert [tag["evidence"][name] for name in ("expected", "observed", "explicit")] == ["0.0", "0.0", "8.0"]
    assert b'"completion":{"video":0.3333}' in raw
    assert b"-0.0," not in raw


def test_bytes_that_hold_no_document_do_not_decode() -> None:
    for raw in (b"", b"{}", b'{"schema":1}', EXAMPLE_BYTES.encode()[:-1]):
        with pytest.raises(msgspec.DecodeError):
            decode(raw)


# --- order, avoid, caps --------------------------------------------------------------------------------------


def test_kinds_then_hard_ones_newest_first_then_multiplier_value_context() -> None:
    document = assembled(
        hard_entry("content", "old", 1, None),
        hard_entry("content", "z-new", 2, None),
        hard_entry("content", "a-new", 2, None),
        implicit("content", "x", 0.3),
        implicit("duration", 1920, 0.5),
        implicit("tag", "b", 0.5, context={"daypart": "night"}),
        implicit("tag", "b", 0.5, context={"daypart": "morning"}),
        implicit("tag", "b", 0.5),
        implicit("tag", "a", 0.5),
        implicit("tag", "z", 0.1, "strong"),
        implicit("creator", "k"),
    )
    assert [(e.kind, e.value, e.context and e.context["daypart"]) for e in document.entries] == [
        ("creator", "k", None),
        ("tag", "z", None),
        ("tag", "a", None),
        ("tag", "b", None),
        ("tag", "b", "morning"),
        ("tag", "b", "night"),
        ("duration", 1920, None),
        ("content", "a-new", None),
        ("content", "z-new", None),
        ("content", "old", None),
        ("content", "x", None),
    ]
    assert document.avoid == Avoid((), ("z",), 1920, ("a-new", "z-new", "old"))


def test_avoid_names_each_value_once_of_the_chosen_tiers_and_none_bound_to_a_context() -> None:
    entries = [
        hard_entry("tag", "t", 1, None),
        implicit("tag", "t", 0.1, "strong"),
        implicit("tag", "soft"),
        implicit("tag", "mornings", 0.2, "strong", context={"daypart": "morning"}),
    ]
    assert assembled(*entries).avoid.tags == ("t",)
    assert assembled(*entries, tiers=("hard", "strong", "soft")).avoid.tags == ("t", "soft")
    assert assembled(*entries, tiers=("soft",)).avoid.tags == ("soft",)
    assert assembled(*entries, tiers=()).avoid == Avoid()


def test_per_kind_all_hard_entries_and_the_lightest_multipliers_stay() -> None:
    entries = [hard_entry("tag", f"h{n}", n, None) for n in range(5)]
    entries += [implicit("tag", f"s{n}", n / 10) for n in range(5)]
    entries += [implicit("creator", f"c{n}", 0.5) for n in (1, 2, 3)]
    kept = assembled(*entries, most=2).entries
    assert [e.value for e in kept] == ["c1", "c2", "h4", "h3", "h2", "h1", "h0", "s0", "s1"]


# --- the write rule ------------------------------------------------------------------------------------------


def changed(**fields: Any) -> Document:
    return replace(EXAMPLE, entries=(replace(TRUE_CRIME, **fields),))


@pytest.mark.parametrize(
    "current",
    [
        EXAMPLE,
        replace(EXAMPLE, as_of=EXAMPLE.as_of + DAY_MS, cohort="k", completion={"video": 0.9}),
        changed(multiplier=0.2857 + 0.0499),
        changed(multiplier=0.2857 - 0.0499),
        changed(expires_at=1769040000000 + DAY_MS - 1),
        changed(expires_at=1769040000000 - DAY_MS + 1),
        changed(log_odds=9.0, since=0, evidence=Evidence(shown=99)),
    ],
)
def test_a_document_that_differs_by_less_is_not_written(current: Document) -> None:
    assert not must_write(EXAMPLE, current)
    assert not must_write(current, EXAMPLE)


@pytest.mark.parametrize(
    "current",
    [
        replace(EXAMPLE, avoid=Avoid(("creator-id-882",), ("true-crime",), 1440, ("content-4421",))),
        replace(EXAMPLE, avoid=replace(EXAMPLE.avoid, content_ids=())),
        replace(EXAMPLE, entries=()),
        replace(EXAMPLE, entries=(TRUE_CRIME, implicit("creator", "new"))),
        changed(kind="creator"),
        changed(value="news"),
        changed(context={"daypart": "night"}),
        changed(tier="soft"),
        changed(reasons=("ignored", "returned")),
        changed(multiplier=0.3357),
        changed(multiplier=0.2357),
        changed(expires_at=1769040000000 + DAY_MS),
        changed(expires_at=1769040000000 - DAY_MS),
        changed(expires_at=None),
    ],
)
def test_a_document_that_differs_in_what_a_reader_would_notice_is_written(current: Document) -> None:
    assert must_write(EXAMPLE, current)
    assert must_write(current, EXAMPLE)


def test_a_document_that_begins_or_ends_is_written_and_nothing_for_nothing() -> None:
    assert must_write(None, EXAMPLE)
    assert must_write(None, replace(EXAMPLE, entries=(), avoid=Avoid()))
    assert must_write(EXAMPLE, None)
    assert not must_write(None, None)


def test_an_unchanged_document_is_written_again_when_the_written_one_has_aged() -> None:
    later = replace(EXAMPLE, as_of=EXAMPLE.as_of + 90 * DAY_MS)
    assert must_write(EXAMPLE, later, most_age_ms=90 * DAY_MS)
    assert not must_write(EXAMPLE, later, most_age_ms=90 * DAY_MS + 1)
    assert not must_write(EXAMPLE, later)


def test_contexts_of_one_tag_are_told_apart() -> None:
    morning, night = ({"daypart": part} for part in ("morning", "night"))
    both = replace(EXAMPLE, entries=(replace(TRUE_CRIME, context=morning), replace(TRUE_CRIME, context=night)))
    assert not must_write(both, replace(both, entries=both.entries[::-1]))
    moved = replace(both, entries=(both.entries[0], replace(both.entries[1], multiplier=0.9)))
    assert must_write(both, moved)


# --- when there is one ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [DAY0, DAY0 + 12, DAY0 + 13, DAY0 + 40])
def test_twenty_examined_exposures_keep_a_document_on_any_day(day: int) -> None:
    # the decayed sum must not fall short of 20 by rounding: 2^(12/90) * 2^(-12/90) is less than 1
    def document(n: int) -> Document | None:
        profile = Profile("u", Rules(Settings()))
        start = NOON + (day - DAY0) * DAY_MS
        for i in range(n):
            profile.apply(shown(start + 1000 * i, f"c{i}"), -1)
        profile.advance(start + HOUR)
        return profile.document()

    assert document(19) is None
    known = document(20)
    assert known is not None
    assert (known.entries, known.avoid, known.completion) == ((), Avoid(), {})

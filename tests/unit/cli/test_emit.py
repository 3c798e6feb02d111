"""`streamer emit`: what its words make of an event, and what they tell of a list."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from streamer.cli.emit.effect import wait_for_effect
from streamer.cli.emit.fields import Kind, event_of
from streamer.errors import InvalidEvent
from streamer.events import Dislike, Feedback, Impression, Play
from streamer.explaining.difference import difference, may_show
from streamer.scoring.document import Avoid, Document, Entry, Evidence
from streamer.settings import load

NOW_MS = 1_760_000_000_000


def entry(value: str | int, kind: str = "tag", **more: object) -> Entry:
    made = Entry(kind, value, None, "soft", 0.5, 0.1, ("ignored",), Evidence(), NOW_MS, NOW_MS + 1)  # type: ignore[arg-type]
    return replace(made, **more)


def listing(*entries: Entry) -> Document:
    return Document(1, "ann", NOW_MS, None, Avoid(), entries, {})


def test_fields_are_taken_as_the_contract_has_them() -> None:
    found = [
        event_of("impression", "ann", ["content_id=007", "visible_ms=2400", "tags=a, b"], NOW_MS),
        event_of("play", "ann", ["content_id=c", "played_s=1.5", "ended=false", "ts=1760000000001"], NOW_MS),
        event_of("dislike", "ann", ["action=hide", "content_id=a=b"], NOW_MS),
        event_of("feedback", "ann", ["kind=rating", "content_id=c", "value=5"], NOW_MS),
    ]
    assert found == [
        Impression(user_id="ann", ts=NOW_MS, content_id="007", visible_ms=2400, tags=("a", "b")),
        Play(user_id="ann", ts=NOW_MS + 1, content_id="c", played_s=1.5, ended=False),
        Dislike(user_id="ann", ts=NOW_MS, action="hide", content_id="a=b"),
        Feedback(user_id="ann", ts=NOW_MS, kind="rating", content_id="c", value=5),
    ]


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        ("play", ["content_id"], "write a field as NAME=VALUE"),
        ("play", ["content_id=c", "visible_ms=3"], "no such field of play: visible_ms; there are cohort, content_id"),
        ("play", ["user_id=bob", "content_id=c"], "no such field of play: user_id"),
        ("play", [], "content_id"),
        ("dislike", ["action=hate", "content_id=c"], "hate"),
        ("impression", ["content_id=c", "visible_ms=long"], "visible_ms"),
    ],
)
def test_a_field_that_cannot_be_is_named(kind: Kind, given: list[str], told: str) -> None:
    with pytest.raises(InvalidEvent) as raised:
        event_of(kind, "ann", given, NOW_MS)
    assert told in str(raised.value)


def test_only_what_a_list_does_is_a_difference() -> None:
    before = listing(entry("a"), entry("b"), entry("c"), entry(600, "duration"))
    now = listing(
        entry("a", evidence=Evidence(shown=1)),
        entry("b", tier="strong"),
        entry("d"),
        entry(500, "duration", multiplier=0.4),
    )
    found = difference(before, now)
    assert [each.value for each in found.new] == ["d"]
    assert [(was.value, is_.value) for was, is_ in found.changed] == [("b", "b"), (600, 500)]
    assert [each.value for each in found.gone] == ["c"]
    assert difference(None, None) == ([], [], [])
    assert difference(None, before).new == list(before.entries)


class Groups:
    """A cluster whose groups read one record every time that they are asked."""

    def __init__(self, ends: dict[str, int], still: str = "") -> None:
        self._ends = ends
        self._still = still
        self._read: dict[str, int] = {}

    def ends(self, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return {place: self._ends[place[0]] for place in partitions}

    def committed(self, group: str, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        if group != self._still:
            self._read[group] = self._read.get(group, -1) + 1
        return {place: self._read[group] for place in partitions if group in self._read}


def waited(
    groups: Groups, lists: list[Document | None], timeout: float = 30.0, before: Document | None = None
) -> tuple[Document | None, str]:
    reads = iter(lists)
    return wait_for_effect(
        load(None),
        groups,  # type: ignore[arg-type]
        ("dislikes", 0),
        lambda: next(reads, lists[-1]),
        lambda now: may_show(before, now, NOW_MS),
        timeout,
    )


STILL = {"dislikes": 99, "avoid-lists": 99}
"""Ends that no group reaches in the time of a test."""


def test_a_list_that_does_other_than_before_ends_the_wait_long_before_the_commits() -> None:
    before, now = listing(entry("a")), listing(entry("a"), entry("b"))
    groups = Groups(STILL, still="streamer")
    assert waited(groups, [before, before, now], before=before) == (now, "")
    assert waited(groups, [before, None], before=before) == (None, "")
    assert waited(groups, [None, now]) == (now, "")


def test_evidence_alone_and_lists_older_than_the_event_end_no_wait() -> None:
    before = listing(entry("a"))
    evidence = replace(listing(entry("a", evidence=Evidence(shown=9))), as_of=NOW_MS + 1)
    others = replace(listing(entry("b")), as_of=NOW_MS - 1)
    ours = replace(listing(entry("b"), entry("c")), as_of=NOW_MS)
    groups = Groups(STILL, still="streamer")
    assert waited(groups, [evidence, others, evidence, ours], before=before) == (ours, "")
    document, missing = waited(groups, [evidence], timeout=0.2, before=before)
    assert (document, missing.startswith("no worker")) == (evidence, True)
    past = waited(Groups({"dislikes": 3, "avoid-lists": 2}), [others] * 3 + [evidence], before=before)
    assert past == (evidence, "")  # and it is compared with the list before: as it was


def test_it_waits_until_worker_and_publisher_have_gone_past_an_event_that_changes_nothing() -> None:
    ends = {"dislikes": 3, "avoid-lists": 2}
    assert waited(Groups(ends), [None]) == (None, "")
    assert waited(Groups(ends), [None] * 5 + [listing()]) == (listing(), "")


@pytest.mark.parametrize(("group", "told"), [("streamer", "no worker"), ("streamer-publisher", "no publisher")])
def test_it_says_who_has_not_done_its_part(group: str, told: str) -> None:
    document, missing = waited(Groups({"dislikes": 1, "avoid-lists": 1}, still=group), [None], timeout=0.2)
    assert (document, missing.startswith(told)) == (None, True)

"""I4: what was not seen says nothing."""

from __future__ import annotations

from collections import defaultdict

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.events import DAY_MS, Dislike, Event, Feedback, Impression
from streamer.profile import Profile, Rules
from tests.property.driving import tiles_of
from tests.property.worlds import BASE_DAY, USUAL, events

HOUR_MS = 3_600_000
GAP_MS = 1_800_000
CATALOGUE = {
    f"c{n}": {"creator_id": creator, "tags": tags, "media": media, "duration_s": 40.0}
    for n, (creator, tags, media) in enumerate(
        [
            ("a", ("x",), None),
            ("b", ("x", "y"), None),
            (None, ("z",), "article"),
            ("a", (), None),
            ("d", ("x", "z"), "audio"),
            (None, ("v", "w"), None),
            ("d", ("y",), "product"),
        ],
        start=1,
    )
}
ONLY_SHOWN = ("c5", "c6", "c7")


@st.composite
def catalogued(draw: st.DrawFn) -> Event:
    """An event of a named session, about an item that is described alike everywhere."""
    sitting = draw(st.sampled_from([0, 10 * HOUR_MS, 11 * HOUR_MS]))
    ts = BASE_DAY * DAY_MS + sitting + draw(st.integers(0, 600)) * 1000
    session = draw(st.sampled_from(["s1", "s2"]))
    event = msgspec.structs.replace(draw(events()), ts=ts, session_id=session, cohort=None)
    content_id = event.content_id
    if content_id is None:
        return event
    if not isinstance(event, Impression) and content_id in ONLY_SHOWN:
        content_id = "c1"
    item = {"content_id": content_id, **CATALOGUE[content_id]}
    if isinstance(event, (Dislike, Feedback)) and event.creator_id is not None:
        del item["creator_id"]  # it may be the target
    return msgspec.structs.replace(event, **item)


def gate_passes(impression: Impression) -> bool:
    """Spec §3, in other words than the code's."""
    needed = 1000 if impression.media in ("audio", "article", "product") else 2000
    return impression.visible_ms is not None and impression.visible_ms >= needed and impression.visible_ratio >= 0.5


def bounds(arrived: list[Event]) -> set[tuple[str | None, int, int]]:
    """Id, start and last of the sessions these events form."""
    by_id: dict[str | None, list[int]] = defaultdict(list)
    for event in arrived:
        by_id[event.session_id].append(event.ts)
    found = set()
    for session_id, times in by_id.items():
        times.sort()
        start = times[0]
        for ts, following in zip(times, [*times[1:], None], strict=True):
            if following is None or following - ts > GAP_MS or following // DAY_MS != ts // DAY_MS:
                found.add((session_id, start, ts))
                start = following or 0
    return found


def without_unseen(arrived: list[Event]) -> list[Event]:
    """The events without the impressions that I4 says do not matter."""
    answered = {event.content_id for event in arrived if not isinstance(event, Impression)}
    kept = list(arrived)
    for event in arrived:
        if isinstance(event, Impression) and not gate_passes(event) and event.content_id not in answered:
            rest = list(kept)
            rest.remove(event)
            if rest and bounds(rest) == bounds(kept):
                kept = rest
    return kept


@settings(deadline=None, max_examples=100)
@given(arrived=st.lists(catalogued(), min_size=3, max_size=25))
def test_i4_dropping_impressions_that_nobody_saw_leaves_counts_and_document_as_they_are(arrived: list[Event]) -> None:
    kept = without_unseen(arrived)
    profiles = []
    for seen in (arrived, kept):
        profile = Profile("u", Rules(USUAL))
        for event in seen:
            profile.apply(event, -1)
        profiles.append(profile)
    whole, fewer = profiles
    newest = max(event.ts for event in arrived)
    for watermark in (-1, newest - DAY_MS, newest + GAP_MS, newest + 3 * GAP_MS + 1):
        whole.advance(watermark)
        fewer.advance(watermark)
        assert whole.document() == fewer.document()
        assert tiles_of(whole) == tiles_of(fewer)

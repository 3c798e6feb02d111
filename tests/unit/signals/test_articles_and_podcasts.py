"""Articles and podcasts (spec §4, §7): scroll depth and seek position, from the play to the document and the label."""

from __future__ import annotations

from typing import Any

import pytest

from lab.oracle import oracle
from streamer.events import DAY_MS, Event
from streamer.profile import Profile, Rules
from streamer.scoring.document import Document, Entry
from streamer.settings import Settings
from tests.steps import DAY0, HOUR, MINUTE, NOON, gave, played, shown

WITH_LABELS = Settings(labels=True)
SEALED = NOON + 3 * HOUR


def followed(*events: Event) -> tuple[Document | None, dict[str, Any]]:
    """The document, which the oracle must agree with, and of the label outcome, completion and band of "c"."""
    profile = Profile("u", Rules(WITH_LABELS))
    for event in events:
        profile.apply(event, -1)
    profile.advance(SEALED)
    document = profile.document()
    truth = oracle.documents(WITH_LABELS, list(events), SEALED)
    assert oracle.disagreements(document, truth.get("u")) == []
    (label,) = profile.take_labels()
    (example,) = (example for example in label.examples if example.content_id == "c")
    return document, {"outcome": example.outcome, "completion": example.completion, "band": example.band}


def content(document: Document | None) -> Entry | None:
    return next((e for e in (document.entries if document else ()) if e.kind == "content"), None)


@pytest.mark.parametrize(
    ("fields", "outcome", "completion", "band"),
    [
        # --- articles: left above a quarter, unless read for 15 s -------------------------------------------------
        ({"media": "article", "scroll_depth": 0.05}, "abandoned", 0.05, "bounce"),
        ({"media": "article", "scroll_depth": 0.24, "played_s": 14}, "abandoned", 0.24, "browse"),
        ({"media": "article", "scroll_depth": 0.24, "played_s": 15}, "engaged", 0.24, "browse"),
        ({"media": "article", "scroll_depth": 0.05, "played_s": 15}, "left", 0.05, "bounce"),
        ({"media": "article", "scroll_depth": 0.25, "played_s": 1}, "engaged", 0.25, "browse"),
        ({"media": "article", "scroll_depth": 0.95}, "engaged", 0.95, "loved"),
        ({"media": "article", "played_s": 1}, "engaged", None, None),
        ({"media": "article", "scroll_depth": 0.1, "position_s": 900, "duration_s": 1000}, "abandoned", 0.1, "browse"),
        # --- podcasts: what was skipped to counts as consumed; 2·√1800 s is past the minute ------------------------
        ({"media": "audio", "played_s": 59, "duration_s": 1800}, "abandoned", 0.0328, "bounce"),
        ({"media": "audio", "played_s": 60, "duration_s": 1800}, "left", 0.0333, "bounce"),
        ({"media": "audio", "played_s": 5, "position_s": 59, "duration_s": 1800}, "abandoned", 0.0328, "bounce"),
        ({"media": "audio", "played_s": 5, "position_s": 180, "duration_s": 1800}, "engaged", 0.1, "browse"),
        ({"media": "audio", "played_s": 5, "position_s": 1700, "duration_s": 1800}, "engaged", 0.9444, "loved"),
        ({"media": "audio", "position_s": 20, "duration_s": 1800}, "abandoned", 0.0111, "bounce"),
        ({"media": "audio", "position_s": 29}, "abandoned", None, None),
        ({"media": "audio", "position_s": 30}, "engaged", None, None),
        # --- a video that is skipped through is not watched; a product is never abandoned ---------------------------
        ({"media": "video", "played_s": 5, "position_s": 1700, "duration_s": 1800}, "abandoned", 0.0028, "bounce"),
        ({"media": "product", "played_s": 1, "scroll_depth": 0.01}, "engaged", None, None),
    ],
)
@pytest.mark.parametrize("exposed", [False, True], ids=["from search", "from the feed"])
def test_an_item_left_early_is_avoided_for_thirty_days(
    fields: dict[str, Any], outcome: str, completion: float | None, band: str | None, exposed: bool
) -> None:
    before = [shown(NOON - MINUTE, "c", media=fields["media"])] if exposed else []
    document, said = followed(*before, played(NOON, "c", **fields))
    assert said == {"outcome": outcome, "completion": completion, "band": band}
    entry = content(document)
    if outcome != "abandoned":
        assert entry is None
        return
    assert entry is not None and document is not None
    assert (entry.value, entry.tier, entry.multiplier, entry.reasons) == ("c", "soft", 0.3, ("abandoned",))
    assert entry.expires_at == (DAY0 + 30) * DAY_MS
    assert document.completion == ({} if completion is None else {fields["media"]: completion})


@pytest.mark.parametrize("media", ["article", "audio"])
def test_progress_reports_add_up_to_the_furthest_point_and_say_nothing_before_the_end(media: str) -> None:
    far = {"article": {"scroll_depth": 0.5}, "audio": {"position_s": 900, "duration_s": 1800}}[media]
    near = {"article": {"scroll_depth": 0.1}, "audio": {"position_s": 9, "duration_s": 1800}}[media]
    reports = [
        played(NOON, "c", media=media, ended=False, **near),
        played(NOON + MINUTE, "c", media=media, ended=False, **far),
        played(NOON + 2 * MINUTE, "c", media=media, **near),  # back to the beginning, then closed
    ]
    for order in (reports, reports[::-1]):
        document, said = followed(*order)
        assert said == {"outcome": "engaged", "completion": 0.5, "band": "engaged"}
        assert content(document) is None
    profile = Profile("u", Rules(WITH_LABELS))
    profile.apply(reports[0], -1)
    assert content(profile.document()) is None
    profile.advance(NOON + HOUR)  # nothing more came: it has ended
    assert content(profile.document()) is not None


@pytest.mark.parametrize("media", ["article", "audio"])
def test_praise_makes_an_early_end_no_abandonment(media: str) -> None:
    document, said = followed(
        played(NOON, "c", media=media, scroll_depth=0.01, position_s=1, duration_s=1800), gave(NOON, "c", "save")
    )
    assert said["outcome"] == "engaged"
    assert content(document) is None


def test_a_podcast_given_up_again_and_again_counts_against_its_show() -> None:
    events = [
        played(
            NOON + n * MINUTE, f"e{n}", "true-crime", creator_id="show", media="audio", position_s=20, duration_s=3600
        )
        for n in range(12)
    ]
    profile = Profile("u", Rules(Settings()))
    for event in events:
        profile.apply(event, -1)
    profile.advance(SEALED)
    document = profile.document()
    assert oracle.disagreements(document, oracle.documents(Settings(), list(events), SEALED).get("u")) == []
    assert document is not None
    shows = {(e.kind, e.value): e for e in document.entries}
    assert shows["creator", "show"].reasons == ("abandoned",)
    assert shows["creator", "show"].evidence.abandoned == 12
    assert shows["tag", "true-crime"].multiplier < 1

"""Single lives, read by people: a user's days in a few words, judged by profile and oracle alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.oracle.oracle import Oracle, same
from streamer.events import DAY_MS, Event
from streamer.profile import Profile, Rules
from streamer.scoring.document import Document, Entry
from streamer.settings import Settings
from tests.steps import NOON, SECOND, played, shown

HISTORY_DAYS = 8


def document_after(*steps: Event | int, settings: Settings | None = None) -> Document | None:
    """The profile's document, which the oracle's must equal in the end."""
    chosen = settings or Settings()
    profile, truth = Profile("u", Rules(chosen)), Oracle(chosen).run([])
    for step in steps:
        if isinstance(step, int):
            profile.advance(step)
        else:
            profile.apply(step, step.ts)
        truth.step(step)
    assert same(profile.document(), truth.document()) == []
    return profile.document()


def entries_of(document: Document | None, kind: str, value: str | None = None) -> list[Entry]:
    """The entries of a kind (of a value), those in a context too."""
    found = () if document is None else document.entries
    return [entry for entry in found if entry.kind == kind and value in (None, entry.value)]


def tiers(document: Document | None, kind: str, value: str) -> list[str]:
    """The tiers of a key's entries."""
    return [entry.tier for entry in entries_of(document, kind, value)]


def in_days(events: Iterable[Event]) -> list[Event | int]:
    """These events, and after each day's last a watermark that seals it."""
    ordered = sorted(events, key=lambda event: event.ts)
    steps: list[Event | int] = []
    for event in ordered:
        if steps and not isinstance(steps[-1], int) and event.ts // DAY_MS != steps[-1].ts // DAY_MS:
            steps.append(event.ts // DAY_MS * DAY_MS)
        steps.append(event)
    return [*steps, (ordered[-1].ts // DAY_MS + 1) * DAY_MS] if ordered else []


def begun(ts: int, content: str, *tags: str, played_s: float, search: bool = False, **more: Any) -> list[Event]:
    """An item of five minutes that is shown first (or found by search) and started."""
    told = {"duration_s": 300.0, **more}
    first = [] if search else [shown(ts, content, *tags, position=0, **told)]
    return [*first, played(ts + SECOND, content, *tags, playback_id=content, played_s=played_s, **told)]


def usual_days(started: float = 0.3, left: float = 0.3) -> list[Event]:
    """Eight days of twenty-five items before day 0: the share that is started, and the share of those left early."""
    events: list[Event] = []
    for day in range(HISTORY_DAYS):
        for n in range(25):
            ts = NOON + (day - HISTORY_DAYS - 1) * DAY_MS + n * 60 * SECOND
            keys = [f"usual{(7 * n + day) % 12}"]
            creator = f"usual{(5 * n + day) % 20}"
            if (37 * n + 11 * day) % 100 < 100 * started:
                seconds = 8 if (29 * n + 7 * day) % 100 < 100 * left else 280
                events += begun(ts, f"u{day}-{n}", *keys, played_s=seconds, creator_id=creator)
            else:
                events.append(shown(ts, f"u{day}-{n}", *keys, position=0, creator_id=creator, duration_s=300))
    return events

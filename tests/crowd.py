"""A crowd that agrees: everybody passes over one tag and watches the other, so what their seals add up to is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streamer.events import DAY_MS, Event, Impression, Play

HATED: Final = "gore"
LOVED: Final = "fun"
EXPOSURES: Final = 10
"""Of each tag, per session."""
SESSIONS: Final = 3
"""Per user, one a day."""


def crowd(users: int, until_ms: int, prefix: str = "", cohort: str | None = None) -> Iterator[Event]:
    """Their events, by time; the last session begins an hour before ``until_ms``."""
    for session in range(SESSIONS):
        day_ms = until_ms - 3_600_000 - (SESSIONS - 1 - session) * DAY_MS
        for number in range(users):
            user = f"{prefix}{number}"
            for item in range(2 * EXPOSURES):
                yield from _seen(user, session, item, day_ms + number + 60_000 * item, cohort)


def _seen(user: str, session: int, item: int, ts: int, cohort: str | None) -> Iterator[Event]:
    tag = HATED if item % 2 else LOVED
    content = {
        "content_id": f"{user}-{session}-{item}",
        "creator_id": f"{tag}-maker",
        "tags": (tag,),
        "duration_s": 60.0,
    }
    who = {"user_id": user, "session_id": f"s{session}", "cohort": cohort}
    yield Impression(ts=ts, visible_ms=5_000, **who, **content)  # type: ignore[arg-type]
    if tag == LOVED:
        yield Play(ts=ts + 1_000, played_s=60.0, **who, **content)  # type: ignore[arg-type]

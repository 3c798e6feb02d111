"""Entries and documents for tests of those who read and write them."""

from __future__ import annotations

from typing import Final

from streamer.events import DAY_MS
from streamer.scoring.document import SCHEMA, Avoid, Document, Entry, Evidence, Kind, Tier

DAY: Final = 20_370
"""2025-10-09."""

TODAY: Final = DAY * DAY_MS
"""Its start, ms since 1970."""


def entry(
    kind: Kind,
    value: str | int,
    tier: Tier = "strong",
    multiplier: float = 0.5,
    *,
    context: dict[str, str] | None = None,
    last_day: str | None = "2025-10-09",
    expires_at: int | None = TODAY + 100 * DAY_MS,
) -> Entry:
    """An entry with evidence up to `last_day`; a hard one has multiplier 0 and no evidence, as in spec §9."""
    hard = tier == "hard"
    evidence = Evidence() if hard else Evidence(shown=40, ignored=40, sessions=9, expected=5.0, last_day=last_day)
    return Entry(
        kind=kind,
        value=value,
        context=context,
        tier=tier,
        multiplier=0.0 if hard else multiplier,
        log_odds=None if hard or kind in ("content", "duration") else 0.3481,
        reasons=("explicit",) if hard else ("ignored",),
        evidence=evidence,
        since=TODAY - 30 * DAY_MS,
        expires_at=expires_at,
    )


def document(*entries: Entry, user_id: str = "u1", as_of: int = TODAY) -> Document:
    """A document with these entries."""
    return Document(
        schema=SCHEMA, user_id=user_id, as_of=as_of, cohort=None, avoid=Avoid(), entries=entries, completion={}
    )

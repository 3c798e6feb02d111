"""When a document may leave Redis (spec §9): nobody has to delete what has expired."""

from __future__ import annotations

from typing import Final

from streamer.events import DAY_MS
from streamer.scoring.document import Document

MARGIN_MS: Final = DAY_MS
"""Kept so much longer: clocks differ, and a reader may be a little behind."""


def expires_at_ms(document: Document, window_days: int) -> int | None:
    """When the document's key expires, ms since 1970; None: never, because a block stands.

    A day after the later of: its last entry's expiry, and the end of the window for its newest event, up to which
    even an empty list says something ("known, nothing to avoid").

    Args:
        window_days: how long evidence is kept, days `[window_days]`.
    """
    latest = document.as_of + window_days * DAY_MS
    for entry in document.entries:
        if entry.expires_at is None:
            return None
        latest = max(latest, entry.expires_at)
    return latest + MARGIN_MS

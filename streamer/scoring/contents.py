"""Entries of contents: what was shown again and again in vain, or begun and left (spec §7)."""

from __future__ import annotations

from typing import Final

from streamer.events import DAY_MS
from streamer.scoring.counts import Cell
from streamer.scoring.document import Entry, Reason, Tier
from streamer.scoring.entries import CONTENT_ENTRY_DAYS, ONE_DAY_DAYS, Days, evidence_of, reasons_of, total_of
from streamer.signals.rounding import places4

IN_VAIN: Final = {2: 0.51, 3: 0.36, 4: 0.17, 5: 0.13}
"""Clicks on a content after so many showings in vain, as a ratio to what was expected: what its entry multiplies by. On
news impressions; after one .64, which lists nothing."""
LISTED_IN_VAIN: Final = min(IN_VAIN)
STRONG_IN_VAIN: Final = 3
FAVOURITE_DAYS: Final = 2
"""Days of engagement from which a content is no stranger: passed over, it is lowered, but not left out."""


def may_have_content_entry(cell: Cell) -> bool:
    """Whether a content with the counts of a single day may have an entry."""
    return cell.ignored >= LISTED_IN_VAIN or cell.abandoned > 0


def in_vain(days: Days) -> Days:
    """The days on which a content was passed over or left early, since it was last engaged with.

    Those that lie 30 days or more before the last of them are forgotten.
    """
    engaged = max((day for day, cell in days if cell.engaged), default=-1)
    found = [(day, cell) for day, cell in days if day > engaged and (cell.ignored or cell.abandoned)]
    return [(day, cell) for day, cell in found if day > found[-1][0] - CONTENT_ENTRY_DAYS]


def times_in_vain(days: Days) -> int:
    """How often a content was shown, or begun and left, on these days: leaving is no less of a no than passing over."""
    return sum(cell.ignored + cell.abandoned for _, cell in days)


def content_entry(value: str, days: Days, as_of: int) -> Entry | None:
    """The implicit entry of a content: shown again and again in vain, or left early; None if there is none."""
    vain = in_vain(days)
    if not vain:
        return None
    times = times_in_vain(vain)
    multiplier, until = 1.0, 0
    own: set[Reason] = set()
    tier: Tier = "soft"
    left = max((day for day, cell in vain if cell.abandoned), default=-1)
    if left >= 0 and (left + CONTENT_ENTRY_DAYS) * DAY_MS > as_of:
        multiplier, until = 0.3, (left + CONTENT_ENTRY_DAYS) * DAY_MS
        own.add("abandoned")
    lasts = (vain[-1][0] + (CONTENT_ENTRY_DAYS if len(vain) > 1 else ONE_DAY_DAYS)) * DAY_MS
    if times >= LISTED_IN_VAIN and lasts > as_of:
        multiplier, until = min(multiplier, IN_VAIN[min(times, max(IN_VAIN))]), max(until, lasts)
        own.update(("ignored",) if any(cell.ignored for _, cell in vain) else ("abandoned",))
        favourite = sum(cell.engaged > 0 for _, cell in days) >= FAVOURITE_DAYS
        if times >= STRONG_IN_VAIN and len(vain) > 1 and not favourite:
            tier = "strong"
    if not own:
        return None
    counts = total_of(days)
    return Entry(
        kind="content",
        value=value,
        context=None,
        tier=tier,
        multiplier=places4(multiplier),
        log_odds=None,
        reasons=reasons_of(counts, False, 1, own),
        evidence=evidence_of(days, counts, days[-1][0], None),
        since=days[0][0] * DAY_MS,
        expires_at=until,
    )

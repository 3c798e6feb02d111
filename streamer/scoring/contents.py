"""Entries of contents: what was shown again and again in vain, or begun and left (spec §7)."""

from __future__ import annotations

from typing import Final, NamedTuple

from streamer.events import DAY_MS
from streamer.scoring.counts import Cell
from streamer.scoring.creators import CONTENT_ENTRY_DAYS, ONE_DAY_DAYS
from streamer.scoring.document import Entry, Reason, Tier
from streamer.scoring.entries import Days, evidence_of, reasons_of, total_of
from streamer.signals.rounding import places4

IN_VAIN: Final = {2: 0.51, 3: 0.36, 4: 0.17, 5: 0.13}
"""Clicks on a content after so many showings in vain, as a ratio to what was expected: what its entry multiplies by. On
news impressions; after one .64, which lists nothing."""
LISTED_IN_VAIN: Final = min(IN_VAIN)
_MOST_IN_VAIN: Final = max(IN_VAIN)
STRONG_IN_VAIN: Final = 3
FAVOURITE_DAYS: Final = 2
"""Days of engagement from which a content is no stranger: passed over, it is lowered, but not left out."""


def may_have_content_entry(cell: Cell) -> bool:
    """Whether a content with the counts of a single day may have an entry."""
    return cell.ignored >= LISTED_IN_VAIN or cell.abandoned > 0


class InVain(NamedTuple):
    """How often a content was passed over or left early since it was last engaged with.

    What lies 30 days or more before the last of these days is forgotten.

    Attributes:
        times: showings passed over, and leavings: leaving is no less of a no than passing over.
        days: on how many days.
        last: the last of them; −1: there is none.
        left: the last on which it was left early; −1: on none.
        passed_over: whether it was on any.
    """

    times: int
    days: int
    last: int
    left: int
    passed_over: bool


def in_vain(days: Days) -> InVain:
    """What a content's counts by day, ascending, say of how often it was shown in vain."""
    times = on_days = 0
    last = left = -1
    passed_over = False
    for day, cell in reversed(days):
        if cell.engaged or day <= last - CONTENT_ENTRY_DAYS:
            break
        ignored, abandoned = cell.ignored, cell.abandoned
        if ignored or abandoned:
            last, on_days, times = max(last, day), on_days + 1, times + ignored + abandoned
            passed_over = passed_over or ignored > 0
            if abandoned and left < 0:
                left = day
    return InVain(times, on_days, last, left, passed_over)


def content_entry(value: str, days: Days, as_of: int) -> Entry | None:
    """The implicit entry of a content: shown again and again in vain, or left early; None if there is none."""
    times, on_days, last, left, passed_over = in_vain(days)
    if last < 0:
        return None
    multiplier, until = 1.0, 0
    own: set[Reason] = set()
    tier: Tier = "soft"
    if left >= 0 and (left + CONTENT_ENTRY_DAYS) * DAY_MS > as_of:
        multiplier, until = 0.3, (left + CONTENT_ENTRY_DAYS) * DAY_MS
        own.add("abandoned")
    lasts = (last + (CONTENT_ENTRY_DAYS if on_days > 1 else ONE_DAY_DAYS)) * DAY_MS
    if times >= LISTED_IN_VAIN and lasts > as_of:
        multiplier, until = min(multiplier, IN_VAIN[min(times, _MOST_IN_VAIN)]), max(until, lasts)
        own.add("ignored" if passed_over else "abandoned")
        if times >= STRONG_IN_VAIN and on_days > 1 and not _is_favourite(days):
            tier = "strong"
    if not own:
        return None
    counts = days[0][1] if len(days) == 1 else total_of(days)
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


def _is_favourite(days: Days) -> bool:
    return sum(cell.engaged > 0 for _, cell in days) >= FAVOURITE_DAYS

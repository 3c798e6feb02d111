"""What one entry is worth at a time (spec §9): it weakens while its evidence grows old, then expires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Final

from streamer.events import DAY_MS
from streamer.scoring.document import Entry

_EPOCH: Final = date(1970, 1, 1).toordinal()
_LEAST: Final = 1e-9
"""Below any multiplier that is written with 4 places, and not 0: only hard entries exclude."""


def multiplier_at(entry: Entry, now_ms: int) -> float | None:
    """The entry's multiplier at a time; None: it has expired and does not count.

    A soft or strong multiplier m drifts back to 1::

        1 ┤                                ╭──── expired
          │                           ╭────╯
          │                      ╭────╯
        m ┤──────────────────────╯             m(now) = 1 − (1 − m)·(expires_at − now) ÷ span
          └──────────────────────┬─────────┬───►
             start of last evidence day    expires_at          span = the time between the two

    A hard one is 0 until it expires. One without evidence days or expiry keeps its m.
    """
    expires_at = entry.expires_at
    if expires_at is not None and expires_at <= now_ms:
        return None
    if entry.tier == "hard":
        return 0.0
    least = entry.multiplier or _LEAST
    last_day = entry.evidence.last_day
    if expires_at is None or last_day is None:
        return least
    start = start_of_day(last_day)
    if now_ms <= start:
        return least
    drifted = 1.0 - (1.0 - least) * (expires_at - now_ms) / (expires_at - start)
    return max(least, drifted)


def standing(entries: Iterable[Entry], now_ms: int, context: Mapping[str, str]) -> list[tuple[Entry, float]]:
    """Of the entries on one target those that count, with their multipliers; of contextual ones only the least."""
    found = []
    least: tuple[Entry, float] | None = None
    for entry in entries:
        multiplier = multiplier_at(entry, now_ms)
        if multiplier is None:
            continue
        if not entry.context:
            found.append((entry, multiplier))
        elif (least is None or multiplier < least[1]) and applies(entry.context, context):
            least = (entry, multiplier)
    if least is not None:
        found.append(least)
    return found


def applies(entry_context: Mapping[str, str], context: Mapping[str, str]) -> bool:
    """Whether everything that an entry's context names is so.

    >>> applies({"daypart": "morning"}, {"daypart": "morning", "device": "tv"})
    True
    """
    return all(context.get(name) == value for name, value in entry_context.items())


@lru_cache(maxsize=4096)
def start_of_day(iso: str) -> int:
    """Ms since 1970 at which the UTC day with this date begins.

    >>> start_of_day("1970-01-02")
    86400000

    Raises:
        ValueError: if it is no date.
    """
    return (date.fromisoformat(iso).toordinal() - _EPOCH) * DAY_MS


@lru_cache(maxsize=8)
def iso_date(day: int) -> str:
    """The date of a day counted from 1970-01-01.

    >>> iso_date(20370)
    '2025-10-09'
    """
    return date.fromordinal(_EPOCH + day).isoformat()

"""When what users do takes back what they said: people say so if they mind something, and hardly ever if no longer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streamer.scoring.counts import Cell

ENGAGED_DAYS: Final = 3
"""Days of engagement that it takes: one may be another tag's doing, or a mistake."""

_ROUNDING: Final = 1e-9


def outweighed(observed: float, expected: float) -> bool:
    """Whether a key is engaged with more than was expected (decayed sums, engagements), whatever was said of it.

    >>> outweighed(0.0, 0.0), outweighed(2.0, 2.5), outweighed(21.0, 13.4)
    (False, False, True)
    """
    return observed > expected + _ROUNDING


def engaged_since(days: Sequence[tuple[int, Cell]], day: int) -> bool:
    """Whether a key was engaged with on three days or more after a day, and as much as was expected there.

    Args:
        days: its counts by day.
        day: the day of the statement; it and what went before does not count.
    """
    since = [cell for each, cell in days if each > day]
    if sum(cell.engaged > 0 for cell in since) < ENGAGED_DAYS:
        return False
    return sum(cell.o for cell in since) >= sum(cell.e for cell in since)


def engaged_since_said(days: Sequence[tuple[int, Cell]]) -> bool:
    """The same since the newest day on which something was said against the key; False if nothing was."""
    said = next((day for day, cell in reversed(days) if cell.ld > 0), None)
    return said is not None and engaged_since(days, said)

"""When what users do takes back what they said: people say so if they mind something, and hardly ever if no longer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streamer.scoring.counts import Cell

ENGAGED_DAYS: Final = 3
"""Days of engagement that it takes: one may be another tag's doing, or a mistake."""

PRAISED: Final = -1_500_000
"""What a like adds to ld, millionths of a nat."""

_ROUNDING: Final = 1e-9


def outweighed(observed: float, expected: float) -> bool:
    """Whether a key is engaged with more than was expected (decayed sums, engagements), whatever was said of it.

    >>> outweighed(0.0, 0.0), outweighed(2.0, 2.5), outweighed(21.0, 13.4)
    (False, False, True)
    """
    return observed > expected + _ROUNDING


def engaged_since(days: Sequence[tuple[int, Cell]], day: int) -> bool:
    """Whether a key was engaged with in earnest on three days or more after a day, and as much as was expected there.

    Nothing is not as much as nothing: something must have been expected.

    Args:
        days: its counts by day.
        day: the day of the statement; it and what went before does not count.
    """
    since = [cell for each, cell in days if each > day]
    if sum(map(in_earnest, since)) < ENGAGED_DAYS:
        return False
    expected = sum(cell.e for cell in since)
    return expected > 0 and sum(cell.o for cell in since) >= expected


def in_earnest(cell: Cell) -> bool:
    """Whether a day's engagements hold one that was started and not left early, or a like's worth of praise.

    A click alone may be a mistake, and a comment an angry one.

    >>> from streamer.scoring.counts import FIRST, SECOND, THIRD
    >>> clicked, watched, left = Cell(plays=THIRD), Cell(plays=FIRST + THIRD), Cell(plays=FIRST + SECOND + THIRD)
    >>> [in_earnest(each) for each in (clicked, watched, left, Cell(plays=THIRD, ld=-1_500_000))]
    [False, True, False, True]
    """
    return cell.engaged > 0 and (cell.started > cell.abandoned or cell.ld <= PRAISED)


def engaged_since_said(days: Sequence[tuple[int, Cell]]) -> bool:
    """The same since the newest day on which something was said against the key; False if nothing was."""
    said = next((day for day, cell in reversed(days) if cell.ld > 0), None)
    return said is not None and engaged_since(days, said)

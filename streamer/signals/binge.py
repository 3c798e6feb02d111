"""Binges: sessions in which people came for one series, and looked at nothing else (spec §4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from streamer.signals.interaction import Interaction

LEAST: Final = 3
"""Engagements with a creator's items that make a binge."""
LEAST_ALIKE: Final = 6
"""The same with items of no known creator that have the same tags."""
SHARE: Final = 0.75
"""What they are of all engagements, at least."""

ONE_OTHER: Final = 0.5
"""What one other creator or subject is of all else that was passed over, from which there was a choice between two."""

Series = str | tuple[str, ...]
"""A creator; of an item without one all its tags, sorted, if it has several: one alone is a subject."""


def series_of(item: Interaction) -> Series | None:
    """The series that an item is of; None if too little is known of it.

    >>> series_of(Interaction("e1", 0, None, "", tags=("b", "a"))), series_of(Interaction("e1", 0, None, "", "c"))
    (('a', 'b'), 'c')
    """
    return item.creator or (tuple(sorted(item.tags)) if len(item.tags) > 1 else None)


def binged(engaged: Sequence[Interaction], passed_over: Sequence[Interaction]) -> Series | None:
    """The series that a session was a binge of; None: it was none.

    Args:
        engaged: the session's interactions that were engaged with.
        passed_over: those that were seen and nothing else.
    """
    if len(engaged) < LEAST or not passed_over:
        return None
    ((series, most),) = Counter(map(series_of, engaged)).most_common(1)
    if series is None or most < max(LEAST if isinstance(series, str) else LEAST_ALIKE, SHARE * len(engaged)):
        return None
    others = Counter(_subject(item) for item in passed_over if series_of(item) != series)
    return series if others and max(others.values()) < ONE_OTHER * others.total() else None


def _subject(item: Interaction) -> str | tuple[str, ...]:
    """What an item that was passed over is of."""
    return item.creator or tuple(sorted(item.tags))

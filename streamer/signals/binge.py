"""Binges: sessions in which people came for one series, and looked at nothing else (spec §4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from streamer.signals.interaction import Interaction

LEAST: Final = 3
"""Engagements with a creator's items that make a binge."""
LEAST_ALIKE: Final = 6
"""The same with items of no known creator that have the same tags: these may be no more than a subject."""
SHARE: Final = 0.75
"""What they are of all engagements, at least."""

Series = str | tuple[str, ...]
"""A creator; of an item without one all its tags, sorted."""


def series_of(item: Interaction) -> Series | None:
    """The series that an item is of; None if nothing is known of it.

    >>> series_of(Interaction("e1", 0, None, "", tags=("b", "a"))), series_of(Interaction("e1", 0, None, "", "c"))
    (('a', 'b'), 'c')
    """
    return item.creator or (tuple(sorted(item.tags)) if item.tags else None)


def binged(engaged: Sequence[Interaction]) -> Series | None:
    """The series that a session was a binge of; None: it was none.

    Args:
        engaged: the session's interactions that were engaged with.
    """
    if len(engaged) < LEAST:
        return None
    counts = Counter(map(series_of, engaged))
    ((series, most),) = counts.most_common(1)
    least = LEAST if isinstance(series, str) else LEAST_ALIKE
    return series if most >= max(least, SHARE * len(engaged)) else None

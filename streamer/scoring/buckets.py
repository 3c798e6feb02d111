"""Duration buckets: plays are counted by the length of what was played (spec §5)."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

EDGES: Final = (30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 960, 1440, 1920, 2880)
"""Upper edges, seconds, edge included; the last bucket has none: its edge is 0."""

ALL_EDGES: Final = (*EDGES, 0)
"""The edges of all buckets, in order."""


def place(duration_s: float) -> int:
    """Which bucket a duration falls in, from 0.

    >>> place(30), place(30.5), place(9000)
    (0, 1, 14)
    """
    return bisect_left(EDGES, duration_s)


def bucket(duration_s: float) -> int:
    """The upper edge of the duration's bucket; 0 for the unbounded last one.

    >>> bucket(30), bucket(30.5), bucket(9000)
    (30, 45, 0)
    """
    return ALL_EDGES[place(duration_s)]

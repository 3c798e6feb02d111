"""Binges: sessions in which people came for one series, and looked at nothing else (spec §4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from streamer.signals.interaction import Interaction

LEAST: Final = 3
"""Episodes that make a binge."""
LONG_S: Final = 600.0
"""What an episode lasts at least."""
SHARE: Final = 0.75
"""What episodes are of all engagements, at least."""


def binged(engaged: Sequence[Interaction]) -> str | None:
    """The creator whose series a session was a binge of; None: it was none.

    Args:
        engaged: the session's interactions that were engaged with.

    >>> episodes = [Interaction(f"e{n}", 0, None, "", "show", duration_s=1400.0) for n in range(3)]
    >>> binged(episodes), binged(episodes[:2])
    ('show', None)
    """
    if len(engaged) < LEAST:
        return None
    counts = Counter(item.creator for item in engaged if item.duration_s is not None and item.duration_s >= LONG_S)
    counts.pop(None, None)
    creator, most = max(counts.items(), key=itemgetter(1), default=(None, 0))
    return creator if most >= max(LEAST, SHARE * len(engaged)) else None

"""Where lives come from: worlds whose tastes are known, and public data sets."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import numpy as np

from lab.learning.lives import Person, Source, Truth
from lab.worlds import REGIMES, World
from streamer.events import DAY_MS
from streamer.serving.candidate import Candidate

SCALE: Final = 0.2
"""Of a world's catalogue: 2,000 items, 60 tags, 200 creators."""
SPLIT_DAY: Final = 105
"""Of a world's 120 days, those before it are learned from. Light users begin on day 90."""


def world(name: str, users: int, seed: int) -> Source:
    """A world of ``lab/worlds`` with a fifth of its catalogue, cut on day 105.

    Args:
        name: of :data:`~lab.worlds.REGIMES`.
    """
    found = World(REGIMES[name], users, seed, SCALE)
    split_ms = found.start_ms + SPLIT_DAY * DAY_MS
    people = []
    for who in found.residents():
        events = found.life(who)
        at = bisect_left(events, split_ms, key=lambda event: event.ts)
        taste = who.at(found.end_ms)
        truth = Truth(
            np.array([False, *map(taste.displeases, found.catalogue.items)]),
            np.array([False, *map(taste.pleases, found.catalogue.items)]),
        )
        people.append(Person(who.user_id, events[:at], events[at:], truth))
    items = [Candidate(each.content_id, each.creator_id, each.tags, each.duration_s) for each in found.catalogue.items]
    return Source(people, items)

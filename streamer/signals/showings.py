"""How often an item was seen in one session: distinct impressions that passed the gate (spec §2).

An impression that is sent again must not count again, so it is its name that is kept: that of its ``event_id``, or its
ts. Which eight are kept of more does not depend on the order in which they came (I1).
"""

from __future__ import annotations

from typing import Final

import xxhash

from streamer.events import Impression

SHOWINGS: Final = 8
"""Showings of one content remembered per session, those with the least names (I6): more say no more."""


def name_of(impression: Impression) -> int:
    """What an impression is told apart by.

    >>> name_of(Impression(user_id="u", ts=5, content_id="c"))
    5
    >>> again = [Impression(user_id="u", ts=ts, content_id="c", event_id="e1") for ts in (5, 6)]
    >>> name_of(again[0]) == name_of(again[1])
    True
    """
    event_id = impression.event_id
    return impression.ts if event_id is None else xxhash.xxh64_intdigest(event_id.encode("utf-8", "surrogatepass"))


def merged(known: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
    """The names in either, the least eight.

    >>> merged((3, 9), (1, 3)), len(merged(tuple(range(8)), (99,)))
    ((1, 3, 9), 8)
    """
    if not known:
        return more
    found = {*known, *more}
    return known if len(found) == len(known) else tuple(sorted(found)[:SHOWINGS])

"""KuaiRand: do lists made before a hate name what it is about?

The file names neither tags nor creators, so the only thing known of a video before it is played is its length: its
duration bucket (spec §5's edges) becomes its tag. Later hates are the unwanted items, later likes the wanted ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from lab.evaluation.sets.history import History, Test, split_at
from streamer.events import Dislike, Event, Feedback, Play
from streamer.replay.datasets import kuairand
from streamer.scoring.counts import TAG

EDGES_S: Final = (30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 960, 1440, 1920, 2880)


def stated(path: Path) -> Iterator[History]:
    """Histories with the likes and hates before the split."""
    return _histories(path, silent=False)


def silent(path: Path) -> Iterator[History]:
    """Histories with nothing but plays before the split: what can be told from behaviour alone."""
    return _histories(path, silent=True)


def length_tag(duration_s: float | None) -> str:
    """The tag that stands for a video's length.

    >>> length_tag(30), length_tag(31), length_tag(9999), length_tag(None)
    ('length <= 30 s', 'length <= 45 s', 'length > 2880 s', 'length unknown')
    """
    if duration_s is None:
        return "length unknown"
    at = bisect_left(EDGES_S, duration_s)
    return f"length > {EDGES_S[-1]} s" if at == len(EDGES_S) else f"length <= {EDGES_S[at]} s"


def _histories(path: Path, *, silent: bool) -> Iterator[History]:
    events = sorted((event for _, event in kuairand.events(path)), key=lambda event: (event.user_id, event.ts))
    for user_id, own in groupby(events, key=lambda event: event.user_id):
        yield _history(user_id, list(own), silent)


def _history(user_id: str, events: Sequence[Event], silent: bool) -> History:
    judged = [event for event in events if _unwanted(event) is not None]
    split = split_at([event.ts for event in judged])
    before = tuple(
        replace(event, tags=(length_tag(event.duration_s),))
        for event in events
        if event.ts < split and (isinstance(event, Play) or not silent)
    )
    tests = [
        Test(event.content_id or "", ((TAG, length_tag(event.duration_s)),), unwanted)
        for event in judged
        if event.ts >= split and (unwanted := _unwanted(event)) is not None
    ]
    return History(user_id, before, tuple(tests))


def _unwanted(event: Event) -> bool | None:
    """Whether an event is a hate (True) or a like (False)."""
    if isinstance(event, Dislike):
        return True
    return False if isinstance(event, Feedback) and event.kind == "like" else None

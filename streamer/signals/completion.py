"""Completion (spec §4): how much of an item was consumed, and what that is called."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from streamer.events import Media

Band = Literal["bounce", "browse", "engaged", "loved"]
LOVED: Final = 0.80
BOUNCE: Final = 0.10


def consumed(media: Media, played: Collection[float], position_s: float | None) -> float | None:
    """Seconds consumed: the longest playback, for audio at least the furthest point; None if unknown.

    >>> consumed("video", [3.0, 9.0], 40.0), consumed("audio", [3.0], 40.0), consumed("video", [], None)
    (9.0, 40.0, None)
    """
    longest = max(played, default=None)
    if media != "audio" or position_s is None:
        return longest
    return position_s if longest is None else max(longest, position_s)


def completion(
    media: Media, seconds: float | None, duration_s: float | None, scroll_depth: float | None
) -> float | None:
    """The consumed share c of an item, 0–1; None if it cannot be told.

    Args:
        media: what the item is.
        seconds: seconds consumed, see :func:`consumed`.
        duration_s: the item's length, seconds.
        scroll_depth: the furthest point of an article, 0–1.

    >>> completion("video", 1750, 1800, None), completion("article", None, None, 0.4)
    (0.9722222222222222, 0.4)
    >>> completion("video", 9, None, None) is None
    True
    """
    if media == "article":
        return None if scroll_depth is None else min(scroll_depth, 1.0)
    if media == "product" or seconds is None or duration_s is None:
        return None
    return min(seconds / duration_s, 1.0)


def band(c: float) -> Band:
    """The name of a completion.

    >>> band(1750 / 1800), band(120 / 1800), band(0.1), band(0.35)
    ('loved', 'bounce', 'browse', 'engaged')
    """
    if c < BOUNCE:
        return "bounce"
    if c < 0.35:
        return "browse"
    return "engaged" if c < LOVED else "loved"


def replays(played: Collection[float], duration_s: float | None) -> int:
    """Playbacks of at least 80 % beyond the first.

    >>> replays([100.0, 85.0, 20.0], 100.0)
    1
    """
    if duration_s is None:
        return 0
    return max(0, sum(1 for seconds in played if seconds / duration_s >= LOVED) - 1)


def watch_score(c: float, replayed: int) -> float:
    """Completion, plus a half when it was played again.

    >>> round(watch_score(1750 / 1800, 1), 3)
    1.472
    """
    return c + 0.5 * (replayed > 0)

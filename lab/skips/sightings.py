"""Single-column feed of KuaiRand-Pure: each exposure, how it went, and how often it was expected to be wanted.

In such a feed a video plays by itself, so there is no telling a look from a play: what is not clicked has been on for a
second or two. A click is a play that was begun, and left if it ended before min(60 s, 2·√duration) (spec §4).

KuaiRand-Pure: Gao et al., CIKM 2022; CC BY-SA 4.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Final

from msgspec import Struct

from streamer.replay.datasets.rows import Row, find_file, read_rows

FEED: Final = "1"
SKIPPED_FAST_S: Final = 2.0
"""What a video takes to pass the gate (spec §3)."""
WENT: Final = ("skipped within 2 s", "skipped later", "begun and left", "stayed with")
STAYED: Final = WENT.index("stayed with")
_COLUMNS: Final = ("user_id", "video_id", "time_ms", "tab", "is_click", "long_view", "play_time_ms", "duration_ms")
_LEAN: Final = 5.0
"""Wanted videos, as usual, that a video's appeal leans on."""


class Sighting(Struct):
    """One exposure.

    ``went``: a place in :data:`WENT`. ``wanted``: viewed long, and clicked. ``usual``: how likely anybody
    else wanted it, both ways.
    """

    video: str
    ts: int
    tags: frozenset[str]
    went: int
    wanted: tuple[bool, bool]
    usual: tuple[float, float] = (0.0, 0.0)


def read(path: Path) -> dict[str, list[Sighting]]:
    """All exposures of the feed by user, oldest first.

    Raises:
        DatasetError: the files are not there, or are others.
    """
    tags = {
        row.text("video_id"): frozenset((row.optional("tag") or "").split(",")) - {""}
        for row in read_rows(find_file(path, "videos.csv.gz", "KuaiRand-Pure"), ("video_id", "tag"))
    }
    by_user: dict[str, list[Sighting]] = {}
    for row in read_rows(find_file(path, "impressions.csv.gz", "KuaiRand-Pure"), _COLUMNS):
        if row.text("tab") == FEED:
            by_user.setdefault(row.text("user_id"), []).append(_sighting(row, tags))
    for own in by_user.values():
        own.sort(key=lambda sighting: sighting.ts)
    for at in (0, 1):
        _expect(list(by_user.values()), at)
    return by_user


def _sighting(row: Row, tags: dict[str, frozenset[str]]) -> Sighting:
    played, clicked, video = row.integer("play_time_ms") / 1000, row.flag("is_click"), row.text("video_id")
    if clicked:
        went = 2 if played < min(60.0, 2 * sqrt(row.integer("duration_ms") / 1000)) else STAYED
    else:
        went = 0 if played < SKIPPED_FAST_S else 1
    wanted = (row.flag("long_view"), clicked)
    return Sighting(video, row.integer("time_ms"), tags.get(video, frozenset()), went, wanted)


def _expect(users: Sequence[Sequence[Sighting]], at: int) -> None:
    """Works out the usual rates: everybody's × the video's appeal to the others."""
    everything = [sighting for own in users for sighting in own]
    rate = sum(sighting.wanted[at] for sighting in everything) / len(everything)
    sums: dict[str, list[float]] = {}
    for sighting in everything:
        of_video = sums.setdefault(sighting.video, [0.0, 0.0])
        of_video[0] += sighting.wanted[at]
        of_video[1] += rate
    for sighting in everything:
        wanted, expected = sums[sighting.video]
        usual = rate * (wanted - sighting.wanted[at] + _LEAN) / (expected - rate + _LEAN)
        sighting.usual = (usual, sighting.usual[1]) if at == 0 else (sighting.usual[0], usual)

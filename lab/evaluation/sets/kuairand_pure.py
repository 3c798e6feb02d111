"""KuaiRand-Pure: real impressions of short videos with tags; what will not be clicked, or not be watched for long?

An exposure becomes an impression, a click a play of it; likes, comments, shares and hates are what they are. What a
non-click played by itself in a feed with autoplay is how long it was in view; elsewhere an exposure counts as seen.
The user's exposures before 25 April have no times: they are put a minute apart up to the last one's. Of these only long
views and likes are known, so whatever was not viewed long counts as passed over.

Unwanted is what is shown from 1 May on and not clicked (or not viewed long). Items are compared within one surface
(``tab``) of one user, since surfaces differ more than anything else (clicks from 5 to 60 %).

KuaiRand-Pure: Gao et al., CIKM 2022; CC BY-SA 4.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from lab.evaluation.joining import keys_of
from lab.evaluation.sets.history import History, Test
from streamer.events import Dislike, Event, Feedback, FeedbackKindOrUndo, Impression, Play
from streamer.replay.datasets.rows import Row, find_file, read_rows

SPLIT_MS: Final = 1_651_334_400_000
"""1 May 2022, UTC+0: exposures from then on are tests."""
AUTOPLAY: Final = frozenset(("1", "2", "4", "5", "6", "9", "10", "13"))
"""Surfaces in which a video plays by itself: there non-clicks have been played for a second or two."""
SEEN_MS: Final = 2_000
APART_MS: Final = 60_000
_DONE: Final[tuple[tuple[str, FeedbackKindOrUndo], ...]] = (
    ("is_like", "like"),
    ("is_comment", "comment"),
    ("is_forward", "share"),
)
_SHOWN: Final = ("user_id", "video_id", "time_ms", "tab", "is_click", "long_view", "play_time_ms", "is_hate")
_VIDEO: Final = ("video_id", "author_id", "duration_ms", "tag")
_BEFORE: Final = ("user_id", "last_time_ms", "shown", "long_viewed", "liked")


class _Video(Struct, frozen=True):
    tags: tuple[str, ...]
    author: str | None
    duration_s: float | None

    def named(self, user: str, video: str, ts: int, surface: str | None = None) -> dict[str, Any]:
        """The fields of an event about it."""
        return {
            "user_id": f"kuairand-pure-{user}",
            "ts": ts,
            "content_id": video,
            "creator_id": self.author,
            "tags": self.tags,
            "media": "video",
            "duration_s": self.duration_s,
            "tz_offset_min": 480,
            "surface": surface,
        }


_UNKNOWN: Final = _Video((), None, None)


def clicks(path: Path) -> Iterator[History]:
    """Histories in which what is not clicked is unwanted."""
    return _histories(path, "is_click")


def long_views(path: Path) -> Iterator[History]:
    """Histories in which what is not viewed long is unwanted."""
    return _histories(path, "long_view")


def _histories(path: Path, wanted: str) -> Iterator[History]:
    videos = {row.text("video_id"): _video(row) for row in _rows(path, "videos.csv.gz", _VIDEO)}
    before = {row.text("user_id"): row for row in _rows(path, "before.csv.gz", _BEFORE)}
    shown: dict[str, list[Row]] = {}
    for row in _rows(path, "impressions.csv.gz", (*_SHOWN, *(column for column, _ in _DONE))):
        shown.setdefault(row.text("user_id"), []).append(row)
    for user in sorted(shown, key=lambda user: (len(user), user)):
        own = sorted(shown[user], key=lambda row: row.integer("time_ms"))
        events = list(_untimed(before[user], videos)) if user in before else []
        for row in own:
            if row.integer("time_ms") < SPLIT_MS:
                events += _events(row, videos)
        events.sort(key=lambda event: event.ts)
        tests = tuple(_test(row, videos, wanted) for row in own if row.integer("time_ms") >= SPLIT_MS)
        if tests:
            yield History(f"kuairand-pure-{user}", tuple(events), tests)


def _rows(path: Path, name: str, columns: tuple[str, ...]) -> Iterator[Row]:
    return read_rows(find_file(path, name, "KuaiRand-Pure"), columns)


def _video(row: Row) -> _Video:
    duration, tags = row.optional("duration_ms"), row.optional("tag")
    seconds = float(duration) / 1000 if duration else 0.0
    names = tuple(f"tag {tag}" for tag in tags.split(",")) if tags else ()
    return _Video(names, row.optional("author_id") or None, seconds or None)


def _events(row: Row, videos: dict[str, _Video]) -> list[Event]:
    video, played_ms = row.text("video_id"), row.integer("play_time_ms")
    clicked = row.flag("is_click")
    named = videos.get(video, _UNKNOWN).named(row.text("user_id"), video, row.integer("time_ms"), row.text("tab"))
    by_itself = row.text("tab") in AUTOPLAY and not clicked
    events: list[Event] = [Impression(**named, visible_ms=played_ms if by_itself else max(played_ms, SEEN_MS))]
    if clicked:
        events.append(Play(**named, playback_id=row.text("time_ms"), played_s=played_ms / 1000))
    events += [Feedback(**named, kind=kind) for column, kind in _DONE if row.flag(column)]
    if row.flag("is_hate"):
        events.append(Dislike(**named, action="dislike"))
    return events


def _untimed(row: Row, videos: dict[str, _Video]) -> Iterator[Event]:
    """What was shown before, without times: a minute apart, up to the last."""
    shown = row.text("shown").split()
    viewed, liked = row.optional("long_viewed").split(), row.optional("liked").split()
    first = row.integer("last_time_ms") - APART_MS * (len(shown) - 1)
    for number, video in enumerate(shown):
        known = videos.get(video, _UNKNOWN)
        named = known.named(row.text("user_id"), video, first + APART_MS * number)
        yield Impression(**named, visible_ms=SEEN_MS)
        if video in viewed:
            yield Play(**named, playback_id=str(number), played_s=known.duration_s or 60.0)
        if video in liked:
            yield Feedback(**named, kind="like")


def _test(row: Row, videos: dict[str, _Video], wanted: str) -> Test:
    video = row.text("video_id")
    known = videos.get(video, _UNKNOWN)
    return Test(video, keys_of(known.tags, known.author), not row.flag(wanted), row.text("tab"))

"""Public data sets whose users' events are cut in two by time. Read where they lie; figures need them there."""

from __future__ import annotations

import csv
import gzip
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple, TypedDict

from lab.evaluation.sets.history import split_at
from lab.learning.lives import Person, Source
from streamer.errors import DataSetError
from streamer.events import DAY_MS, Dislike, Event, Feedback, FeedbackKindOrUndo, Impression, Play
from streamer.replay.datasets import movielens as movielens_events
from streamer.serving.candidate import Candidate

MAY_MS: Final = 1_651_334_400_000
"""1 May 2022 in China, where KuaiRand-Pure is cut: its exposures run from 25 April to 8 May."""
_FEED_TAB: Final = "1"
_STATED: Final[dict[str, FeedbackKindOrUndo]] = {
    "is_like": "like", "is_follow": "follow", "is_comment": "comment", "is_forward": "share"
}  # fmt: skip


class _Carried(TypedDict):
    """What an event says of its item."""

    content_id: str
    creator_id: str | None
    tags: tuple[str, ...]
    duration_s: float | None


class LearningSet(NamedTuple):
    """A data set to learn from.

    Attributes:
        what: one line for people.
        source: reads it, for at most so many of its users, from the folder of all data sets.
    """

    what: str
    source: Callable[[Path, int], Source]


def kuairand_pure(data: Path, users: int) -> Source:
    """KuaiRand-Pure, cut on 1 May 2022: users with exposures on both sides, in the order of their ids.

    In the single-column feed (tab 1) an exposure was in view as long as it played; elsewhere that is not told. What is
    counted as a click there, was played. What ``before.csv.gz`` says was viewed long before 25 April, without a time,
    comes first, as whole plays a minute apart.

    Raises:
        DataSetError: a file is missing or not in its documented format.
    """
    folder = data / "kuairand-pure"
    videos = {
        row["video_id"]: Candidate(
            row["video_id"],
            row["author_id"] or None,
            tuple(f"tag-{tag}" for tag in row["tag"].split(",") if tag),
            float(row["duration_ms"]) / 1000 if row["duration_ms"] else None,
        )
        for row in _rows(folder / "videos.csv.gz", ("video_id", "author_id", "duration_ms", "tag"))
    }
    columns = ("user_id", "video_id", "time_ms", "tab", "is_click", "play_time_ms", "is_hate", *_STATED)
    events: dict[str, list[Event]] = {}
    for row in _rows(folder / "impressions.csv.gz", columns):
        events.setdefault(row["user_id"], []).extend(_exposed(row, videos[row["video_id"]]))
    columns = ("user_id", "last_time_ms", "shown", "long_viewed")
    viewed = {row["user_id"]: row for row in _rows(folder / "before.csv.gz", columns)}
    people: list[Person] = []
    for user_id in sorted(events, key=int):
        own = sorted(events[user_id], key=lambda event: event.ts)
        before = [event for event in own if event.ts < MAY_MS]
        if before and len(before) < len(own) and len(people) < users:
            earlier = list(_viewed(viewed[user_id], videos, own[0].ts)) if user_id in viewed else []
            people.append(Person(f"kuairand-{user_id}", earlier + before, own[len(before) :]))
    return Source(people, list(videos.values()))


def _exposed(row: dict[str, str], video: Candidate) -> Iterator[Event]:
    user_id, ts, played_ms = f"kuairand-{row['user_id']}", int(row["time_ms"]), int(row["play_time_ms"])
    item = _carried(video)
    in_feed = row["tab"] == _FEED_TAB
    yield Impression(user_id=user_id, ts=ts, visible_ms=played_ms if in_feed else None, **item)
    if row["is_click"] == "1":
        yield Play(user_id=user_id, ts=ts + 1, playback_id=str(ts), played_s=played_ms / 1000, **item)
    for column, kind in _STATED.items():
        if row[column] == "1":
            yield Feedback(user_id=user_id, ts=ts + 2, kind=kind, **item)
    if row["is_hate"] == "1":
        yield Dislike(user_id=user_id, ts=ts + 2, action="dislike", **item)


def _viewed(row: dict[str, str], videos: dict[str, Candidate], until_ms: int) -> Iterator[Event]:
    wanted = row["long_viewed"].split()
    last_ms = min(int(row["last_time_ms"]), until_ms - DAY_MS // 24)
    for place, video_id in enumerate(wanted):
        video, ts = videos[video_id], last_ms - (len(wanted) - place) * 60_000
        user_id, played_s = f"kuairand-{row['user_id']}", video.duration_s or 60.0
        yield Play(user_id=user_id, ts=ts, playback_id=str(ts), played_s=played_s, **_carried(video))


def _carried(video: Candidate) -> _Carried:
    return {
        "content_id": video.content_id,
        "creator_id": video.creator_id,
        "tags": tuple(video.tags),
        "duration_s": video.duration_s,
    }


def movielens(data: Path, users: int) -> Source:
    """MovieLens with genres and directors, each user cut after .7 of their ratings, as few overlap in time.

    Raises:
        DataSetError: a file is missing or not in its documented format.
    """
    ratings, films = data / "ml-latest-small", data / "ranklens-movies"
    rated = [event for _, event in movielens_events.events(ratings, films if films.is_dir() else None)]
    items = {
        event.content_id: Candidate(event.content_id, event.creator_id, event.tags, event.duration_s)
        for event in rated
        if isinstance(event, Feedback) and event.content_id is not None
    }
    people: list[Person] = []
    for user_id, own in groupby(sorted(rated, key=lambda event: (event.user_id, event.ts)), lambda each: each.user_id):
        events = list(own)
        split_ms = split_at([event.ts for event in events])
        at = bisect_left(events, split_ms, key=lambda event: event.ts)
        if at and len(people) < users:
            people.append(Person(user_id, events[:at], events[at:]))
    return Source(people, [items[name] for name in sorted(items)])


SETS: Final = {
    "kuairand-pure": LearningSet("KuaiRand-Pure: short videos, from 1 May 2022 on foreseen", kuairand_pure),
    "movielens": LearningSet("MovieLens: each user's last three ratings of ten foreseen", movielens),
}
"""Data sets by name."""


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The rows of a gzipped file with a header, or a complaint that names the file."""
    try:
        with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            missing = [name for name in columns if name not in (rows.fieldnames or ())]
            if missing:
                raise DataSetError(f"{path} has no column {', '.join(missing)}: fetch it again")
            yield from rows
    except FileNotFoundError:
        raise DataSetError(f"there is no {path}: --data names the folder of all data sets") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise DataSetError(f"{path} cannot be read: {error}; fetch it again") from None

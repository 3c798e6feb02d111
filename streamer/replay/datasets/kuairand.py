"""KuaiRand: plays of short videos that were liked or hated (Gao et al., CIKM 2022; CC BY-SA 4.0).

Read from ``processed_standard_kcore_15.csv``, tab-separated, one row a play. What becomes of a row:

- a play with ``played_s``, ``duration_s`` (none where the file says 0) and ``ended``. Its ``playback_id`` is the
  row's time: the file repeats 124 rows, and a repeated row is not a second viewing.
- ``label`` 1 → feedback ``like``; ``label`` 0 → a ``dislike`` of the content.
- ``is_comment`` → feedback ``comment``; ``is_forward`` → feedback ``share``.

No impressions are made up: the file holds only what was played, so whoever was shown something and passed on is
missing from it, and a play needs no impression to count. ``is_follow`` and ``is_profile_enter`` need a creator, which
the file does not name; ``is_click`` and ``long_view`` are derived from the play itself. All four are left out.
Local time is UTC+8 (the file's own ``hourmin`` is).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from streamer.events import Dislike, Event, Feedback, FeedbackKindOrUndo, Play
from streamer.replay.datasets.rows import Row, by_time, find_file, read_rows

FILE: Final = "processed_standard_kcore_15.csv"
COLUMNS: Final = (
    "user_id",
    "video_id",
    "time_ms",
    "play_time_ms",
    "duration_ms",
    "is_comment",
    "is_forward",
    "label",
)
_TZ_OFFSET_MIN: Final = 480


def events(path: Path) -> Iterator[tuple[str, Event]]:
    """(topic without prefix, event) in event-time order; users are ``kuairand-<user_id>``.

    Args:
        path: the folder, or the file itself.

    Raises:
        DataSetError: the file is missing or not in its documented format.
    """
    rows = read_rows(find_file(path, FILE, "KuaiRand"), COLUMNS, "\t")
    return by_time(pair for row in rows for pair in _events(row))


def _events(row: Row) -> Iterator[tuple[str, Event]]:
    user = f"kuairand-{row.text('user_id')}"
    video = row.text("video_id")
    ts = row.integer("time_ms")
    duration_ms = row.integer("duration_ms")
    duration_s = duration_ms / 1000 if duration_ms > 0 else None
    yield (
        "plays",
        Play(
            user_id=user,
            ts=ts,
            tz_offset_min=_TZ_OFFSET_MIN,
            duration_s=duration_s,
            content_id=video,
            playback_id=str(ts),
            played_s=row.integer("play_time_ms") / 1000,
        ),
    )
    if not row.flag("label"):
        yield (
            "dislikes",
            Dislike(
                user_id=user,
                ts=ts,
                tz_offset_min=_TZ_OFFSET_MIN,
                duration_s=duration_s,
                action="dislike",
                content_id=video,
            ),
        )
    given: tuple[tuple[FeedbackKindOrUndo, bool], ...] = (
        ("like", row.flag("label")),
        ("comment", row.flag("is_comment")),
        ("share", row.flag("is_forward")),
    )
    for kind, present in given:
        if present:
            yield (
                "feedback",
                Feedback(
                    user_id=user,
                    ts=ts,
                    tz_offset_min=_TZ_OFFSET_MIN,
                    duration_s=duration_s,
                    kind=kind,
                    content_id=video,
                ),
            )

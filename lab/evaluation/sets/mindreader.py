"""MindReader: people said what they think of films, and of genres; do lists made of the first name the second?

The only set here in which people say which *tags* they dislike. Rules see the opinions on films alone, in the order of
the file; a film's tags are its genres. What they conclude of each genre is held against what its owner said of it
(``lab/evaluation/sets/stated.py``). The file has no times: either all was said in one sitting, a minute apart, or each
in a sitting of its own.

MindReader: Brams et al., CIKM 2020; for research only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from lab.evaluation.sets.history import History, Test
from streamer.events import Dislike, Event, Feedback
from streamer.replay.datasets.rows import find_file, read_rows
from streamer.scoring.counts import TAG

BEGIN_MS: Final = 1_577_836_800_000
"""1 January 2020, when all begin."""
MINUTE_MS: Final = 60_000
SITTING_MS: Final = 3 * 3_600_000

Said = Callable[[dict[str, Any], bool], Event]
"""The event that an opinion becomes, from an event's fields and whether the film is liked."""


def opinions(path: Path, apart_ms: int = MINUTE_MS) -> Iterator[History]:
    """People who liked and disliked films."""
    return _histories(
        path,
        apart_ms,
        lambda film, liked: Feedback(**film, kind="like") if liked else Dislike(**film, action="dislike"),
    )


def ratings(path: Path, apart_ms: int = MINUTE_MS) -> Iterator[History]:
    """The same people, who rated the films 5 or 1."""
    return _histories(path, apart_ms, lambda film, liked: Feedback(**film, kind="rating", value=5 if liked else 1))


def _histories(path: Path, apart_ms: int, said: Said) -> Iterator[History]:
    films = {
        row.text("idx"): tuple(f"genre {genre}" for genre in row.optional("genres").split("|") if genre)
        for row in read_rows(find_file(path, "films.csv.gz", "MindReader"), ("idx", "genres"))
    }
    stated: dict[int, list[Test]] = {}
    for row in read_rows(find_file(path, "genre_opinions.csv.gz", "MindReader"), ("u_idx", "g_idx", "rate")):
        genre = (TAG, f"genre {row.text('g_idx')}")
        stated.setdefault(row.integer("u_idx"), []).append(Test("", (genre,), not row.flag("rate")))
    heard: dict[int, list[Event]] = {}
    for row in read_rows(find_file(path, "film_opinions.csv.gz", "MindReader"), ("u_idx", "i_idx", "rate")):
        own = heard.setdefault(row.integer("u_idx"), [])
        film = row.text("i_idx")
        about = {"user_id": f"mindreader-{row.text('u_idx')}", "content_id": film, "tags": films.get(film, ())}
        own.append(said({**about, "ts": BEGIN_MS + apart_ms * len(own), "media": "video"}, row.flag("rate")))
    for user in sorted(heard):
        yield History(f"mindreader-{user}", tuple(heard[user]), tuple(stated.get(user, ())))

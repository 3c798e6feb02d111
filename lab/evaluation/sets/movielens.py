"""MovieLens: ratings with genres, film tags and directors; do lists foresee low ratings?

Tags are the genres and the film's tags of ranklens-movies where it is known (the first 16 count), the creator is its
director. Later ratings of up to 2 stars are the unwanted items, those of 4 and 5 the wanted ones; 3 is neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lab.evaluation.joining import keys_of
from lab.evaluation.sets.history import History, Test, split_at
from streamer.events import Event, Feedback
from streamer.replay.datasets import movielens
from streamer.replay.datasets.rows import find_file, read_rows

LOW: Final = 2
HIGH: Final = 4


class _Film(Struct, frozen=True, rename="camel"):
    tmdb_id: int
    tags: tuple[str, ...]


def histories(path: Path) -> Iterator[History]:
    """All users' histories.

    Args:
        path: the folder that holds ``ml-latest-small`` and ``ranklens-movies``.

    Raises:
        DataSetError: a file is missing or not in its documented format.
    """
    ratings, films = path / "ml-latest-small", path / "ranklens-movies"
    tags = _film_tags(ratings, films)
    events = [event for _, event in movielens.events(ratings, films)]
    events.sort(key=lambda event: (event.user_id, event.ts))
    for user_id, own in groupby(events, key=lambda event: event.user_id):
        yield _history(user_id, [_tagged(event, tags) for event in own])


def _tagged(event: Event, tags: dict[str, tuple[str, ...]]) -> Event:
    return replace(event, tags=event.tags + tags.get(event.content_id or "", ()))


def _history(user_id: str, events: list[Event]) -> History:
    split = split_at([event.ts for event in events])
    tests = tuple(
        Test(event.content_id or "", keys_of(event.tags, event.creator_id), event.value <= LOW)
        for event in events
        if event.ts >= split and isinstance(event, Feedback) and event.value is not None
        if event.value <= LOW or event.value >= HIGH
    )
    return History(user_id, tuple(event for event in events if event.ts < split), tests)


def _film_tags(ratings: Path, films: Path) -> dict[str, tuple[str, ...]]:
    """The films' own tags, by MovieLens id."""
    raw = find_file(films, "movies.json", "ranklens-movies").read_bytes()
    known = {str(film.tmdb_id): film.tags for film in msgspec.json.decode(raw, type=list[_Film])}
    links = read_rows(find_file(ratings, "links.csv", "MovieLens"), ("movieId", "tmdbId"))
    return {row.text("movieId"): tags for row in links if (tags := known.get(row.optional("tmdbId"))) is not None}

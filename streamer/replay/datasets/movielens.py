"""MovieLens: films rated by users (Harper & Konstan 2015; research use only, see the set's README.txt).

Read from ``ratings.csv`` and ``movies.csv`` of one folder. Each rating becomes feedback ``rating`` on content
``<movieId>`` with the film's genres as tags. Half stars are rounded up (0.5 → 1, 3.5 → 4): events carry whole ratings.
``tags.csv`` is not read: a word that someone puts on a film is neither praise nor blame.

MovieLens names no creators. With the films of ranklens-movies (CC BY-SA 4.0), joined through ``links.csv``, the creator
is the director and ``duration_s`` the running time of those films that are in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from streamer.errors import UNREADABLE, DataSetError
from streamer.events import Event, Feedback
from streamer.replay.datasets.rows import Row, by_time, find_file, read_rows

FILE: Final = "ratings.csv"
COLUMNS: Final = ("userId", "movieId", "rating", "timestamp")
_NO_GENRES: Final = "(no genres listed)"


class _Director(msgspec.Struct, frozen=True):
    id: int
    name: str


class _RankLensFilm(msgspec.Struct, frozen=True, rename="camel"):
    tmdb_id: int
    director: _Director
    runtime: int


class _Film(msgspec.Struct, frozen=True):
    genres: tuple[str, ...]
    director: str | None
    duration_s: float | None


def events(path: Path, films: Path | None = None) -> Iterator[tuple[str, Event]]:
    """(topic without prefix, event) in event-time order; users are ``movielens-<userId>``.

    Args:
        path: the folder, or its ``ratings.csv`` with the other files beside it.
        films: the ranklens-movies folder, or its ``movies.json``, for directors and running times.

    Raises:
        DataSetError: a file is missing or not in its documented format, or a rating is of an unknown film.
    """
    ratings = find_file(path, FILE, "MovieLens")
    catalogue = _catalogue(ratings.parent, films)
    return by_time(_event(row, catalogue) for row in read_rows(ratings, COLUMNS))


def _event(row: Row, catalogue: dict[str, _Film]) -> tuple[str, Event]:
    movie = row.text("movieId")
    film = catalogue.get(movie)
    if film is None:
        raise row.wrong("movieId", "a film of movies.csv")
    return (
        "feedback",
        Feedback(
            user_id=f"movielens-{row.text('userId')}",
            ts=row.integer("timestamp") * 1000,
            creator_id=film.director,
            tags=film.genres,
            duration_s=film.duration_s,
            kind="rating",
            content_id=movie,
            value=_stars(row),
        ),
    )


def _stars(row: Row) -> int:
    try:
        halves = float(row.text("rating")) * 2
    except ValueError:
        halves = -1.0
    if halves not in range(1, 11):
        raise row.wrong("rating", "0.5 to 5 in half stars")
    return int(halves + 1) // 2


def _catalogue(folder: Path, films: Path | None) -> dict[str, _Film]:
    known = {} if films is None else _ranklens(find_file(films, "movies.json", "ranklens-movies"))
    tmdb = {} if films is None else _links(find_file(folder / "links.csv", "links.csv", "MovieLens"))
    catalogue = {}
    for row in read_rows(find_file(folder / "movies.csv", "movies.csv", "MovieLens"), ("movieId", "genres")):
        movie, genres = row.text("movieId"), row.text("genres")
        film = known.get(tmdb.get(movie, ""))
        catalogue[movie] = _Film(
            genres=() if genres == _NO_GENRES else tuple(genres.split("|")),
            director=None if film is None else f"{film.director.name} (tmdb {film.director.id})",
            duration_s=None if film is None or film.runtime <= 0 else film.runtime * 60.0,
        )
    return catalogue


def _links(path: Path) -> dict[str, str]:
    return {row.text("movieId"): row.optional("tmdbId") for row in read_rows(path, ("movieId", "tmdbId"))}


def _ranklens(path: Path) -> dict[str, _RankLensFilm]:
    try:
        films = msgspec.json.decode(path.read_bytes(), type=list[_RankLensFilm])
    except OSError as error:
        raise DataSetError(f"{path} cannot be read: {error.strerror}") from None
    except UNREADABLE as error:
        raise DataSetError(f"{path} is not ranklens-movies' list of films: {error}") from None
    return {str(film.tmdb_id): film for film in films}

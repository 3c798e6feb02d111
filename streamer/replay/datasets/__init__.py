"""Public data sets as events. :data:`DATASETS` names those that ``streamer replay`` knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from streamer.events import Event
from streamer.replay.datasets import kuairand, movielens, open_bandit


class Reader(Protocol):
    """Turns the public files under ``path`` into (topic without prefix, event), oldest first.

    Raises :class:`streamer.errors.DataSetError`, naming the file or column, where they are not as documented.
    """

    def __call__(self, path: Path, /) -> Iterator[tuple[str, Event]]: ...


class DataSet(Struct, frozen=True):
    """A data set that can be replayed.

    Attributes:
        name: as on the command line.
        what: one line for people.
        events: its reader.
    """

    name: str
    what: str
    events: Reader


DATASETS: Final = {
    each.name: each
    for each in (
        DataSet("kuairand", "KuaiRand: plays of short videos, liked or hated", kuairand.events),
        DataSet("open-bandit", "Open Bandit: impressions and clicks of a fashion shop", open_bandit.events),
        DataSet("movielens", "MovieLens: ratings of films", movielens.events),
    )
}

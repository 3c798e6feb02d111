"""The counts of one key on one day (spec §5)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

TAG: Final = "tag"
CREATOR: Final = "creator"
CONTENT: Final = "content"


class Cell(Struct, array_like=True):
    """Counts of one key on one day; ``o``, ``e`` in millionths of an engagement, ``ld`` in millionths of a nat."""

    shown: int = 0
    started: int = 0
    abandoned: int = 0
    engaged: int = 0
    ignored: int = 0
    returned: int = 0
    low_rating: int = 0
    sessions: int = 0
    o: int = 0
    e: int = 0
    ld: int = 0

    def add(self, other: Cell) -> None:
        self.shown += other.shown
        self.started += other.started
        self.abandoned += other.abandoned
        self.engaged += other.engaged
        self.ignored += other.ignored
        self.returned += other.returned
        self.low_rating += other.low_rating
        self.sessions += other.sessions
        self.o += other.o
        self.e += other.e
        self.ld += other.ld

    @property
    def has_evidence(self) -> bool:
        return self.o != 0 or self.e != 0 or self.ld != 0

    @property
    def empty(self) -> bool:
        return self == _EMPTY


_EMPTY: Final = Cell()


def total(contexts: dict[str, Cell]) -> Cell:
    """The sum of a tag's cells over its contexts; not to be changed."""
    if len(contexts) == 1:
        return next(iter(contexts.values()))
    cell = Cell()
    for part in contexts.values():
        cell.add(part)
    return cell

"""The counts of one key on one day (spec §5).

The hot path adds one of these for every key of every interaction, so the small counters are packed three to an
integer of 63 bits. 21 bits a counter are two million interactions of one user with one key on one day.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

TAG: Final = "tag"
CREATOR: Final = "creator"
CONTENT: Final = "content"

_BITS: Final = 21
_MASK: Final = (1 << _BITS) - 1
FIRST: Final = 1
SECOND: Final = 1 << _BITS
THIRD: Final = 1 << 2 * _BITS
SHOWN: Final = _MASK
"""What of ``exposures`` is ``shown``."""


class Cell(Struct, array_like=True, gc=False):
    """Counts of one key on one day; ``o``, ``e`` in millionths of an engagement, ``ld`` in millionths of a nat.

    Packed, FIRST SECOND THIRD: ``exposures`` = shown, ignored, sessions; ``plays`` = started, abandoned, engaged;
    ``stated`` = returned, low ratings.

    >>> cell = Cell(exposures=2 * FIRST + THIRD, plays=SECOND)
    >>> cell.shown, cell.ignored, cell.sessions, cell.abandoned
    (2, 0, 1, 1)
    """

    exposures: int = 0
    plays: int = 0
    o: int = 0
    e: int = 0
    ld: int = 0
    stated: int = 0

    @property
    def shown(self) -> int:
        return self.exposures & _MASK

    @property
    def ignored(self) -> int:
        return self.exposures >> _BITS & _MASK

    @property
    def sessions(self) -> int:
        return self.exposures >> 2 * _BITS

    @property
    def started(self) -> int:
        return self.plays & _MASK

    @property
    def abandoned(self) -> int:
        return self.plays >> _BITS & _MASK

    @property
    def engaged(self) -> int:
        return self.plays >> 2 * _BITS

    @property
    def returned(self) -> int:
        return self.stated & _MASK

    @property
    def low_rating(self) -> int:
        return self.stated >> _BITS & _MASK

    def count(self, exposures: int, plays: int, o: int, e: int, stated: int) -> None:
        """Adds one interaction's counts, packed as in the fields."""
        self.exposures += exposures
        self.plays += plays
        self.o += o
        self.e += e
        self.stated += stated

    def state(self, ld: int, returned: int) -> None:
        """Adds what was said of the key: millionths of a nat, and how many of its items were returned."""
        self.ld += ld
        self.stated += returned * FIRST

    def add(self, other: Cell) -> None:
        self.exposures += other.exposures
        self.plays += other.plays
        self.o += other.o
        self.e += other.e
        self.ld += other.ld
        self.stated += other.stated

    def plus(self, other: Cell) -> Cell:
        """The sum, as a cell of its own."""
        return Cell(
            self.exposures + other.exposures,
            self.plays + other.plays,
            self.o + other.o,
            self.e + other.e,
            self.ld + other.ld,
            self.stated + other.stated,
        )

    @property
    def has_evidence(self) -> bool:
        return self.o != 0 or self.e != 0 or self.ld != 0

    @property
    def empty(self) -> bool:
        return not (self.exposures or self.plays or self.o or self.e or self.ld or self.stated)

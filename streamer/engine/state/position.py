"""Where a document stands in the outbox: whose is newer, also after the outbox was made anew.

Faust seam: none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

TERM: Final = "term"
"""Header of every document: the term it was written in, in decimal digits."""
_LARGEST: Final = (1 << 53) - 1
"""Greater ones are nobody's: scripts of Redis have no exact numbers beyond."""


def term_of(headers: Iterable[tuple[str, bytes]]) -> int:
    """The term that a record was written in; 0: it does not say, it is a stranger's or from before there were any.

    >>> term_of([("event_ts", b"5"), ("term", b"1760000000000")]), term_of([])
    (1760000000000, 0)
    """
    for name, value in headers:
        if name == TERM and value.isdigit() and len(value) <= len(str(_LARGEST)):
            return int(value) if int(value) <= _LARGEST else 0
    return 0


class Position(NamedTuple):
    """Where a document stands in the outbox. Of one user's, the greater is the newer.

    Attributes:
        term: in which it was written (:mod:`streamer.engine.state.outbox`); 0: not known, as before there were any.
        partition: all of a user's records are in one.
        offset: in that partition.
    """

    term: int
    partition: int
    offset: int

    @classmethod
    def of_guard(cls, guard: bytes | str) -> Position:
        """The position that a guard in Redis remembers; one of before is an offset alone.

        >>> Position.of_guard(b"1760000000000/3/7"), Position.of_guard(b"7")
        (Position(term=1760000000000, partition=3, offset=7), Position(term=0, partition=0, offset=7))

        Raises:
            ValueError: it is no guard.
        """
        text = guard if isinstance(guard, str) else guard.decode()
        term, partition, offset = text.split("/") if "/" in text else (0, 0, text)
        return cls(int(term), int(partition), int(offset))

    def is_after(self, other: Position) -> bool:
        """Whether the document here is the newer one. One without a term counts as of the other's.

        >>> Position(2, 0, 5).is_after(Position(1, 0, 9)), Position(0, 0, 10).is_after(Position(1, 0, 9))
        (True, True)
        """
        if self.term == 0 and self.partition == other.partition:
            return self.offset > other.offset
        return self > other

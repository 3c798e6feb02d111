"""What a record has put into the counts of a day, to be taken back exactly (spec §5)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

Part = tuple[str, str, str, int]
RETURN: Final[Part] = ("returned", "", "", 0)


class Contribution(Struct, array_like=True, frozen=True):
    """Evidence a record has put into a day: (kind, value, context, millionths of a nat) each.

    A return, which counts as one of each key, has :data:`RETURN` as its last part: what was stored before had none, and
    takes none back.
    """

    ts: int
    day: int
    parts: tuple[Part, ...]

    @property
    def returned(self) -> bool:
        return self.parts[-1:] == (RETURN,)

    @property
    def told(self) -> tuple[Part, ...]:
        """What it has put into keys."""
        return self.parts[:-1] if self.returned else self.parts

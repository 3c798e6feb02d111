"""Records as the engine sees them: what a fetch of one partition brought, and how far it left it.

Faust seam: none. Replaces a Faust message, event and future per record with a tuple.

What must hold for it to be right: whoever receives a batch sets ``taken`` at once, or its partition never counts as
caught up (``BatchConsumer.caught_up``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Record(NamedTuple):
    """One Kafka record as the engine sees it.

    Attributes:
        timestamp: ms since 1970, the broker's or the producer's; -1 if it has none.
        appended: the timestamp is the broker's: when it appended the record (LogAppendTime).
    """

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()
    appended: bool = False


def size_of(record: Record) -> int:
    """Bytes of key and value."""
    return len(record.key or b"") + len(record.value or b"")


class Fetched(NamedTuple):
    """How far a partition had been read, and how far it reached, when the broker was last asked.

    Attributes:
        position: offset of the next record to read.
        highwater: offset after the last record at the broker that may be read; None before the first answer.
        seen_ms: when the broker was asked, ms since 1970: it had no more then; None before the first answer.
    """

    position: int
    highwater: int | None
    seen_ms: int | None


class Batch(list[Record]):
    """The records of one partition fetch, in offset order. ``taken`` is set by whoever received it."""

    __slots__ = ("taken",)

    def __init__(self, records: Iterable[Record]) -> None:
        super().__init__(records)
        self.taken = False

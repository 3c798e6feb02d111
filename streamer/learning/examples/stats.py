"""What is in training examples, counted: days, users, what was done, propensities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from streamer.engine.kafka.ports import Reader
from streamer.errors import UNREADABLE
from streamer.events import DAY_MS
from streamer.learning.examples import rows
from streamer.learning.examples.rows import Told

_BINS: Final = 10
COLUMNS: Final = ("user_id", "start", "outcome", "signals", "weight", "propensity")


class Stats:
    """Counts of examples, added up table by table. Memory grows with users, by some 60 bytes each, and nothing else.

    Attributes:
        examples: how many.
        days: examples by day since 1970.
        outcomes: by ``outcome``; ``answered``: none of them.
        signals: how many examples have each signal.
        signs: examples by the sign of their weight: ``for``, ``neither``, ``against``.
        unreadable: records that are no labels.
        propensities: by tenth: 0 is [0, .1), 9 is [.9, 1]; None: no valid exposure.
    """

    def __init__(self) -> None:
        self.examples = 0
        self.unreadable = 0
        self.days: Counter[int] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.signals: Counter[str] = Counter()
        self.signs: Counter[str] = Counter()
        self.propensities: Counter[int | None] = Counter()
        self._users: set[int] = set()

    @property
    def users(self) -> int:
        """How many users have an example."""
        return len(self._users)

    def add(self, table: pa.Table) -> None:
        """Counts the rows of a table that has :data:`COLUMNS`."""
        self.examples += table.num_rows
        self._users |= {xxhash.xxh64_intdigest(user.encode()) for user in pc.unique(table["user_id"]).to_pylist()}
        self.days.update(ms // DAY_MS for ms in table["start"].to_pylist())
        self.outcomes.update(outcome or "answered" for outcome in table["outcome"].to_pylist())
        for signals in table["signals"].to_pylist():
            self.signals.update(name for name, _ in signals)
        self.signs.update(("neither", "for", "against")[(w > 0) - (w < 0)] for w in table["weight"].to_pylist())
        self.propensities.update(
            None if share is None else min(_BINS - 1, int(share * _BINS)) for share in table["propensity"].to_pylist()
        )


def stats_of(tables: Iterable[pa.Table]) -> Stats:
    """The counts of all tables."""
    stats = Stats()
    for table in tables:
        stats.add(table)
    return stats


async def stats_of_topic(reader: Reader, topic: str, partitions: int) -> Stats:
    """The counts of what the topic ``labels`` has now, repeats and all."""
    stats = Stats()
    async for scanned in reader.scan(topic, dict.fromkeys(range(partitions), 0)):
        told = []
        for record in scanned.records:
            if record.value is not None:
                try:
                    told.append(Told(rows.decode(record), record.offset))
                except UNREADABLE:
                    stats.unreadable += 1
        stats.add(rows.table(told))
    return stats

"""The population's totals and where they are saved: a table keyed by what is counted, with a changelog of its own.

Faust seam: none. Replaces a ``faust.Table`` whose every ``+=`` would be a record: a round's changed totals are one
record batch.

What must hold for it to be right: a total's record says up to which delta it has counted, so deltas that are read
again after a crash change nothing; the deltas are committed only after the totals that contain them are saved.

Records: the key of the deltas, the total as value (None: it came to nothing), and in header ``a`` the offset of the
last delta in it (8 bytes).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from streamer.engine.kafka.producer import NewRecord
from streamer.engine.kafka.records import Record
from streamer.errors import StateCorrupt
from streamer.events import CLAIM
from streamer.population import Key, Totals

log: Final = logging.getLogger(__name__)

_AT: Final = "a"
_CLAIM_KEY: Final = CLAIM.encode()


class TotalsTable:
    """Totals of everything counted, and which of them are not saved yet.

    Attributes:
        totals: the sums.
        next_offset: after the last delta counted; None before the first.
        corrupt: records passed over because they do not decode.
    """

    def __init__(self) -> None:
        self.totals = Totals()
        self.next_offset: int | None = None
        self.corrupt = 0
        self._counted_to: dict[bytes, int] = {}
        self._changed: dict[bytes, Key] = {}

    def recover(self, records: Iterable[Record], deltas_end: int) -> None:
        """Takes what the changelog has, all of it.

        Args:
            records: in order.
            deltas_end: offset after the last delta that the broker has. Totals that have counted further were made
                from a topic that is gone, so its offsets say nothing of this one.
        """
        newest = {record.key: record for record in records if record.key not in (None, _CLAIM_KEY)}
        for key, record in newest.items():
            if record.value is not None:
                self._take_in(key or b"", record.value)
            self._counted_to[key or b""] = _counted_to(record)
        if max(self._counted_to.values(), default=-1) >= deltas_end:
            log.warning("the topic of population deltas was made anew: its deltas are counted from its beginning")
            self._counted_to = {}

    def count(self, records: Iterable[Record]) -> None:
        """Adds deltas up, in the order of their offsets; those counted before are passed over.

        Raises:
            StateTooNew: a newer Streamer wrote one of them: it must not be lost.
        """
        for record in records:
            self.next_offset = record.offset + 1
            key = record.key or b""
            if key == _CLAIM_KEY or record.offset <= self._counted_to.get(key, -1):
                continue
            of = self._take_in(key, record.value or b"")
            if of is not None:
                self._counted_to[key] = record.offset
                self._changed[key] = of

    def take_changes(self) -> list[NewRecord]:
        """The totals changed since the last call, as records for the changelog."""
        changed, self._changed = self._changed, {}
        return [
            NewRecord(key, self.totals.record(of), [(_AT, self._counted_to[key].to_bytes(8))])
            for key, of in changed.items()
        ]

    def _take_in(self, key: bytes, value: bytes) -> Key | None:
        try:
            return self.totals.take_in(key, value)
        except StateCorrupt as error:
            self.corrupt += 1
            log.error("%s: passed over", error)
            return None


def _counted_to(record: Record) -> int:
    return next((int.from_bytes(value) for name, value in record.headers if name == _AT), -1)

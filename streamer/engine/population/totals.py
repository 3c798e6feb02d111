"""The population's totals and where they are saved: a table keyed by what is counted, with a changelog of its own.

Faust seam: none. Replaces a ``faust.Table`` whose every ``+=`` would be a record: a round's changed totals are one
record batch, or some.

Records: the key of what is counted, the total as value, and in header ``a`` the offset of the last delta in it (8
bytes); and the mark (``engine/population/totals_mark.py``).

What must hold for it to be right: whatever is read or told again counts once.

- *Told again by a worker*: what it told says which it is, and the mark how far each changelog's is counted.
- *Read again after a crash of the agent*: from where the mark ends, judged by what the mark knows, as the first time. A
  total saved after the mark says by its header what it has counted beyond.
- A total that is over is saved as nothing, and its record deleted once a mark says that it is counted: a deleted record
  has no header to say so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final, NamedTuple

from streamer.engine.kafka.producer import NewRecord
from streamer.engine.kafka.records import Record
from streamer.engine.population.totals_mark import KEY, VERSION, TotalsMark, decode_mark, encode_mark
from streamer.errors import StateCorrupt
from streamer.events import CLAIM
from streamer.population import Key, Totals
from streamer.population.deltas import decode, decode_key, encode_key
from streamer.population.sums import CreatorSums, Sums
from streamer.population.telling import Place, Source, Told, decode_told, version_of

log: Final = logging.getLogger(__name__)

_AT: Final = "a"
_CLAIM_KEY: Final = CLAIM.encode()
_ONE_KEY: Final = 1
"""The version of records that have one key each, and do not say what they are: those of older workers."""


class Saving(NamedTuple):
    """What a round saves, each to be acked before the next: totals, their mark, and the deletion of those over."""

    totals: list[NewRecord]
    mark: list[NewRecord]
    over: list[NewRecord]


def _takes_out(sums: Sums) -> bool:
    """Whether somebody may have left a key. Of a creator whom nobody has yet it stays what became of being shown: which
    of two deltas is counted first, and what is saved in between, must not matter."""
    return min(sums.bins) < 0 if isinstance(sums, CreatorSums) else True


class TotalsTable:
    """Totals of everything counted, and which of them are not saved yet.

    Args:
        group: whose totals these are, for the mark.

    Attributes:
        totals: the sums.
        mark: the newest; None: there is none.
        next_offset: after the last delta counted; None before the first.
        corrupt: records passed over because they do not decode.
        repeated: records passed over because they are counted.
    """

    def __init__(self, group: str = "") -> None:
        self.totals = Totals()
        self.mark: TotalsMark | None = None
        self.next_offset: int | None = None
        self.corrupt = self.repeated = 0
        self._group = group
        self._counted: dict[Source, Place] = {}
        self._counted_to: dict[Key, int] = {}  # of those that have counted more than the mark
        self._floor = -1  # up to which all have counted
        self._changed: dict[Key, bool] = {}  # and whether anything was taken out
        self._over: dict[Key, None] = {}

    # --- recovery -----------------------------------------------------------------------------------------------

    def recover(self, records: Iterable[Record], deltas_end: int) -> None:
        """Takes what the changelog has, all of it.

        Args:
            records: in order.
            deltas_end: offset after the last delta that the broker has. Totals that have counted further were made
                from a topic that is gone, so its offsets say nothing of this one.

        Raises:
            StateTooNew: a newer Streamer wrote some of it.
            StateCorrupt: the mark does not decode.
        """
        newest = {record.key: record for record in records if record.key not in (None, _CLAIM_KEY)}
        marked = newest.pop(KEY, None)
        if marked is not None and marked.value is not None:
            self.mark = decode_mark(marked.value)
            self._counted = dict(self.mark.counted)
            self._floor = self.mark.deltas_end - 1
        for key, record in newest.items():
            self._recover_total(key or b"", record)
        if max(self._floor, *self._counted_to.values(), -1) >= deltas_end:
            log.warning("the topic of population deltas was made anew: its deltas are counted from its beginning")
            self._counted_to, self._floor = {}, -1

    def _recover_total(self, key: bytes, record: Record) -> None:
        try:
            if record.value is None:  # with a header, if an older agent deleted it
                of = decode_key(key)
            else:
                of, sums = decode(key, record.value)
                self.totals.add(of, sums)
                if sums.empty:
                    self._over[of] = None
        except StateCorrupt as error:
            self._pass_over(error)
            return
        counted_to = next((int.from_bytes(value) for name, value in record.headers if name == _AT), -1)
        if counted_to > self._floor:
            self._counted_to[of] = counted_to

    # --- counting -----------------------------------------------------------------------------------------------

    def count(self, records: Iterable[Record]) -> None:
        """Adds deltas up, in the order of their offsets; those counted before are passed over.

        Raises:
            StateTooNew: a newer Streamer wrote one of them: it must not be lost.
        """
        for record in records:
            self.next_offset = record.offset + 1
            if record.key == _CLAIM_KEY:
                continue
            try:
                self._count(record, record.value or b"")
            except StateCorrupt as error:
                self._pass_over(error)

    def _count(self, record: Record, value: bytes) -> None:
        try:
            told = decode_told(value)
        except StateCorrupt:
            if version_of(value) != _ONE_KEY:
                raise
            of, sums = decode(record.key or b"", value)
            if record.offset > self._floor:
                self._add(record.offset, of, sums)
        else:
            self._count_told(record.offset, told)

    def _count_told(self, offset: int, told: Told) -> None:
        source, place, before = told.source, told.place, self._counted.get(told.source)
        if not place.is_newer(before):
            self.repeated += 1
            return
        if not place.follows(before):
            log.error(
                "partition %d: population deltas between %s and %s are missing, so sums are off by them: was the agent "
                "away for longer than the topic keeps records, or are totals or topic made anew?",
                source.partition, before, place,
            )  # fmt: skip
        self._counted[source] = place
        for of, sums in told.deltas.items():
            self._add(offset, of, sums)

    def _add(self, offset: int, of: Key, sums: Sums) -> None:
        if offset > self._counted_to.get(of, -1):
            self.totals.add(of, sums)
            self._counted_to[of] = offset
            self._changed[of] = self._changed.get(of, False) or _takes_out(sums)

    def _pass_over(self, error: StateCorrupt) -> None:
        self.corrupt += 1
        log.error("%s: passed over", error)

    # --- saving -------------------------------------------------------------------------------------------------

    def take_changes(self) -> Saving:
        """What has changed since the last call, as records for the changelog."""
        changed, self._changed = self._changed, {}
        totals = [
            NewRecord(encode_key(of), self.totals.record(of), [(_AT, self._counted_to[of].to_bytes(8))])
            for of in changed
        ]
        end = self._floor + 1 if self.next_offset is None else max(self.next_offset, self._floor + 1)
        mark = TotalsMark(VERSION, self._group, end, dict(self._counted))
        marks = [] if mark == self.mark else [NewRecord(KEY, encode_mark(mark))]
        self.mark, self._floor = mark, end - 1
        self._counted_to = {of: at for of, at in self._counted_to.items() if at >= end}  # read again only in part
        candidates = dict.fromkeys([*self._over, *(of for of, is_less in changed.items() if is_less)])
        over = [of for of in candidates if self.totals.is_over(of)]
        self._over = {of: None for of in over if of in self._counted_to}
        gone = [of for of in over if of not in self._over]
        for of in gone:
            self.totals.drop(of)
        return Saving(totals, marks, [NewRecord(encode_key(of), None) for of in gone])

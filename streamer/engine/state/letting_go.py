"""Whether workers have let go of a user whose erasure was asked for: read back from changelog, journal and outbox.

Faust seam: none; for a tool outside any consumer group.

What must hold for it to be right: an erasure is asked for in every partition, and whoever owns one saves its time with
the tombstones of all parts, and what is left of the user written anew, in one batch (``Erasures``), whether it knew the
user or not; the user's records in the journal are tombstoned, or void by the head's new epoch; the document is
tombstoned where the user belongs, and wherever else one may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from streamer.engine.kafka.ports import Reader
from streamer.engine.kafka.records import Record
from streamer.engine.state.journal import epoch_of
from streamer.engine.state.position import Position, term_of
from streamer.engine.state.store import ERASED, HEAD
from streamer.settings import Settings


@dataclass(slots=True)
class _Keyed:
    """What a topic keyed by user has of one, in one partition.

    Attributes:
        asked: where the partition ended when the erasure was asked for.
        values: records since the last tombstone that were there then.
        tombstone: position of the last one since; None: there is none.
    """

    asked: int
    values: list[bytes] = field(default_factory=list)
    tombstone: Position | None = None

    def take(self, record: Record, partition: int) -> None:
        if record.value is None:
            self.values = []
            if record.offset >= self.asked:
                self.tombstone = Position(term_of(record.headers), partition, record.offset)
        elif record.offset < self.asked:
            self.values.append(record.value)

    def holds_of(self, epoch: int | None) -> bool:
        """Whether there is a record from before of this epoch; None: of any."""
        return any(epoch is None or epoch_of(value) in (epoch, None) for value in self.values)


@dataclass(slots=True)
class _Saved:
    """What the changelog has of a user in one partition.

    Attributes:
        parts: offset of every part's newest record.
        epoch: of the journal's records that count.
        until: events up to this time are erased, ms; -1: there is no erasure.
        erased_at: the offset at which that is saved.
    """

    parts: dict[str, int] = field(default_factory=dict)
    epoch: int | None = 0
    until: int = -1
    erased_at: int = -1

    def take(self, name: str, record: Record) -> None:
        if name == HEAD:
            self.epoch = 0 if record.value is None else epoch_of(record.value)
        if name == ERASED:
            if record.value is not None:
                self.until, self.erased_at = int.from_bytes(record.value), record.offset
        elif record.value is None:
            self.parts.pop(name, None)
        else:
            self.parts[name] = record.offset

    @property
    def left(self) -> list[str]:
        """Parts from before the erasure."""
        return sorted(name for name, offset in self.parts.items() if offset < self.erased_at)


class LettingGo:
    """Follows the topics until nothing is left of a user; made before the erasure is asked for.

    Args:
        settings: the deployment's.
        user: who is erased.
    """

    def __init__(self, settings: Settings, user: str) -> None:
        self._names = settings.topics
        self._partitions = range(settings.partitions)
        self._key = user.encode()
        self._at: dict[str, dict[int, int]] = {}
        self._saved = {partition: _Saved() for partition in self._partitions}
        self._keyed: dict[str, dict[int, _Keyed]] = {}

    async def begin(self, topics: Reader) -> None:
        """Remembers where the topics end, before the erasure is asked for."""
        for topic in (self._names.journal, self._names.avoid_lists):
            extents = await topics.extents(topic, self._partitions)
            self._keyed[topic] = {partition: _Keyed(extent.end) for partition, extent in extents.items()}
        self._at = {topic: dict.fromkeys(self._partitions, 0) for topic in (self._names.state, *self._keyed)}

    async def read_on(self, topics: Reader) -> None:
        """Reads what the topics have by now."""
        for topic, at in self._at.items():
            async for scanned in topics.scan(topic, dict(at)):
                for record in scanned.records:
                    self._take(topic, scanned.partition, record)
                    at[scanned.partition] = record.offset + 1

    def _take(self, topic: str, partition: int, record: Record) -> None:
        key = record.key or b""
        if topic != self._names.state:
            if key == self._key:
                self._keyed[topic][partition].take(record, partition)
            return
        name, separator, user = key.partition(b"|")
        if separator and user == self._key:
            self._saved[partition].take(name.decode(), record)

    @property
    def tombstone(self) -> Position | None:
        """Where the newest of the document's tombstones since the erasure was asked for is; None: there is none."""
        outbox = self._keyed[self._names.avoid_lists].values()
        return max((each.tombstone for each in outbox if each.tombstone is not None), default=None)

    def left(self, ts: int) -> list[str]:
        """What is left of the user from before ``ts`` (ms), and where: one line each, empty if nothing is."""
        names, lines = self._names, []
        waiting = [p for p, saved in self._saved.items() if saved.until < ts]
        if waiting:
            lines.append(f"{names.state}: no worker has erased the user in {_listed(waiting)} yet")
        for partition, saved in self._saved.items():
            if partition not in waiting and saved.left:
                lines.append(f"{names.state}: partition {partition} still has the parts {', '.join(saved.left)}")
        open_in = [p for p, keyed in self._keyed[names.journal].items() if keyed.holds_of(self._saved[p].epoch)]
        if open_in:
            lines.append(f"{names.journal}: still open sessions in {_listed(open_in)}")
        listed_in = [p for p, keyed in self._keyed[names.avoid_lists].items() if keyed.holds_of(None)]
        if listed_in:
            lines.append(f"{names.avoid_lists}: still a document in {_listed(listed_in)}")
        return lines


def _listed(partitions: Iterable[int]) -> str:
    numbers = [str(partition) for partition in partitions]
    return f"partition{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"

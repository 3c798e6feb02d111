"""From the topic ``labels`` to files, a bounded number of examples at a time.

What must hold: a position is saved together with the files of everything before it, so a run that ends anywhere is
gone on with; a label that comes twice (after a worker's crash, or because files were lost) is written once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from streamer.engine.kafka.ports import Reader
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import Extent
from streamer.errors import UNREADABLE, ExportError
from streamer.learning.examples import rows
from streamer.learning.examples.erasing import Erased, erase
from streamer.learning.examples.folder import Folder
from streamer.learning.examples.rows import IDENTITY, Told
from streamer.settings import Settings

EXAMPLES_HELD: Final = 50_000
"""Examples held before they are written: a file has at most as many, and one row group."""
LABELS_KNOWN: Final = 1_000_000
"""Labels of recent days whose identity is held, some 100 bytes each; those of one day may be more."""


class Summary(Struct):
    """What a run did.

    Attributes:
        labels, examples: written.
        repeats: labels that were there already.
        erased: examples of erased users, left out or taken out.
        unreadable: records that are no labels.
        why_unreadable: where the first of these is, and why.
        missed: records that the topic had deleted before they were exported.
        leftovers, lost: of :class:`streamer.learning.examples.folder.Folder`.
    """

    labels: int = 0
    examples: int = 0
    repeats: int = 0
    erased: int = 0
    unreadable: int = 0
    why_unreadable: str = ""
    missed: int = 0
    leftovers: int = 0
    lost: int = 0


class Export:
    """One run.

    Args:
        settings: whose labels.
        out: the folder.
        report: told how many records are read so far, and how many there are.
        examples_held: examples held before they are written.
    """

    def __init__(
        self,
        settings: Settings,
        out: Path,
        report: Callable[[int, int], None] = lambda _done, _total: None,
        examples_held: int = EXAMPLES_HELD,
    ) -> None:
        self._topic = settings.topics.labels
        self._requests = settings.topics.erasures
        self._partitions = settings.partitions
        self._out = out
        self._report = report
        self._most = examples_held
        self._held: list[Told] = []
        self._held_examples = 0
        self._known: dict[str, set[bytes]] = {}
        self._erased = Erased({})
        self._summary = Summary()

    async def run(self, reader: Reader) -> Summary:
        """Brings the folder up to what the topic has now.

        Raises:
            ExportError: the folder cannot be used.
            StateTooNew: a newer Streamer wrote a label.
            BrokerUnavailable: no broker answered, or one stopped answering; what was written stays.
        """
        with Folder.open(self._out, self._topic, self._partitions) as folder:
            return await self._run(reader, folder)

    async def _run(self, reader: Reader, folder: Folder) -> Summary:
        self._summary = Summary(leftovers=folder.leftovers, lost=folder.lost)
        positions = folder.manifest.positions
        extents = await reader.extents(self._topic, range(self._partitions))
        self._check(folder, extents)
        self._erased = Erased(folder.manifest.erasing)
        await self._erased.read_requests(reader, self._requests, self._partitions)
        total = sum(extent.end - positions[partition] for partition, extent in extents.items())
        before = 0
        for partition in range(self._partitions):
            self._known.clear()
            read, end = 0, max(extents[partition].end, positions[partition])
            async for scanned in reader.scan(self._topic, {partition: positions[partition]}):
                for record in scanned.records:
                    self._take(record, partition)
                    if self._held_examples >= self._most:
                        self._write(folder, partition, record.offset + 1)
                    end = max(end, record.offset + 1)
                read = scanned.done
                self._report(before + read, max(total, before + read))
            before += read
            self._write(folder, partition, end)
        if self._erased.told or folder.manifest.requests != self._erased.end:
            self._summary.erased += erase(folder, self._erased)
        return self._summary

    def _check(self, folder: Folder, extents: dict[int, Extent]) -> None:
        positions = folder.manifest.positions
        for partition, extent in extents.items():
            begin = positions.setdefault(partition, extent.first)
            if begin > extent.end:
                raise ExportError(
                    f"{self._topic} was made anew since {self._out} was exported (partition {partition} ends at "
                    f"{extent.end}, {begin} are exported): export to another folder"
                )
            self._summary.missed += max(0, extent.first - begin)
            positions[partition] = max(begin, extent.first)

    # --- a record ---------------------------------------------------------------------------------------------

    def _take(self, record: Record, partition: int) -> None:
        if record.value is None and record.key is not None:
            user_id = record.key.decode(errors="replace")
            self._erased.told[user_id] = record.offset
            return
        try:
            label = rows.decode(record)
        except UNREADABLE as error:
            self._summary.unreadable += 1
            self._summary.why_unreadable = self._summary.why_unreadable or (
                f"{self._topic}[{partition}]@{record.offset}: {error}"
            )
            return
        self._held.append(Told(label, record.offset))
        self._held_examples += len(label.examples)

    # --- to disk ----------------------------------------------------------------------------------------------

    def _write(self, folder: Folder, partition: int, position: int) -> None:
        """Writes what is held, and with it how far the partition is read."""
        by_day: defaultdict[str, list[Told]] = defaultdict(list)
        for told in self._held:
            label = told.label
            if self._erased.gone(label.user_id, label.start, told.offset):
                self._summary.erased += len(label.examples)
            else:
                by_day[rows.day_of(label)].append(told)
        manifest = folder.manifest
        for day, of_day in sorted(by_day.items()):
            new = self._new(folder, day, partition, of_day)
            written = folder.write(day, partition, [rows.table(new)] if new else [])
            if written is not None:
                manifest.files[written[0]] = written[1]
                self._summary.labels += len(new)
                self._summary.examples += written[1].rows
        self._held, self._held_examples = [], 0
        manifest.positions[partition] = position
        folder.save()

    def _new(self, folder: Folder, day: str, partition: int, told: Sequence[Told]) -> list[Told]:
        """Those that the folder does not have; from now on it does."""
        known = self._known.pop(day, None)
        if known is None:
            known = set()
            for name in folder.named(partition, day):
                for table in folder.groups(name, IDENTITY):
                    known |= {
                        rows.identity(*row) for row in zip(*(table[c].to_pylist() for c in IDENTITY), strict=True)
                    }
        self._known[day] = known  # the newest, at the end
        while len(self._known) > 1 and sum(map(len, self._known.values())) > LABELS_KNOWN:
            del self._known[next(iter(self._known))]
        new = []
        for each in told:
            label = each.label
            its_own = rows.identity(label.user_id, label.session_id, label.start, label.part)
            if its_own in known:
                self._summary.repeats += 1
            else:
                known.add(its_own)
                new.append(each)
        return new

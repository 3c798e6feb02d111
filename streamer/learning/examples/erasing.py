"""Who must be gone from an export: users with a request on ``erasures``, or a null value on ``labels``."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from streamer.engine.kafka.ports import Reader
from streamer.errors import UNREADABLE
from streamer.events import Erasure
from streamer.learning.examples.folder import Folder


class Erased:
    """Users erased, and what of theirs is gone.

    Attributes:
        asked: by user, the ts up to which all was asked to be forgotten: sessions that began by then are gone.
        told: by user, the offset on ``labels`` where a worker said that it has forgotten: all before it is gone.
        end: by partition of ``erasures``, the offset up to which requests are known.
    """

    def __init__(self, told: dict[str, int]) -> None:
        self.asked: dict[str, int] = {}
        self.told = told
        self.end: dict[int, int] = {}

    async def read_requests(self, reader: Reader, topic: str, partitions: int) -> None:
        """Reads all requests that there are. What is no request, workers reject; here it is passed over."""
        extents = await reader.extents(topic, range(partitions))
        self.end = {partition: extent.end for partition, extent in extents.items()}
        async for scanned in reader.scan(topic, dict.fromkeys(range(partitions), 0)):
            for record in scanned.records:
                try:
                    request = msgspec.json.decode(record.value or b"", type=Erasure)
                except UNREADABLE:
                    continue
                self.asked[request.user_id] = max(request.ts, self.asked.get(request.user_id, 0))

    def gone(self, user_id: str, start: int, offset: int) -> bool:
        """Whether a label is to be forgotten: ``start`` is its session's, ``offset`` its record's."""
        return start <= self.asked.get(user_id, -1) or offset < self.told.get(user_id, -1)

    def mask(self, table: pa.Table) -> list[bool]:
        """For each row whether it stays."""
        users, starts, offsets = (table[name].to_pylist() for name in ("user_id", "start", "offset"))
        return [not self.gone(*row) for row in zip(users, starts, offsets, strict=True)]


def erase(folder: Folder, erased: Erased) -> int:
    """Takes erased users out of all files; returns how many rows that were.

    Files with such rows are written anew, row group by row group, before the manifest names them instead of the old.
    """
    files, replaced, rows = dict(folder.manifest.files), [], 0
    users = pa.array(sorted({*erased.asked, *erased.told}), pa.string())
    for name in folder.named() if len(users) else ():
        if not _has_any(folder, name, users):
            continue
        day = name.removeprefix("day=").partition("/")[0]
        part = files.pop(name)
        written = folder.write(day, part.partition, _staying(folder, name, erased))
        left = 0 if written is None else written[1].rows
        if written is not None:
            files[written[0]] = written[1]
        rows += part.rows - left
        replaced.append(name)
    folder.manifest.files = files
    folder.manifest.erasing = {}
    folder.manifest.requests = dict(erased.end)
    folder.save(replaced)
    return rows


def _staying(folder: Folder, name: str, erased: Erased) -> Iterator[pa.Table]:
    for table in folder.groups(name):
        yield table.filter(pa.array(erased.mask(table)))


def _has_any(folder: Folder, name: str, users: pa.Array) -> bool:
    return any(
        pc.any(pc.is_in(table["user_id"], value_set=users)).as_py() for table in folder.groups(name, ("user_id",))
    )

"""A folder of exported examples: which files belong to it, and up to where of the topic they go.

``_export.json`` names every file; it is replaced as a whole after the files that it newly names are on disk, and before
those that it no longer names are deleted. So whatever a crash leaves behind is a file that it does not name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from streamer.errors import UNREADABLE, ExportError
from streamer.learning.examples.rows import SCHEMA

VERSION: Final = 1
MANIFEST: Final = "_export.json"
_DRAFT: Final = MANIFEST + ".new"
_LOCK: Final = "_export.lock"


class Part(Struct, frozen=True):
    """One file: of which partition of the topic, its rows and bytes, and the least offset that a row is from."""

    partition: int
    rows: int
    size: int
    first: int


class Manifest(Struct, kw_only=True):
    """What ``_export.json`` says.

    Attributes:
        version: of this format.
        topic, partitions: what is exported.
        positions: by partition, the offset to go on from.
        requests: by partition of the topic ``erasures``, the offset up to which requests are met in all files.
        erasing: users to be erased from files still, and up to which offset.
        serial: of the newest file.
        files: by path in the folder.
    """

    version: int = VERSION
    topic: str
    partitions: int
    positions: dict[int, int] = {}
    requests: dict[int, int] = {}
    erasing: dict[str, int] = {}
    serial: int = 0
    files: dict[str, Part] = {}


class Folder:
    """An open folder, which only one process has open at a time.

    Attributes:
        manifest: what it holds.
        leftovers: files of an interrupted run that were deleted when it was opened.
        lost: files that were named and are gone or cut short; what was in them is read from the topic again.
    """

    def __init__(self, path: Path, manifest: Manifest, lock: IO[bytes]) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = lock
        self.leftovers = 0
        self.lost = 0

    @classmethod
    def open(cls, path: Path, topic: str, partitions: int) -> Folder:
        """Opens a folder, or begins one; mends what an interrupted run or a lost file left half done.

        Raises:
            ExportError: it holds something else, is of another topic, is being exported to, or cannot be written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(file.name not in (_LOCK, _DRAFT) for file in path.iterdir()):
                read_manifest(path)  # a stranger's folder is left alone
            with ExitStack() as until_open:
                lock = until_open.enter_context(_locked(path))
                is_begun = (path / MANIFEST).exists()
                manifest = read_manifest(path) if is_begun else Manifest(topic=topic, partitions=partitions)
                if (manifest.topic, manifest.partitions) != (topic, partitions):
                    raise ExportError(
                        f"{path} is an export of {manifest.topic} with {manifest.partitions} partitions, not of "
                        f"{topic} with {partitions}: name another folder"
                    )
                folder = cls(path, manifest, lock)
                folder._mend()
                folder.save()
                until_open.pop_all()
        except OSError as error:
            raise ExportError(f"{path} cannot be written: {error.strerror}; name another folder") from None
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self._lock.close()

    def _mend(self) -> None:
        for name, part in list(self.manifest.files.items()):
            file = self.path / name
            if not file.exists() or file.stat().st_size != part.size:
                del self.manifest.files[name]
                begin = self.manifest.positions.get(part.partition, 0)
                self.manifest.positions[part.partition] = min(begin, part.first)
                self.lost += 1
        for file in [*self.path.glob("day=*/*.parquet"), *self.path.glob("day=*/*.new")]:
            if str(file.relative_to(self.path)) not in self.manifest.files:
                file.unlink()
                self.leftovers += 1

    # --- files ------------------------------------------------------------------------------------------------

    def named(self, partition: int | None = None, day: str | None = None) -> list[str]:
        """The files of a partition and a day; None: of all."""
        return [
            name
            for name, part in self.manifest.files.items()
            if partition in (None, part.partition) and (day is None or name.startswith(f"day={day}/"))
        ]

    def write(self, day: str, partition: int, tables: Iterable[pa.Table]) -> tuple[str, Part] | None:
        """Writes a file, row group by row group, and says what it is; the folder does not name it yet.

        Returns:
            None: there were no rows.
        """
        self.manifest.serial += 1
        name = f"day={day}/{partition:05d}-{self.manifest.serial:08d}.parquet"
        file, rows, first = self.path / name, 0, None
        draft = file.with_suffix(".new")
        draft.parent.mkdir(exist_ok=True)
        with draft.open("wb") as out:
            with pq.ParquetWriter(out, SCHEMA, compression="zstd") as writer:
                for table in tables:
                    if table.num_rows:
                        writer.write_table(table)
                        rows += table.num_rows
                        least = min(table["offset"].to_pylist())
                        first = least if first is None else min(first, least)
            out.flush()
            os.fsync(out.fileno())
        if first is None:
            draft.unlink()
            return None
        draft.replace(file)
        return name, Part(partition, rows, file.stat().st_size, first)

    def groups(self, name: str, columns: Iterable[str] | None = None) -> Iterator[pa.Table]:
        """The rows of a file, some at a time."""
        yield from _groups(self.path / name, columns)

    def save(self, gone: Iterable[str] = ()) -> None:
        """Makes what the manifest says so; then deletes files that it no longer names."""
        draft = self.path / _DRAFT
        with draft.open("wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(self.manifest)))
            out.flush()
            os.fsync(out.fileno())
        draft.replace(self.path / MANIFEST)
        for name in gone:
            (self.path / name).unlink()


def tables_in(path: Path, columns: Iterable[str]) -> Iterator[pa.Table]:
    """The rows of an exported folder, some at a time, days ascending.

    Raises:
        ExportError: the folder is no export.
    """
    wanted = list(columns)
    for name in sorted(read_manifest(path).files):
        yield from _groups(path / name, wanted)


def _groups(file: Path, columns: Iterable[str] | None) -> Iterator[pa.Table]:
    wanted = None if columns is None else list(columns)
    with pq.ParquetFile(file) as parquet:
        for group in range(parquet.num_row_groups):
            yield parquet.read_row_group(group, columns=wanted)


def _locked(path: Path) -> IO[bytes]:
    lock = (path / _LOCK).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ExportError(f"another process exports to {path}: wait until it has ended") from None
    return lock


def read_manifest(path: Path) -> Manifest:
    """What a folder's ``_export.json`` says.

    Raises:
        ExportError: there is none, or it is not of this version.
    """
    try:
        manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise ExportError(
            f"{path} is no export: make one in a new folder with  streamer labels export FOLDER"
        ) from None
    except UNREADABLE as error:
        raise ExportError(f"{path / MANIFEST} does not decode ({error}): export to another folder") from None
    if manifest.version != VERSION:
        raise ExportError(f"{path} is of version {manifest.version}, this Streamer's is {VERSION}: export anew")
    return manifest

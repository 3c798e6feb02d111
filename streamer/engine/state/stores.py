"""The stores of a worker's partitions: opened when they are assigned, let go when they are revoked.

Faust seam: none; takes the place of ``faust.App(store=...)`` and its one directory lock a process.

What must hold for it to be right: a store is open only while its partition is ours, from recovery to revocation; one
that is kept meanwhile is what the broker has up to its ``changelog_end`` and ``journal.end``.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from streamer.clock import wall_ms
from streamer.engine.state.journal import Journal
from streamer.engine.state.store import DAMAGED, MemoryStore, PartitionStore
from streamer.errors import DependencyMissing, StateTooNew, StoreFailed
from streamer.events import DAY_MS
from streamer.settings import Settings

if TYPE_CHECKING:
    from streamer.engine.state.disk import DiskStore

log: Final = logging.getLogger(__name__)

_HOUR_MS: Final = 3_600_000
_LOCK_WAIT_S: Final = 15.0
_LOCK_POLL_S: Final = 0.2
KEPT_MS: Final = DAY_MS
"""How old a store may be: what is deleted stays readable in the changelog for at least a day (``retention_days``)."""


class Stores(Protocol):
    """Opens and closes stores by partition."""

    async def open(self, partitions: Collection[int]) -> dict[int, PartitionStore]:
        """The stores of these partitions, yet to be brought up to date; what else is kept is forgotten."""

    def let_go(self, whole: Collection[int]) -> None:
        """All partitions go; the stores of ``whole`` are as saved and may be kept for when they come back."""


class _Parked(NamedTuple):
    """Of a store on disk, what is not there: the journal, and when what it has of users is due."""

    journal: Journal
    deadlines: dict[str, int]

    @classmethod
    def of(cls, store: DiskStore) -> Self:
        deadlines = store.deadlines
        return cls(store.journal, {user: deadlines[user] for user in store.journal if user in deadlines})

    def give_back(self, store: DiskStore) -> None:
        """A deadline on disk may be older: that of a user whom only the journal knows is not there at all."""
        store.journal = self.journal
        for user, deadline in self.deadlines.items():
            store.set_deadline(user, min(deadline, store.deadlines.get(user, deadline)))


class MemoryStores:
    """Stores in memory, kept through a rebalance."""

    def __init__(self) -> None:
        self._open: dict[int, PartitionStore] = {}
        self._parked: dict[int, PartitionStore] = {}

    async def open(self, partitions: Collection[int]) -> dict[int, PartitionStore]:
        """The stores of these partitions: from before the rebalance, or empty."""
        parked, self._parked = self._parked, {}
        self._open = {p: parked[p] if p in parked else MemoryStore() for p in partitions}
        return self._open

    def let_go(self, whole: Collection[int]) -> None:
        """Keeps the stores that are whole."""
        self._parked = {partition: store for partition, store in self._open.items() if partition in whole}
        self._open = {}


class DiskStores:
    """Stores on disk, a directory a partition; closed while the partition is not ours.

    A directory is only a copy of what the changelog has, so one that cannot be used (damaged, written by a newer
    Streamer, so old that deletions may be missing) is deleted, and the partition recovered in full. It is not kept
    aside: it holds what users may ask to have forgotten.

    Args:
        root: the directory of the directories.
        keep_ms: how old a store may be to be used, ms; older ones of any partition are deleted.
        open_store: opens one directory (``DiskStore``).
    """

    def __init__(self, root: Path, keep_ms: int, open_store: Callable[[Path], DiskStore]) -> None:
        self._root = root
        self._keep_ms = keep_ms
        self._open_store = open_store
        self._open: dict[int, DiskStore] = {}
        self._parked: dict[int, _Parked] = {}

    async def open(self, partitions: Collection[int]) -> dict[int, PartitionStore]:
        """The stores of these partitions, as they were last saved.

        Raises:
            StoreFailed: another process holds one, or the disk does not let it be opened.
        """
        parked, self._parked = self._parked, {}
        self._forget_old(partitions)
        for partition in partitions:
            store = self._open[partition] = await self._open_one(partition)
            if partition in parked:
                parked[partition].give_back(store)
        return dict(self._open)

    def let_go(self, whole: Collection[int]) -> None:
        """Closes all; of those that are whole the journal is kept, with its users' deadlines."""
        self._parked = {partition: _Parked.of(store) for partition, store in self._open.items() if partition in whole}
        for store in self._open.values():
            store.close()
        self._open = {}

    async def _open_one(self, partition: int) -> DiskStore:
        folder = self._root / str(partition)
        if not folder.exists():
            log.info("partition %d: no local state in %s, recovering in full", partition, folder)
        elif (folder / DAMAGED).exists():
            _give_up(folder, partition, "it was found damaged")
        store = await self._opened(folder, partition)
        age_ms = 0 if store.saved_ms is None else wall_ms() - store.saved_ms
        if age_ms > self._keep_ms:
            log.warning(
                "partition %d: local state is %d h old, deletions since may be gone from the changelog: "
                "recovering in full",
                partition,
                age_ms // _HOUR_MS,
            )
            store.clear()
        return store

    async def _opened(self, folder: Path, partition: int) -> DiskStore:
        folder.parent.mkdir(parents=True, exist_ok=True)
        given_up_at = time.monotonic() + _LOCK_WAIT_S
        rebuilt = False
        while True:
            try:
                return self._open_store(folder)
            except StateTooNew:
                raise
            except Exception as error:
                if _is_locked(error):
                    if time.monotonic() >= given_up_at:
                        raise StoreFailed(
                            f"another process holds {folder}: stop it, or give each worker on this machine a data_dir "
                            "of its own"
                        ) from None
                    await asyncio.sleep(_LOCK_POLL_S)
                elif rebuilt:
                    raise StoreFailed(f"local state cannot be opened in {folder} ({error}): check the disk") from error
                else:
                    _give_up(folder, partition, str(error))
                    rebuilt = True

    def _forget_old(self, partitions: Collection[int]) -> None:
        """Deletes directories of partitions that have long been elsewhere: users may have been erased meanwhile."""
        if not self._root.exists():
            return
        before_s = time.time() - self._keep_ms / 1000
        for folder in self._root.iterdir():
            if folder.name not in map(str, partitions) and _newest(folder) < before_s:
                log.info("%s: local state not used for long, deleted", folder)
                shutil.rmtree(folder, ignore_errors=True)


def open_stores(settings: Settings) -> Stores:
    """The kind of stores that the settings name.

    Raises:
        DependencyMissing: they need an extra that is not installed.
    """
    if settings.store == "memory":
        return MemoryStores()
    try:
        from streamer.engine.state.disk import DiskStore  # noqa: PLC0415 (optional extra)
    except ImportError:
        raise DependencyMissing("rocksdict, which keeps state on disk,", "rocksdb") from None
    root = settings.data_dir / settings.group / "state" / settings.topics.state
    return DiskStores(root, KEPT_MS, DiskStore)


def _give_up(folder: Path, partition: int, why: str) -> None:
    log.warning("partition %d: local state in %s is deleted (%s), recovering in full", partition, folder, why)
    shutil.rmtree(folder)


def _is_locked(error: Exception) -> bool:
    """RocksDB has one error for all faults; of its lock file it speaks in these words."""
    text = str(error)
    return "lock hold by current process" in text or ("lock file" in text and "LOCK" in text)


def _newest(folder: Path) -> float:
    """When a folder was last written to, s since 1970. Another worker on this machine may be at it meanwhile."""
    try:
        files = [folder, *folder.iterdir()]
    except FileNotFoundError:
        return time.time()
    newest = 0.0
    for file in files:
        with suppress(FileNotFoundError):
            newest = max(newest, file.stat().st_mtime)
    return newest

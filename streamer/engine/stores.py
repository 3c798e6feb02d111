"""The stores of a worker's partitions: opened when they are assigned, let go when they are revoked.

Faust seam: none; takes the place of ``faust.App(store=...)`` and its one directory lock a process.

What must hold for it to be right: a store is open only while its partition is ours, from recovery to revocation; one
that is kept meanwhile is what the broker has up to its ``changelog_end`` and ``journal.end``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from streamer.engine.store import MemoryStore, PartitionStore
from streamer.settings import Settings


class Stores(Protocol):
    """Opens and closes stores by partition."""

    async def open(self, partitions: Collection[int]) -> dict[int, PartitionStore]:
        """The stores of these partitions, yet to be brought up to date; what else is kept is forgotten."""

    def let_go(self, whole: Collection[int]) -> None:
        """All partitions go; the stores of ``whole`` are as saved and may be kept for when they come back."""


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


def open_stores(settings: Settings) -> Stores:
    """The kind of stores that the settings name."""
    return MemoryStores()

"""Makes erasures real on disk: what RocksDB was told to delete lies in its files until they are written anew.

Faust seam: none.

The files that hold an erased user's keys are compacted, beside the worker's own work: of a partition of 150 MB in 0.1
to 0.9 s, in which the event loop waits for 0.05 s at most. Of many users at once the whole partition is, in pieces.

What must hold for it to be right: keys are scrubbed after the batch that deletes them was written; whoever closes the
database closes this first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from rocksdict import Rdict

log: Final = logging.getLogger(__name__)

_PIECES: Final = 32
"""So many ranges are compacted, however many users they are of. Who closes the database waits for one of them."""


class Scrubber:
    """Rewrites files where something was deleted.

    Args:
        database: open.
        done: told which prefixes are gone, in another thread.
    """

    def __init__(self, database: Rdict, done: Callable[[Collection[bytes]], None]) -> None:
        self._database = database
        self._done = done
        self._lock = threading.Lock()
        self._waiting: set[bytes] = set()
        self._thread: ThreadPoolExecutor | None = None
        self._closing = False

    def scrub(self, prefixes: Iterable[bytes]) -> None:
        """Soon nothing deleted is left on disk of keys that begin so."""
        with self._lock:
            self._waiting.update(prefixes)
            if not self._waiting:
                return
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, "scrubber")
            self._thread.submit(self._scrub)

    def close(self) -> None:
        """Waits for the range that is being compacted, and gives up the others."""
        with self._lock:
            self._closing, thread, self._thread = True, self._thread, None
        if thread is not None:
            thread.shutdown(wait=True)

    def _scrub(self) -> None:
        with self._lock:
            taken, self._waiting = self._waiting, set()
        prefixes = sorted(taken)
        size = -(-len(prefixes) // _PIECES)
        try:
            if prefixes and not self._closing:
                self._database.flush()
            for first in range(0, len(prefixes), max(1, size)):
                if self._closing:
                    return
                piece = prefixes[first : first + size]
                self._database.compact_range(piece[0], piece[-1] + b"\xff")
                self._done(piece)
        except Exception as error:  # noqa: BLE001 - RocksDB's own; whoever writes next is told what is wrong with it
            log.warning("what was erased is on disk until the next start, or until RocksDB compacts: %s", error)

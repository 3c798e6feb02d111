"""Processes that are started again whenever they end, as an operator's supervisor does it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psutil

from streamer.embedded.child import Child

_LINES = 200
_READY = "[^Worker]: Ready"
"""What Faust says then."""


class Supervised:
    """One process, life after life. Safe for use by many threads.

    Args:
        name: what its logs are called, and messages call it.
        begin: starts it, with its output going to this file.
        folder: of its logs, one a life.
    """

    def __init__(self, name: str, begin: Callable[[Path], Child], folder: Path) -> None:
        self.name = name
        self._begin = begin
        self._folder = folder
        self._lock = threading.Lock()
        self.lives = 0
        self.child = self._start()

    def tend(self) -> str:
        """Starts it again if it has ended; returns the last lines of the life that ended by itself, else nothing."""
        with self._lock:
            if self.child.running:
                return ""
            ended = self.child
            code = ended.wait()
            self.child = self._start()
            return f"exit code {code}\n{ended.tail(_LINES)}"

    def is_up(self) -> bool:
        """Whether this life has come so far as to work."""
        log = self.child.log
        return self.child.running and log is not None and _READY in log.read_text(errors="replace")

    def kill(self) -> None:
        """Ends its life as a crash would, and starts the next."""
        with self._lock:
            self.child.kill()
            self.child = self._start()

    def freeze(self) -> None:
        """Stops it (SIGSTOP), unless it has just ended; it stays until it is thawed or killed."""
        with self._lock:
            if self.child.running:
                os.kill(self.child.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Wakes it."""
        with self._lock:
            if self.child.running:
                os.kill(self.child.pid, signal.SIGCONT)

    def _start(self) -> Child:
        self.lives += 1
        return self._begin(self._folder / f"{self.name}-{self.lives}.log")


def frozen(child: Child) -> bool:
    """Whether a process is stopped (SIGSTOP), by others or by itself."""
    return bool(psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)

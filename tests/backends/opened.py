"""What is started for the length of a ``with`` block, and leaves nothing behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Opened(ABC):
    """Started when a block begins; closed when it ends, or if it does not start."""

    @abstractmethod
    def start(self) -> None:
        """Starts it; returns when it is ready."""

    @abstractmethod
    def close(self) -> None:
        """Ends it and deletes what it has."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

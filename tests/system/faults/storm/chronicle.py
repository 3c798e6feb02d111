"""What was done to a deployment, and when."""

from __future__ import annotations

import time
from pathlib import Path


class Chronicle:
    """Lines with the seconds since it was begun. Safe for use by many threads.

    Args:
        file: each line goes there at once, for whoever watches.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._began_s = time.monotonic()
        self._lines: list[str] = []

    def note(self, what: str) -> None:
        """Adds a line."""
        line = f"{time.monotonic() - self._began_s:7.1f} s  {what}"
        self._lines.append(line)
        with self._file.open("a") as file:
            file.write(line + "\n")

    def __str__(self) -> str:
        return "\n".join(self._lines)

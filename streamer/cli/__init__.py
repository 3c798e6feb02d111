"""The command line: ``streamer``, or ``python -m streamer.cli``.

Commands import what they need when they run, so that ``--help`` is quick and works without the extras.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

from streamer.cli.plain import make_plain
from streamer.errors import DependencyMissing, needing


def main() -> None:
    """Runs the command line and exits: 0 done, 1 something failed (one message says what), 2 bad settings or usage."""
    signal.signal(signal.SIGTERM, _end)  # else it is not heard until a process has its own way to stop; by PID 1 never
    for stream in (sys.stdout, sys.stderr):
        make_plain(stream)
    try:
        with needing("worker", "the command line"):
            from streamer.cli.app import app
    except DependencyMissing as error:  # a serving tier has the reader alone
        sys.exit(f"streamer: {error}")
    app(prog_name="streamer")


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)

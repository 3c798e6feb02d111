"""Runs a worker, publisher or population agent whose wall clock can be stepped while it runs:

    python -m tests.system.faults.storm.program worker CLOCK

The file CLOCK has how far the clock is off, 8 bytes, ns (`stepped`). Nothing else of the code that is deployed is
changed, but that workers stay with the constants whatever the population agent announces: which rates are in force when
a session seals depends on when that is, and documents could not be compared.
"""

from __future__ import annotations

import mmap
import sys
import time
from pathlib import Path
from typing import Final

from streamer import agents
from streamer.engine.population.snapshots import SnapshotFollower
from streamer.settings import load

_BYTES: Final = 8


def stepped(clock: Path, by_ms: int) -> None:
    """Lets the wall clock of the process that goes by this file be off by so much from now on."""
    with clock.open("r+b" if clock.exists() else "wb") as file:
        file.write((by_ms * 1_000_000).to_bytes(_BYTES, sys.byteorder, signed=True))


def go_by(clock: Path) -> None:
    """Puts this process's wall clock where the file says; clocks that never leap stay as they are."""
    with clock.open("rb") as file:
        off = mmap.mmap(file.fileno(), _BYTES, prot=mmap.PROT_READ)
    right, right_ns = time.time, time.time_ns

    def off_ns() -> int:
        return int.from_bytes(off[:_BYTES], sys.byteorder, signed=True)

    time.time = lambda: right() + off_ns() / 1e9
    time.time_ns = lambda: right_ns() + off_ns()


async def _stay(_follower: SnapshotFollower) -> None:
    """In place of `SnapshotFollower.refresh`."""


def main(kind: str, clock: str) -> int:
    """Runs it until it is told to stop."""
    go_by(Path(clock))

    SnapshotFollower.refresh = _stay  # type: ignore[assignment,method-assign]
    runs = {"worker": agents.run_worker, "publisher": agents.run_publisher, "population": agents.run_population}
    return runs[kind](load())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

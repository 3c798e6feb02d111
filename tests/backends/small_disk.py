"""A disk of a few megabytes that can be filled and emptied: a tmpfs, which only root may mount."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

from tests.backends.kafka import KafkaServer
from tests.backends.opened import Opened
from tests.backends.ports import NotHere, wait_until


class SmallDisk(Opened):
    """Mounted while a block runs.

    Args:
        folder: where; made if it is not there.
        megabytes: its size.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._megabytes = megabytes
        self._ballast = folder / "ballast"

    def start(self) -> None:
        """Mounts it."""
        self.folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "tmpfs", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False) if os.geteuid() == 0 else None
        if done is None or done.returncode != 0:
            raise NotHere("a small disk cannot be mounted: run as root, in a container that may mount")

    def fill(self) -> None:
        """Leaves no byte free."""
        try:
            with self._ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(b"\0" * 4096)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def free(self) -> None:
        """Leaves as much as before it was filled."""
        self._ballast.unlink()

    def close(self) -> None:
        """Unmounts it."""
        subprocess.run(["umount", "-l", str(self.folder)], capture_output=True, check=False)


class KafkaOnSmallDisk(KafkaServer):
    """A broker whose logs are on such a disk; what it needs to start is elsewhere."""

    def __init__(self, disk: SmallDisk, metadata: Path) -> None:
        self._disk = disk
        super().__init__({"metadata.log.dir": str(metadata), "log.segment.bytes": str(1 << 20)})

    @property
    def data(self) -> Path:
        return self._disk.folder / "data"

    def await_end(self) -> None:
        """Waits until it has found out, and ended itself."""
        wait_until(lambda: not self.running, lambda: True, 180, lambda: "a broker without room went on")

"""A demo in a process of its own, and whatever it starts."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
MARK = "DEMO_TEST_MARK"
LIMIT_S = 100


class Demo:
    """A running demo. Every process it starts carries a mark in its environment, its files are in `folder`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.mark = uuid.uuid4().hex
        self.folder = folder
        self.environment = {
            **os.environ,
            MARK: self.mark,
            "TMPDIR": str(folder),
            "COLUMNS": "120",
            "STREAMER_GROUP": "x",
        }
        self.output = folder.with_suffix(".out")
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamer.cli", "demo", *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self.environment,
                start_new_session=True,
            )

    def text(self) -> str:
        return self.output.read_text()

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def agent(self, name: str) -> psutil.Process | None:
        return next((each for each in self.processes() if each.cmdline()[-2:] == ["streamer.cli", name]), None)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while text not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.1)

    def wait_for_agents(self) -> None:
        deadline = time.monotonic() + LIMIT_S
        while any(self.agent(name) is None for name in ("worker", "publisher", "population")):
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.1)

    def nothing_left(self) -> bool:
        """Waits for the last processes to be gone; whether they went."""
        deadline = time.monotonic() + 20
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self.processes()

    def exports(self) -> dict[str, str]:
        """What a kept demo says to export."""
        found = re.findall(r"export (STREAMER_\w+)=(.+)", self.text())
        return {name: shlex.split(value)[0] for name, value in found}

    def end(self) -> None:
        """Ctrl-C; it ends well, and leaves nothing behind."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(LIMIT_S) == 0
        assert self.nothing_left()
        assert list(self.folder.iterdir()) == []

"""The commands that README.md and docs/ show, one after another as a reader would type them."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from streamer.embedded.child import Child
from tests.processes import HANGS_AFTER_S, wait_for

ROOT: Final = Path(__file__).parents[1]
_READY: Final = {"worker": "Ready", "publisher": "Ready", "population": "recovered", "serve": "serves http"}
"""What each process that stays says in its log when it is there."""


def lines_by_page() -> dict[str, list[str]]:
    """All lines that each page shows behind a prompt, in order; a line that goes on in the next is one."""
    found: dict[str, list[str]] = {}
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for block in re.findall(r"^```console\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE):
            typed = re.findall(r"^\$ (.*)$", block.replace("\\\n", ""), re.MULTILINE)
            found.setdefault(str(path.relative_to(ROOT)), []).extend(typed)
    return found


class Terminal:
    """Where lines are typed: exports hold for what follows, processes that stay run until it is closed.

    Args:
        folder: where it is.
        environment: all that is set before.
        instead: what is replaced in lines: addresses and names of the reader's own.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], instead: Mapping[str, str]) -> None:
        self._folder = folder
        self._instead = instead
        self._environment = dict(environment)
        self._staying: list[Child] = []

    def type(self, line: str) -> str:
        """Runs a line to its end, or until the process that stays is there; what it said."""
        for theirs, here in self._instead.items():
            line = line.replace(theirs, here)
        if line.startswith("export "):
            self._export(line)
            return ""
        command = re.search(r"\bstreamer (?:-\S+ \S+ )*(\w+)", line)
        if command is not None and command[1] in _READY and "--openapi" not in line:
            self._stay(line, command[1])
            return ""
        ran = self._bash(line)
        assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
        return ran.stdout + ran.stderr

    def close(self) -> None:
        """Ends what stays, in order; each must end well."""
        for child in self._staying:
            assert child.stop(HANGS_AFTER_S) == 0, child.tail()

    def kill(self) -> None:
        for child in self._staying:
            child.kill()

    def _bash(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-ec", line],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=HANGS_AFTER_S,
            check=False,
        )

    def _export(self, line: str) -> None:
        shown = self._bash(f"{line}\nenv -0").stdout
        self._environment = dict(each.split("=", 1) for each in shown.split("\0") if each)

    def _stay(self, line: str, process: str) -> None:
        log = self._folder / f"{len(self._staying)}-{process}.log"
        itself = re.sub(r"\bstreamer\b", "exec streamer", line, count=1)  # so that signals reach it
        child = Child(["bash", "-c", itself], log=log, environment=self._environment, directory=self._folder)
        self._staying.append(child)
        wait_for(f"{process} is there", lambda: _READY[process] in log.read_text(), child)
        if process == "serve":
            wait_for("it listens", lambda: _listens(int(self._environment["STREAMER_SERVICE_PORT"])), child)


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0

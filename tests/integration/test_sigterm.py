"""SIGTERM is heard while a process still starts, also by one that has no parent to tell it what to do (PID 1)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import HANGS_AFTER_S

ROOT = Path(__file__).parents[2]
AS_PID_1 = ["unshare", "--pid", "--fork", "--kill-child"]


@pytest.mark.parametrize("prefix", [[], AS_PID_1], ids=["child", "PID 1"])
@pytest.mark.parametrize("command", ["worker", "publisher"])
def test_a_process_that_waits_for_its_broker_ends_when_told_to(command: str, prefix: list[str]) -> None:
    if prefix and (os.geteuid() != 0 or shutil.which("unshare") is None):
        pytest.skip("only root can make a process PID 1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANGS_AFTER_S)
        environment = {**os.environ, "STREAMER_BROKERS": f"127.0.0.1:{silent.getsockname()[1]}"}
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "streamer.cli", command], env=environment, cwd=ROOT, stderr=subprocess.PIPE
        )
        try:
            connection, _ = silent.accept()
            with connection:
                told = _child_of(process.pid) if prefix else process.pid
                os.kill(told, signal.SIGTERM)
                _, errors = process.communicate(timeout=HANGS_AFTER_S)
        finally:
            process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert errors == b""


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

"""Clients for Node.js, as npm delivers them."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.backends.kafka import CACHE
from tests.backends.ports import NotHere

FOLDER: Final = Path(__file__).with_name("node")
"""Where the programs are that use them."""


def node() -> str:
    """The program.

    Raises:
        NotHere: it is not installed.
    """
    found = shutil.which("node")
    if found is None:
        raise NotHere("Node.js is not installed: run  apt-get install nodejs npm")
    return found


def modules() -> Path:
    """A folder whose `node_modules` has what package.json names, fetched the first time.

    Raises:
        NotHere: npm is not installed, or cannot fetch them.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise NotHere("npm is not installed: run  apt-get install nodejs npm")
    wanted = FOLDER / "package.json"
    CACHE.mkdir(parents=True, exist_ok=True)
    ready = CACHE / f"node-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
                shutil.copy(wanted, unfinished)
                fetch = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
                done = subprocess.run(fetch, cwd=unfinished, capture_output=True, text=True, timeout=300, check=False)
                if done.returncode != 0:
                    raise NotHere(f"npm cannot fetch what {wanted} names: {done.stdout[-1000:]}{done.stderr[-1000:]}")
                shutil.copytree(unfinished, ready)
    return ready

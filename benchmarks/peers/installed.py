"""Peers that are not Streamer's dependencies, installed for the benchmarks alone, once, in ~/.cache/streamer-bench."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

CACHE: Final = Path.home() / ".cache" / "streamer-bench"
QUIX: Final = "quixstreams==3.28.1"
_PROJECT: Final = Path(__file__).with_name("kafka-streams")


@cache
def kafka_streams() -> Path:
    """The folder with the Kafka Streams application's `classes` and `lib`, built by Maven.

    Raises:
        RuntimeError: Maven cannot build it.
    """
    sources = sorted(file for file in _PROJECT.rglob("*") if file.suffix in (".java", ".xml"))
    version = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:12]
    ready = CACHE / f"kafka-streams-{version}"
    if not ready.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            project = Path(folder) / "project"
            shutil.copytree(_PROJECT, project, ignore=shutil.ignore_patterns("target"))
            goals = ["compile", "dependency:copy-dependencies", "-DoutputDirectory=target/lib"]
            _call(["mvn", "-q", "-B", *goals], project)
            (project / "target").rename(ready)
    return ready


@cache
def quix() -> Path:
    """The Python of a virtual environment with Quix Streams.

    Raises:
        RuntimeError: pip cannot install it.
    """
    ready = CACHE / QUIX.replace("==", "-")
    python = ready / "bin" / "python"
    if not (ready / "installed").exists():
        shutil.rmtree(ready, ignore_errors=True)
        _call([sys.executable, "-m", "venv", str(ready)], Path.home())
        _call([str(python), "-m", "pip", "install", "--quiet", QUIX], Path.home())
        (ready / "installed").touch()
    return python


def _call(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {(done.stdout + done.stderr)[-2000:]}")

"""The wheel has all that runs: pages and their files, too, and nothing that does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[3]


def test_the_wheel_has_every_file_of_the_package_and_no_other(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    there = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "streamer").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert packed == there
    assert {f"streamer/service/console/{each}" for each in ("templates/base.html", "static/console.js")} <= packed

"""The tutorial, followed word by word: each block is run in its order, and says what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.demo import ROOT, Demo
from tests.processes import wait_for

PAGE: Final = (ROOT / "docs/tutorial.md").read_text()
NOT_HERE: Final = ("make play", ". .venv/bin/activate")
"""What is done for the reader: a demo is kept running, its exports are set, and its programs are found."""


class Command(NamedTuple):
    """A line to type, and what the page shows of its output."""

    line: str
    shown: list[str]


def blocks() -> Iterator[tuple[str, str]]:
    """Language and content of each block, in order."""
    for block in re.finditer(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
        yield block[1], block[2]


def commands(block: str) -> Iterator[Command]:
    for typed in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, *shown = typed.splitlines()
        yield Command(line, shown)


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def typed(line: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def says(ran: subprocess.CompletedProcess[str], shown: list[str]) -> bool:
    """Whether a command has ended well, and said each of these lines."""
    return ran.returncode == 0 and all(in_one_line(each) in in_one_line(ran.stdout) for each in shown)


def test_make_play_keeps_a_demo_running() -> None:
    told = subprocess.run(["make", "-n", "play"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "streamer demo --keep" in told


@pytest.mark.timeout(240)
def test_the_tutorial_followed_word_by_word_works(folder: Path, demos: list[Demo]) -> None:
    demo = Demo(folder, "--events", "1000", "--keep")
    demos.append(demo)
    demo.wait_for("Ctrl-C ends it")
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMER_")}
    environment = inherited | demo.exports() | {"PATH": programs, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    done = 0
    for language, content in blocks():
        if language == "python":
            continue  # in examples/, as the next test sees to
        for line, shown in commands(content):
            if line in NOT_HERE:
                continue
            if line.startswith("streamer explain"):  # the page says to ask again
                wait_for(line, lambda line=line, shown=shown: says(typed(line, environment), shown), None)  # type: ignore[misc]
            ran = typed(line, environment)
            assert says(ran, shown), f"{line}\n{ran.stdout}{ran.stderr}"
            done += 1
    assert done == 6
    demo.end()


@pytest.mark.parametrize("name", ["visits", "rerank"])
def test_the_examples_are_what_the_page_shows(name: str) -> None:
    _, code = (ROOT / f"examples/{name}.py").read_text().split("\n\n", 1)
    assert ("python", code) in blocks()

"""`streamer demo` as people run it: in a process of its own, to its end, or to theirs."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.demo import LIMIT_S, Demo


def test_the_demo_shows_an_avoid_list_with_reasons_and_leaves_nothing_behind(folder: Path, demos: list[Demo]) -> None:
    demo = Demo(folder, "--events", "5000")
    demos.append(demo)
    assert demo.process.wait(LIMIT_S) == 0, demo.text()
    text = demo.text()
    assert re.search(r"events sent +\S+ +5000/5000", text)
    assert re.search(r"events processed +\S+ +5000/5000", text)
    assert re.search(r"What user-\d+ is better not shown, and why", text)
    assert re.search(r"(tag|creator) \S+ +(soft|strong) +x 0\.\d\d +\w+", text), text
    assert re.search(r"times it was seen|they said so|left early", text)
    assert re.search(r"\d+ strong\s+inferences?\s+(is|are)\s+true", text)
    assert re.search(r"now dislikes content-\d+: \d+ ms", text)
    assert re.search(r"All users together start\s+\d+% of what they examine", text)
    assert "python -m streamer.cli inspect USER" in text
    assert demo.nothing_left()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_demo_interrupted_while_it_runs_leaves_nothing_behind(
    folder: Path, demos: list[Demo], number: signal.Signals
) -> None:
    demo = Demo(folder)
    demos.append(demo)
    demo.wait_for("A city of")
    demo.wait_for_agents()
    demo.process.send_signal(number)
    assert demo.process.wait(LIMIT_S) == 128 + number
    assert "Traceback" not in demo.text()
    assert demo.nothing_left()
    assert list(folder.iterdir()) == []


def test_a_demo_that_is_killed_takes_its_processes_along(folder: Path, demos: list[Demo]) -> None:
    demo = Demo(folder)
    demos.append(demo)
    demo.wait_for_agents()
    demo.process.kill()
    assert demo.nothing_left()


def test_a_worker_that_dies_ends_the_demo_with_its_last_words(folder: Path, demos: list[Demo]) -> None:
    demo = Demo(folder)
    demos.append(demo)
    demo.wait_for_agents()
    worker = demo.agent("worker")
    assert worker is not None
    worker.kill()
    assert demo.process.wait(LIMIT_S) == 1
    assert "streamer: the worker ended with exit code -9; the last lines of " in demo.text()
    assert "Traceback" not in demo.text()
    assert demo.nothing_left()
    kept = [path.name for path in folder.rglob("*") if path.is_file()]
    assert sorted(kept) == ["population.log", "publisher.log", "worker.log"]

"""`streamer demo` as people run it: in a process of its own, to its end, or to theirs."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "d"
    made.mkdir()
    return made


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    started: list[Demo] = []
    yield started
    for demo in started:
        for process in demo.processes():
            process.kill()
        demo.process.wait()


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


def test_a_kept_demo_takes_events_of_ones_own_and_can_be_looked_into_and_changed(
    folder: Path, demos: list[Demo]
) -> None:
    demo = Demo(folder, "--events", "5000", "--keep")
    demos.append(demo)
    demo.wait_for("Ctrl-C ends it")
    exported = {name: shlex.split(value)[0] for name, value in re.findall(r"export (STREAMER_\w+)=(.+)", demo.text())}
    assert exported.keys() >= {"STREAMER_BROKERS", "STREAMER_REDIS_URL", "STREAMER_POPULATION", "STREAMER_DATA_DIR"}
    assert "STREAMER_CLOCK" not in exported  # time goes by the wall clock, as it does by default
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STREAMER_")} | exported | {"COLUMNS": "120"}
    user = re.findall(r"What (user-\d+) is", demo.text())[0]

    def streamer(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "streamer.cli", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            timeout=60,
            check=False,
        )

    checked = streamer("check")
    assert checked.returncode == 0, checked.stdout
    before = streamer("inspect", user, "--json").stdout
    assert f'"user_id":"{user}"' in before
    said = streamer("emit", "dislike", "ann", "action=block", "scope=tag", "tag=Yoga")
    assert said.returncode == 0, said.stderr
    assert re.search(r"New on the list.*tag yoga +hard +excluded +they said so +undone", said.stdout, re.DOTALL)
    once = streamer("emit", "impression", "ann", "content_id=c1", "tags=cats,dogs", "visible_ms=2400", "position=0")
    assert (once.returncode, "ann's list is as it was. Being shown" in once.stdout) == (0, True), once.stderr
    undone = streamer("emit", "dislike", "ann", "action=undo", "scope=tag", "tag=yoga")
    assert "no more on the list: tag yoga" in undone.stdout, undone.stderr
    value = re.findall(r'"kind":"(?:tag|creator)","value":"([^"]+)","context":null,"tier":"(?:soft|strong)"', before)[0]
    assert "listed: " in streamer("explain", user, value).stdout
    assert "0 written to Redis" in streamer("rebuild-redis").stdout
    assert "Redis: deleted" in streamer("erase", user).stdout
    assert streamer("inspect", user).returncode == 1
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(LIMIT_S) == 0
    assert demo.nothing_left()
    assert list(folder.iterdir()) == []

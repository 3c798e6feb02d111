"""Every command that README.md and docs/ show is run as it stands, but for addresses and the reader's own names."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from streamer.producing import topics
from tests.backends.choose import Kafka, RealRedis
from tests.backends.ports import free_port
from tests.backends.secured import PASSWORDS, SecuredKafka
from tests.deployment import settings_of
from tests.pages import ROOT, Terminal, lines_by_page
from tests.processes import environment_of

ELSEWHERE: Final = {
    "make ": ".ci/run calls `make test` and `make demo`; others take minutes to hours",
    "pip install": ".ci/run installs",
    "npx ": "tests/system/test_node.py",
    "python -m lab": "minutes; tests/unit/lab runs every command small",
    "python examples/": "tests/unit/learning",
    "streamer train": "minutes; tests/unit/learning",
    "streamer responsiveness": "needs what `streamer train` makes",
    "STREAMER_TEST_": "tells `make system` which Redis, `make storm` which seed",
}
"""Beginnings of lines that are not run here, and who runs them, or why nobody does."""


def here(line: str) -> bool:
    return not line.startswith(tuple(ELSEWHERE))


PAGES: Final = {
    page: [line for line in lines if here(line)]
    for page, lines in lines_by_page().items()
    if page != "docs/tutorial.md" and any(map(here, lines))  # the tutorial has a test of its own
}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def terminal(
    page: str, kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Terminal]:
    """Its deployment is its own, with topics made; on the page about protected servers, on a protected Kafka."""
    redis_server.flush()
    port = free_port()
    instead = {
        "localhost:8080": f"localhost:{port}",
        "replay kuairand PATH": f"replay kuairand {ROOT}/tests/fixtures/kuairand",
    }
    instead |= {"kafka:9092": kafka.bootstrap, "redis://redis:6379/0": redis_server.url}
    more: dict[str, object] = {"clock": "wall", "population": True, "labels": True, "service_port": port}
    settings = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, **more)
    environment = environment_of(settings)
    if page == "docs/connect.md":
        secured: SecuredKafka = request.getfixturevalue("secured")
        settings = secured.as_user(settings, "owner")
        environment["STREAMER_SSL_CA"] = str(secured.ca)
        (tmp_path / "password").write_text(PASSWORDS["owner"])
        instead |= {"broker:9093": secured.door("SASL_SSL"), "_USERNAME=streamer": "_USERNAME=owner"}
        instead |= {"/run/secrets/kafka": str(tmp_path / "password")}
    topics.create(settings)
    shown = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs/operations.md").read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "try.toml").write_text(shown[-1].replace('""', f'"{prefix}"'))
    (tmp_path / "deploy/clients").mkdir(parents=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = Terminal(tmp_path, environment | {"PATH": path}, instead)
    yield found
    found.kill()


def test_every_command_that_a_page_shows_runs(page: str, terminal: Terminal) -> None:
    for line in PAGES[page]:
        said = terminal.type(line)
        if shown_once := re.search(r"shown this once: (\S+)", said):
            terminal.type(f"export KEY={shown_once[1]}")
    terminal.close()


def test_nothing_is_left_out_that_no_page_shows() -> None:
    lines = [line for lines in lines_by_page().values() for line in lines]
    assert [left for left in ELSEWHERE if not any(line.startswith(left) for line in lines)] == []

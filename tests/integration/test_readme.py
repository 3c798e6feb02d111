"""The Python examples of README.md and docs/ run as they stand, but for the addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import redis
from msgspec.structs import replace

from streamer.embedded import EmbeddedBroker, EmbeddedRedis
from streamer.scoring import document
from streamer.scoring.document import Document

ROOT: Final = Path(__file__).resolve().parents[2]
README: Final = (ROOT / "README.md").read_text()
DOCUMENT: Final = next(block for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL) if '"schema"' in block)


def examples() -> Iterator[tuple[str, str]]:
    """Every block of Python: where it stands, and its code."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = page.read_text()
        for block in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, block.start()) + 1
            yield f"{page.relative_to(ROOT)}:{line}", block[1]


EXAMPLES: Final = dict(examples())
READ: Final = next(code for where, code in EXAMPLES.items() if where.startswith("README") and "rerank" in code)


@pytest.fixture
def example() -> Document:
    """The document that the README shows, but that its entry has not expired."""
    shown = document.decode(DOCUMENT.replace("\n", "").encode())
    (entry,) = shown.entries
    return replace(shown, entries=(replace(entry, expires_at=4_000_000_000_000),))


@pytest.fixture
def deployed(
    embedded_broker: EmbeddedBroker,
    embedded_redis: EmbeddedRedis,
    example: Document,
    monkeypatch: pytest.MonkeyPatch,
    prefix: str,
) -> str:
    """Settings in the environment, and that document of user u1 in Redis; its URL."""
    monkeypatch.setenv("STREAMER_BROKERS", embedded_broker.bootstrap)
    monkeypatch.setenv("STREAMER_REDIS_URL", embedded_redis.url)
    monkeypatch.setenv("STREAMER_TOPIC_PREFIX", prefix)
    monkeypatch.setenv("STREAMER_DECLARE_TOPICS", "false")
    with redis.Redis.from_url(embedded_redis.url) as client:
        client.set("avoid:u1", document.encode(example))
    return embedded_redis.url


def run(code: str, where: str, redis_url: str) -> None:
    """Runs an example; `assert` in it counts."""
    exec(compile(code.replace("redis://localhost:6379/0", redis_url), where, "exec"), {"__name__": "example"})


@pytest.mark.parametrize("where", EXAMPLES)
def test_every_example_runs(where: str, deployed: str) -> None:
    run(EXAMPLES[where], where, deployed)


def test_the_readme_shows_how_to_emit_and_how_to_read() -> None:
    of_readme = [code for where, code in EXAMPLES.items() if where.startswith("README")]
    assert ["SignalProducer" in code for code in of_readme] == [True, False]
    assert ["AvoidListReader" in code for code in of_readme] == [False, True]


def test_the_example_that_reads_lists_reranks_by_the_document_beside_it(
    deployed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(READ, "README.md", deployed)
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == "c9 0.7"

"""The README's Python examples run as they stand, but for the addresses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import redis
from msgspec.structs import replace

from streamer.embedded import EmbeddedBroker, EmbeddedRedis
from streamer.scoring import document

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
EMIT, READ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
DOCUMENT = next(block for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL) if '"schema"' in block)


def test_the_example_that_emits_events_delivers_them(
    embedded_broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv("STREAMER_BROKERS", embedded_broker.bootstrap)
    monkeypatch.setenv("STREAMER_TOPIC_PREFIX", prefix)
    monkeypatch.setenv("STREAMER_DECLARE_TOPICS", "false")
    exec(compile(EMIT, "README.md", "exec"), {})


def test_the_example_that_reads_lists_reranks_by_the_document_beside_it(
    embedded_redis: EmbeddedRedis, capsys: pytest.CaptureFixture[str]
) -> None:
    example = document.decode(DOCUMENT.replace("\n", "").encode())
    (entry,) = example.entries
    known = replace(example, entries=(replace(entry, expires_at=4_000_000_000_000),))  # the example's has expired
    with redis.Redis.from_url(embedded_redis.url) as client:
        client.set("avoid:u1", document.encode(known))
    exec(compile(READ.replace("redis://localhost:6379/0", embedded_redis.url), "README.md", "exec"), {})
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == "c9 0.7"

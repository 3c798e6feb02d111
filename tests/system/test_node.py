"""A serving tier and a producer that are not Python: Node.js, with the clients that it has for Kafka and Redis."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from streamer.producing import topics
from tests.backends import npm
from tests.backends.choose import Kafka, RealRedis
from tests.backends.ports import NotHere
from tests.deployment import settings_of
from tests.processes import running
from tests.service import serving

ROOT = Path(__file__).parents[2]
READER = ROOT / "examples" / "reader.mjs"


def run(*arguments: str | Path) -> str:
    done = subprocess.run([npm.node(), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def modules() -> Path:
    """Unlike Kafka and Redis, what npm has is not needed for anything to be safe: without it there is no test."""
    try:
        npm.node()
        return npm.modules()
    except NotHere as missing:
        pytest.skip(str(missing))


def test_a_reader_in_javascript_gives_every_penalty_of_the_vectors(modules: Path) -> None:
    assert run(npm.FOLDER / "vectors.mjs", ROOT / "docs" / "reader-vectors.json") == ""


def test_kafkajs_sends_what_counts_and_reads_the_list_that_ioredis_reads(
    modules: Path, kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path
) -> None:
    redis_server.flush()
    settings = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, clock="wall")
    topics.create(settings)
    with running("worker", settings, tmp_path / "w.log"), running("publisher", settings, tmp_path / "p.log"):
        arguments = [settings.brokers, settings.redis_url, settings.topic_prefix, "ann", "loud"]
        found = json.loads(run(npm.FOLDER / "client.mjs", modules, *arguments, READER))
    assert found == {"served": 0, "written": 0, "same": True}


def test_types_made_of_the_contract_serve_a_caller_in_typescript_who_emits_scores_and_is_told_why(
    modules: Path, kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path
) -> None:
    made, clients = modules / "node_modules", ROOT / "deploy" / "clients"
    types = tmp_path / "streamer.d.ts"
    of_contract = [clients / "openapi.json", "--default-non-nullable", "false", "-o", types]
    run(made / "openapi-typescript" / "bin" / "cli.js", *of_contract)
    assert types.read_text() == (clients / "streamer.d.ts").read_text(), "make it anew: docs/service.md"
    options = ["--strict", "--target", "es2022", "--module", "commonjs", "--lib", "es2022,dom", "--outDir", tmp_path]
    run(made / "typescript" / "bin" / "tsc", *options, clients / "example.ts")
    redis_server.flush()
    settings = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path)
    topics.create(settings)
    with serving(settings, tmp_path) as service:
        found = json.loads(run(tmp_path / "example.js", service.url, service.everything, "ann/1"))
    assert (found["accepted"], found["order"]) == (1, [1])
    assert [(entry["target"], entry["why"]) for entry in found["entries"]] == [("tag yoga", "they said so")]

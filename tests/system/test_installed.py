"""The wheel in environments of its own: what a serving tier gets, and what is said where an extra is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest
from redis import Redis

from streamer.clock import wall_ms
from streamer.events import Dislike
from streamer.scoring import document
from streamer.testing import StreamerJob
from tests.backends.choose import RealRedis

pytestmark = pytest.mark.system

ROOT: Final = Path(__file__).parents[2]
READS: Final = """
import sys
from streamer.serving import AvoidListReader, Candidate
with AvoidListReader(sys.argv[1]) as reader:
    avoid = reader.get("u1")
    print(avoid.penalty(Candidate("c1")), avoid.penalty(Candidate("c2")))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    ran(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with the wheel and nothing that nobody asked for."""
    folder = tmp_path_factory.mktemp("bare")
    ran(sys.executable, "-m", "venv", str(folder))
    python = folder / "bin/python"
    ran(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel))
    return python


def ran(*command: str, cwd: Path | None = None, code: int = 0) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_serving_tier_gets_four_packages_and_reads_a_list(bare: Path, redis_server: RealRedis) -> None:
    listed = ran(str(bare), "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check")
    names = {line.partition("==")[0] for line in listed.splitlines()} - {"pip", "setuptools"}
    assert names == {"streamer-avoid-lists", "msgspec", "redis", "hiredis", "xxhash"}
    job = StreamerJob(now_ms=wall_ms())
    job.send(Dislike(user_id="u1", ts=job.now_ms, action="dislike", content_id="c1"))
    found = job.document("u1")
    assert found is not None
    redis_server.flush()
    with Redis.from_url(redis_server.url) as client:
        client.set("avoid:u1", document.encode(found))
    assert ran(str(bare), "-c", READS, redis_server.url) == "0.0 1.0\n"


def test_the_workers_app_is_found_beside_a_package_that_owns_the_name_agents(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as packed:
        packed.extractall(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".dist-info"} == {"streamer"}
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/__init__.py").write_text("WHOSE = 'somebody else'\n")
    code = "import agents; from streamer import agents as ours; print(agents.WHOSE, ours.run_worker.__module__)"
    assert ran(sys.executable, "-c", code, cwd=tmp_path) == "somebody else streamer.agents.app\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("from streamer.producing import SignalProducer", "[producer]"),
        ("from streamer.testing import StreamerJob", "[worker]"),
        ("from streamer.cli import main; main()", "[worker]"),
    ],
)
def test_whoever_lacks_an_extra_is_told_which_one(bare: Path, code: str, told: str) -> None:
    said = ran(str(bare), "-c", code, code=1)
    assert f"is not installed: run  pip install 'streamer-avoid-lists{told}'" in said.splitlines()[-1]

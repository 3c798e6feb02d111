"""State on disk that is lost, damaged or not what it was, between two lives of a worker."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from rocksdict import Options, Rdict

from streamer.engine.state.disk import FORMAT, Meta
from tests.deployment import story_of
from tests.system.faults.deployed import Deploy

IN_FULL = "recovering in full"


def nothing(_partition: Path, _older: Path) -> None:
    """The worker just starts again."""


def deleted(partition: Path, _older: Path) -> None:
    shutil.rmtree(partition)


def overwritten(partition: Path, _older: Path) -> None:
    """Every file but the lock has noise in its middle."""
    for file in partition.iterdir():
        raw = bytearray(file.read_bytes())
        quarter = len(raw) // 4
        raw[quarter : 2 * quarter] = b"\xff" * quarter
        file.write_bytes(raw)


def left_by_a_newer_version(partition: Path, _older: Path) -> None:
    database = Rdict(str(partition), Options(raw_mode=True))
    database[b"m"] = msgspec.msgpack.encode(Meta(FORMAT + 1, 4, 0, None))
    database.close()


def put_back_from_a_backup(partition: Path, older: Path) -> None:
    """As it was at the end of an earlier life."""
    shutil.rmtree(partition)
    shutil.copytree(older, partition)


Harm = Callable[[Path, Path], None]


@pytest.mark.long  # a restart with state on disk is in test_kills.py
@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (nothing, None),
        (deleted, "no local state in"),
        (overwritten, "is deleted ("),
        (left_by_a_newer_version, f"format {FORMAT + 1}"),
        (put_back_from_a_backup, None),
    ],
)
def test_whatever_became_of_the_state_on_disk_between_two_lives_changes_no_document(
    deploy: Deploy, tmp_path: Path, harm: Harm, why: str | None
) -> None:
    """What can be used is brought up to date; what cannot is told, deleted, and recovered in full."""
    deployment = deploy(store="rocksdb")
    settings, story = deployment.settings, story_of(40, 5)
    root = settings.data_dir / settings.group / "state" / settings.topics.state
    feed = deployment.feed(story, shares=3)
    for _ in range(2):
        if root.exists():
            shutil.copytree(root, tmp_path / "older")
        worker = deployment.spawn("worker")
        feed.allow()
        deployment.await_more(worker, len(story.events) // 5)
        worker.kill()
    partitions = sorted(root.iterdir())
    assert len(partitions) == settings.partitions
    for partition in partitions:
        harm(partition, tmp_path / "older" / partition.name)
    worker = deployment.spawn("worker")
    feed.allow()
    deployment.await_owner(worker)
    told = [line for line in worker.tail(500).splitlines() if IN_FULL in line]
    assert len(told) == (0 if why is None else len(partitions)), told
    assert all((why or "") in line for line in told)
    deployment.finish(story, feed, worker, None)

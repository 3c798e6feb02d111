"""From events in real Kafka to training examples in files, as the job in memory has them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from streamer.embedded.child import Child
from streamer.engine.kafka.scan import scanner
from streamer.events import DAY_MS, Erasure
from streamer.learning.examples.export import Export, Summary
from streamer.learning.examples.folder import read_manifest
from streamer.producing import SignalProducer, topics
from streamer.settings import Settings
from streamer.testing import StreamerJob
from tests.deployment import NOW, city_of
from tests.processes import HANGS_AFTER_S, Progress, start, wait_for

Row = tuple[str, int, str, float]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    found = settings.model_copy(update={"labels": True})
    topics.create(found)
    return found


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Child]:
    child = start("worker", settings, tmp_path / "worker.log")
    yield child
    child.kill()


def exported(settings: Settings, out: Path) -> Summary:
    async def run() -> Summary:
        async with scanner(settings, settings.topics.labels) as reader:
            return await Export(settings, out).run(reader)

    return asyncio.run(run())


def rows_in(out: Path) -> list[Row]:
    columns = ("user_id", "start", "content_id", "weight")
    tables = [pq.ParquetFile(out / name).read(columns) for name in read_manifest(out).files]
    return sorted(row for table in tables for row in zip(*(table[c].to_pylist() for c in columns), strict=True))


def test_labels_reach_the_files_as_the_job_in_memory_has_them_and_erased_users_leave_them(
    settings: Settings, source: Progress, worker: Child, prefix: str, tmp_path: Path
) -> None:
    events = city_of(prefix)
    job = StreamerJob(settings)
    job.send(*(event for _, event in events))
    job.advance(86_400)
    gone = job.labels[0].user_id
    everything = sorted(
        (label.user_id, label.start, example.content_id, example.weight)
        for label in job.labels
        for example in label.examples
    )
    with SignalProducer(settings) as producer:
        for _, event in events:
            producer.send(event)
        producer.watermark(NOW + DAY_MS)
    wait_for("all events are committed", source.done, worker)
    out = tmp_path / "labels"
    assert exported(settings, out).examples == len(everything)
    assert rows_in(out) == everything
    with SignalProducer(settings) as producer:
        producer.erase(gone, NOW + DAY_MS)
    job.send(Erasure(gone, NOW + DAY_MS))
    wait_for("the erasure is committed", source.done, worker)
    assert exported(settings, out).erased > 0
    assert rows_in(out) == [row for row in everything if row[0] != gone]
    assert gone not in {label.user_id for label in job.labels}
    assert worker.stop(HANGS_AFTER_S) == 0, worker.tail()

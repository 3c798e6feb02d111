"""Labels on topics in memory, and what an export of them holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from streamer.engine.kafka.producer import NewRecord
from streamer.events import DAY_MS, Erasure, encode
from streamer.learning.examples.export import Export, Summary
from streamer.learning.examples.folder import read_manifest
from streamer.profile import Label
from streamer.profile import labels as labels_of_profile
from streamer.profile.labels import Example
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker, MemoryScanner

SETTINGS: Final = Settings(labels=True, partitions=1)
DAY_0: Final = 20_000 * DAY_MS


def example(content_id: str = "c", **more: object) -> Example:
    """An example; what is not told is as of an item that was watched."""
    fields: dict[str, object] = {
        "creator_id": "a", "tags": ("x",), "media": "video", "duration_s": 60.0, "first": DAY_0, "daypart": "morning",
        "device": None, "position": 0, "propensity": 1.0, "clicked": False, "started": True, "completion": 1.0,
        "band": "loved", "watch_score": 1.0, "outcome": "engaged", "signals": {"impression": 0.01, "watch": 0.6},
        "weight": 0.61, "confidence": 25.4, "ips_weight": None,
    }  # fmt: skip
    return Example(content_id=content_id, **{**fields, **more})  # type: ignore[arg-type]


def label(user_id: str, start: int, *examples: Example, session_id: str | None = None, part: int = 0) -> Label:
    return Label(
        schema=1, user_id=user_id, session_id=session_id, start=start, last=start + 60_000, cohort=None, part=part,
        parts=part + 1, examples=examples or (example(first=start),),
    )  # fmt: skip


class Told:
    """A broker in memory with labels and erasures, and a folder that they are exported to."""

    def __init__(self, out: Path) -> None:
        self.broker = MemoryBroker()
        self.out = out

    def tell(self, *labels: Label) -> None:
        records = [NewRecord(each.user_id.encode(), labels_of_profile.encode(each), ()) for each in labels]
        self.broker.append(SETTINGS.topics.labels, records)

    def forgotten(self, user_id: str) -> None:
        """A worker says that it has forgotten a user."""
        self.broker.append(SETTINGS.topics.labels, [NewRecord(user_id.encode(), None, ())])

    def ask_to_forget(self, user_id: str, ts: int) -> None:
        request = encode(Erasure(user_id, ts))
        self.broker.append(SETTINGS.topics.erasures, [NewRecord(user_id.encode(), request, ())])

    def export(self, examples_held: int = 5) -> Summary:
        run = Export(SETTINGS, self.out, examples_held=examples_held)
        return asyncio.run(run.run(MemoryScanner(self.broker)))

    def rows(self) -> list[tuple[str, int, str]]:
        """(user, start, content) of every row, in no order that means anything, so sorted."""
        return sorted(rows_of(self.tables()))

    def tables(self) -> Iterable[pa.Table]:
        return [pq.ParquetFile(self.out / name).read() for name in read_manifest(self.out).files]


def rows_of(tables: Iterable[pa.Table]) -> list[tuple[str, int, str]]:
    columns = ("user_id", "start", "content_id")
    return [row for table in tables for row in zip(*(table[name].to_pylist() for name in columns), strict=True)]

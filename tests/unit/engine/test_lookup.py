"""A user's saved state is found, wherever it was saved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping

import pytest

from streamer.engine.kafka.scan import Extent, Scanned
from streamer.engine.state.lookup import profile_in, saved_in
from streamer.events import Dislike, Erasure
from streamer.partitioning import partition_of
from streamer.profile import Rules
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker
from streamer.testing.worker import finished
from tests.unit.memory_job import MemoryJob

NOW = 1_760_000_000_000
SETTINGS = Settings(partitions=3)


class Reader:
    """Partitions that are brokers of their own."""

    def __init__(self, brokers: Mapping[int, MemoryBroker]) -> None:
        self._brokers = brokers

    async def extents(self, topic: str, partitions: Iterable[int]) -> dict[int, Extent]:
        return {p: Extent(self._brokers[p].begins[topic], len(self._brokers[p].logs[topic])) for p in partitions}

    async def scan(self, topic: str, begin: Mapping[int, int]) -> AsyncIterator[Scanned]:
        for partition, first in begin.items():
            records = self._brokers[partition].logs[topic][first:]
            yield Scanned(partition, records, len(records), len(records))


def job(*events: Dislike | Erasure) -> MemoryJob:
    made = MemoryJob(Settings(), NOW)
    for event in events:
        made.produce("dislikes" if isinstance(event, Dislike) else "erasures", event)
    made.run()
    made.checkpoint()
    return made


@pytest.mark.parametrize("elsewhere", [1, 2])
def test_an_erasure_s_time_at_home_does_not_hide_what_is_known_elsewhere(elsewhere: int) -> None:
    home = partition_of("ann", SETTINGS.partitions, SETTINGS.partitioner)
    said = Dislike(user_id="ann", ts=NOW - 5, action="block", scope="creator", creator_id="k")
    jobs = {partition: job(Erasure("ann", NOW - 10)) for partition in range(SETTINGS.partitions)}
    jobs[(home + elsewhere) % SETTINGS.partitions] = job(Erasure("ann", NOW - 10), said)
    store = finished(saved_in(Reader({p: made.broker for p, made in jobs.items()}), SETTINGS, "ann"))
    assert store is not None
    document = profile_in(store, "ann", Rules(SETTINGS)).document()
    assert document is not None
    assert document.avoid.creators == ("k",)


def test_of_whom_there_is_nothing_but_erasures_nothing_is_found() -> None:
    jobs = {partition: job(Erasure("ann", NOW - 10)) for partition in range(SETTINGS.partitions)}
    reader = Reader({p: made.broker for p, made in jobs.items()})
    assert finished(saved_in(reader, SETTINGS, "ann")) is None

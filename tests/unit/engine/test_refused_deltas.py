"""A change that the changelog does not take, for its size: the population hears of it when the changelog has it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from streamer.engine.kafka.producer import NewRecord, Sent
from streamer.engine.state.untold import Untold
from streamer.events import DAY_MS, Erasure, Impression
from streamer.population.user_delta import UserDelta, decode_saved
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker, MemoryProducer
from tests.unit.engine.test_partition import NOW
from tests.unit.memory_job import MemoryJob

SETTINGS = Settings(clock="events", population=True, population_share=1.0)
BEGIN = NOW - 20 * DAY_MS


class _Refused:
    def __await__(self) -> Generator[None, None, Any]:
        yield
        raise MessageSizeTooLargeError


class Refusing(MemoryProducer):
    """Of a broker that refuses a batch in which a record with this key stands, as if it were too large.

    Attributes:
        key: None: it takes everything.
    """

    key: bytes | None = None

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        batch = [entry for group in groups for entry in group]
        if self.key is not None and self.key in {entry.key for entry in batch}:
            return [Sent(_Refused(), len(batch))]
        return await super().send(topic, partition, [batch])


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> MemoryJob:
    monkeypatch.setattr("streamer.testing.worker.MemoryProducer", Refusing)
    monkeypatch.setattr(Refusing, "key", None)
    return MemoryJob(SETTINGS, NOW)


def see(job: MemoryJob, user: str, day: int) -> None:
    """Two showings of a tag of its own, whose session then seals and is saved."""
    for second in (0, 10):
        ts = BEGIN + day * DAY_MS + 1000 * second
        shown = Impression(user_id=user, ts=ts, content_id=f"c{second}", visible_ms=5000, tags=(f"tag-{day}",))
        job.produce("impressions", shown)
    seal(job, day)


def seal(job: MemoryJob, day: int) -> None:
    job.watermark(BEGIN + (day + 1) * DAY_MS)
    job.run()
    job.checkpoint()


def tags(job: MemoryJob) -> dict[str, int]:
    return {tag: sums.users for tag, sums in job.population.tags.items() if sums.users}


def test_it_is_not_told_before_and_is_told_once_then(job: MemoryJob, monkeypatch: pytest.MonkeyPatch) -> None:
    see(job, "ann", 0)
    monkeypatch.setattr(Refusing, "key", b"h|ann")
    see(job, "ann", 2)
    job.checkpoint()
    job.checkpoint()
    assert tags(job) == {"tag-0": 1}
    monkeypatch.setattr(Refusing, "key", None)
    see(job, "ann", 4)
    job.checkpoint()
    assert tags(job) == {"tag-0": 1, "tag-2": 1, "tag-4": 1}
    job.start()
    job.checkpoint()
    assert tags(job) == {"tag-0": 1, "tag-2": 1, "tag-4": 1}


def test_others_of_the_same_checkpoint_are_told(job: MemoryJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Refusing, "key", b"h|ann")
    see(job, "bob", 0)
    for user in ("ann", "cid"):
        shown = Impression(user_id=user, ts=BEGIN + 3 * DAY_MS, content_id="c", visible_ms=5000, tags=(user,))
        job.produce("impressions", shown)
        job.produce(
            "impressions", Impression(user_id=user, ts=BEGIN + 3 * DAY_MS + 9000, content_id="d", visible_ms=5000)
        )
    seal(job, 4)
    job.checkpoint()
    assert tags(job) == {"tag-0": 1, "cid": 1}


def test_a_restart_before_forgets_it_everywhere(job: MemoryJob, monkeypatch: pytest.MonkeyPatch) -> None:
    see(job, "ann", 0)
    monkeypatch.setattr(Refusing, "key", b"h|ann")
    see(job, "ann", 2)
    job.start()
    monkeypatch.setattr(Refusing, "key", None)
    job.run()
    job.checkpoint()
    job.checkpoint()
    assert tags(job) == {"tag-0": 1}


def test_an_erasure_before_leaves_nothing_of_it(job: MemoryJob, monkeypatch: pytest.MonkeyPatch) -> None:
    see(job, "ann", 0)
    monkeypatch.setattr(Refusing, "key", b"h|ann")
    see(job, "ann", 2)
    monkeypatch.setattr(Refusing, "key", None)
    job.produce("erasures", Erasure("ann", BEGIN + 3 * DAY_MS))
    job.run()
    job.checkpoint()
    job.checkpoint()
    assert tags(job) == {}


def test_what_is_given_back_is_not_told_and_the_rest_is_as_the_changelog_has_it() -> None:
    untold, found = Untold(), Untold()
    deltas = {user: UserDelta(first=[user]) for user in ("ann", "bob", "cid")}
    saved = dict(untold.save(deltas, []))
    assert untold.refuse(["ann", "nobody"]) == {"ann": deltas["ann"]}
    for user in ("bob", "cid"):
        found.found(user, saved[user])
    assert [(number, set(told.tags)) for number, told in untold] == [(1, {"bob", "cid"})]
    assert [(number, set(told.tags)) for number, told in found] == [(1, {"bob", "cid"})]


def test_a_number_of_which_nothing_is_left_is_given_again() -> None:
    untold = Untold()
    untold.save({"ann": UserDelta(first=["ann"])}, [])
    untold.refuse(["ann"])
    assert (list(untold), untold.take()) == ([], [])
    ((_, again),) = untold.save({"bob": UserDelta(first=["bob"])}, [])
    assert decode_saved(again).number == 1

"""What is left of an erased user is told, from when it is asked for until it is done, and nothing else is."""

from __future__ import annotations

import pytest

from streamer.engine.state.letting_go import LettingGo
from streamer.engine.state.position import term_of
from streamer.events import Dislike, Erasure, Impression
from streamer.settings import Settings
from streamer.testing.broker import MemoryScanner
from streamer.testing.worker import finished
from tests.unit.memory_job import MemoryJob

NOW = 1_760_000_000_000
SETTINGS = Settings(partitions=1)
WAITING = "streamer-state: no worker has erased the user in partition 0 yet"
SESSIONS = "streamer-journal: still open sessions in partition 0"
DOCUMENT = "avoid-lists: still a document in partition 0"


@pytest.fixture
def job() -> MemoryJob:
    """Somebody is known: state, an open session, a document."""
    made = MemoryJob(SETTINGS, NOW)
    live(made, NOW - 10)
    return made


def live(job: MemoryJob, ts: int) -> None:
    """Ann does something, and it is saved."""
    job.produce("impressions", Impression(user_id="ann", ts=ts, content_id="c", visible_ms=5000))
    job.produce("dislikes", Dislike(user_id="ann", ts=ts, action="block", scope="creator", creator_id="c"))
    job.run()
    job.checkpoint()


def asked(job: MemoryJob, user: str = "ann") -> LettingGo:
    found = LettingGo(SETTINGS, user)
    finished(found.begin(MemoryScanner(job.broker)))
    return found


def left(job: MemoryJob, letting_go: LettingGo, ts: int = NOW) -> list[str]:
    finished(letting_go.read_on(MemoryScanner(job.broker)))
    return letting_go.left(ts)


def test_what_is_left_is_told_until_it_is_saved_that_it_is_gone(job: MemoryJob) -> None:
    letting_go = asked(job)
    assert left(job, letting_go) == [WAITING, SESSIONS, DOCUMENT]
    job.produce("erasures", Erasure("ann", NOW))
    job.run()
    job.settle()
    assert left(job, letting_go) == [WAITING, SESSIONS]
    assert letting_go.tombstone is not None
    assert letting_go.tombstone.offset == len(job.outbox) - 1
    assert letting_go.tombstone.term == term_of(job.outbox[-1].headers) > 0
    job.checkpoint()
    assert left(job, letting_go) == []
    assert left(job, asked(job)) == []


def test_what_came_after_the_erasure_is_nothing_left(job: MemoryJob) -> None:
    letting_go = asked(job)
    job.produce("erasures", Erasure("ann", NOW))
    live(job, NOW + 10)
    assert left(job, letting_go) == []
    assert "ann" in job.written()


def test_what_is_newer_than_the_erasure_and_was_saved_before_it_is_nothing_left(job: MemoryJob) -> None:
    live(job, NOW + 10)
    letting_go = asked(job)
    assert left(job, letting_go) == [WAITING, SESSIONS, DOCUMENT]
    job.produce("erasures", Erasure("ann", NOW))
    job.run()
    job.checkpoint()
    assert left(job, letting_go) == []
    assert "ann" in job.written()


def test_of_an_unknown_user_nothing_is_left_once_the_worker_says_so(job: MemoryJob) -> None:
    letting_go = asked(job, "bob")
    assert left(job, letting_go) == [WAITING]
    job.produce("erasures", Erasure("bob", NOW))
    job.run()
    job.checkpoint()
    assert left(job, letting_go) == []


def test_an_earlier_erasure_is_none_of_later_events_but_one_of_later_time_counts(job: MemoryJob) -> None:
    job.produce("erasures", Erasure("ann", NOW - 5))
    live(job, NOW - 3)
    assert left(job, asked(job)) == [WAITING, SESSIONS, DOCUMENT]
    job.produce("erasures", Erasure("ann", NOW + 100))
    job.run()
    job.checkpoint()
    assert left(job, asked(job)) == []


def test_a_part_that_an_erasure_missed_is_told(job: MemoryJob) -> None:
    letting_go = asked(job)
    job.store.put("ann", "w", None)  # so the worker does not know what the changelog has
    job.produce("erasures", Erasure("ann", NOW))
    job.run()
    job.checkpoint()
    assert left(job, letting_go) == ["streamer-state: partition 0 still has the parts w"]

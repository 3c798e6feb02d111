"""Writing a changelog again whose beginning was deleted: what is written, and when it is enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streamer.engine.kafka.records import Record
from streamer.engine.metrics import Metrics
from streamer.engine.partition.assigned import AssignedPartition, WorkerContext
from streamer.engine.state.changelog import ChangelogWriter
from streamer.engine.state.rewriting import rewrite
from streamer.engine.state.store import ERASED, MARK_VERSION, Mark, MemoryStore
from streamer.events import DAY_MS, Dislike, Erasure
from streamer.profile import Rules
from streamer.settings import Settings
from streamer.testing.broker import MemoryBroker, MemoryConsumer, MemoryProducer
from tests.unit.memory_job import MemoryJob

NOW = 20_400 * DAY_MS
STATE = "streamer-state"


def store_of(*users: str, end: int = 0) -> MemoryStore:
    store = MemoryStore()
    for user in users:
        store.put(user, "h", b"1")
    store.saved((), end, Mark(MARK_VERSION, 5, {}, 0))
    return store


def test_what_is_deleted_before_the_rewritten_state_does_not_make_it_be_written_again() -> None:
    """A broker that goes on deleting its oldest records, as the embedded one does:

    before     [0 ......... 90)     the checkpoints until now
    rewritten        [90 .. 93)     ann, bob and the mark: all there is
    """
    broker, settings = MemoryBroker(), Settings()
    store, changelog = store_of("ann", "bob", end=90), broker.logs[STATE]
    broker.logs[STATE] += [Record(offset, b"other", None, 0) for offset in range(90)]
    context = WorkerContext.on(
        settings, Rules(settings), Metrics(), MemoryProducer(broker), MemoryConsumer(broker, lambda: NOW), lambda: NOW
    )
    assigned = AssignedPartition(0, context)
    assigned.recovered(store, 100)

    def written_when_it_begins_at(begin: int) -> int:
        before = len(changelog)
        asyncio.run(assigned.rewrite(begin))
        return len(changelog) - before

    assert written_when_it_begins_at(0) == 0
    assert written_when_it_begins_at(1) == 3
    assert store.mark is not None
    assert store.mark.changelog_begin == store.changelog_begin == 90
    assert written_when_it_begins_at(89) == written_when_it_begins_at(90) == 0
    assert written_when_it_begins_at(91) == 3


def test_a_crash_after_a_rewrite_does_not_undo_an_erasure_that_was_not_saved() -> None:
    job = MemoryJob(Settings(), NOW)
    for user in ("u", "v"):
        job.produce("dislikes", Dislike(user_id=user, ts=NOW - DAY_MS, action="dislike", content_id="c"))
    job.run()
    job.checkpoint()
    job.produce("erasures", Erasure(user_id="u", ts=NOW))
    job.run()
    saved = len(job.changelog)
    asyncio.run(rewrite(0, job.store, job.worker.context.changelog, 1, job.processor.erasures.unsaved))
    keys = [record.key for record in job.changelog[saved:]]
    assert b"h|v" in keys
    assert not [key for key in keys if key is not None and key.endswith(b"|u")]
    job.start()
    job.run()
    job.checkpoint()
    assert set(job.store.parts("u")) == {ERASED}


def test_a_partition_that_goes_does_not_wait_for_the_rest_of_a_rewrite() -> None:
    broker = MemoryBroker()
    store = store_of(*map(str, range(1200)), end=5000)
    chunks = iter([False, False, True])
    is_leaving: Callable[[], bool] = lambda: next(chunks)  # noqa: E731
    changelog = ChangelogWriter(MemoryProducer(broker), STATE)
    asyncio.run(rewrite(0, store, changelog, 1, is_leaving=is_leaving))
    assert len(broker.logs[STATE]) == 1000
    assert store.changelog_begin == 0

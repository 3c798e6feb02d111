"""In whose term documents are written, and what happens to an outbox that is another log than before."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from streamer.engine.kafka.producer import NewRecord
from streamer.engine.state.changelog import MARK_KEY
from streamer.engine.state.position import Position, term_of
from streamer.engine.state.store import MARK_VERSION, WRITTEN, Mark, decode_mark, encode_mark
from streamer.errors import OutboxReplaced
from streamer.events import Dislike, Erasure
from streamer.scoring.document import encode
from streamer.settings import Settings
from tests.avoid_lists import document
from tests.unit.memory_job import MemoryJob

NOW: Final = 1_760_000_000_000
OUTBOX: Final = "avoid-lists"


def block(user: str, creator: str = "c", ts: int = NOW) -> Dislike:
    return Dislike(user_id=user, ts=ts, action="block", scope="creator", creator_id=creator)


def job_of(*users: str) -> MemoryJob:
    """A job in which these users have a saved document."""
    job = MemoryJob(Settings(), NOW)
    for user in users:
        job.produce("dislikes", block(user))
    job.run()
    job.checkpoint()
    return job


def terms(job: MemoryJob) -> list[int]:
    job.settle()
    return [term_of(record.headers) for record in job.outbox]


def remake(job: MemoryJob) -> None:
    """Deletes the outbox, and makes a topic of the same name."""
    job.logs[OUTBOX].clear()


# --- terms ------------------------------------------------------------------------------------------------------------


def test_every_document_says_in_which_term_it_was_written() -> None:
    job = job_of("ann", "bob")
    job.produce("erasures", Erasure(user_id="ann", ts=NOW + 1))
    job.run()
    assert terms(job) == [NOW, NOW, NOW]


def test_a_successor_s_term_is_later_even_if_its_clock_is_not() -> None:
    job = job_of("ann")
    job.now_ms -= 60_000
    job.start()
    job.produce("dislikes", block("bob", ts=job.now_ms))
    job.run()
    assert terms(job) == [NOW, NOW + 1]


def test_the_term_of_documents_after_the_last_checkpoint_counts() -> None:
    job = job_of()
    job.start()
    job.produce("dislikes", block("ann"))
    job.run()
    job.settle()
    job.start()
    job.produce("dislikes", block("bob"))
    job.run()
    first, *_, last = terms(job)
    assert last > first


@pytest.mark.parametrize(
    ("headers", "term"),
    [
        ([("term", b"17")], 17),
        ([], 0),
        ([("term", b"-1")], 0),
        ([("term", b"")], 0),
        ([("term", b"\xff")], 0),
        ([("term", b"9" * 400)], 0),
        ([("term", str(2**53).encode())], 0),
        ([("term", str(2**53 - 1).encode())], 2**53 - 1),
    ],
)
def test_a_term_is_a_number_that_redis_can_compare(headers: list[tuple[str, bytes]], term: int) -> None:
    assert term_of(headers) == term


def test_a_position_is_after_another_by_term_then_partition_then_offset() -> None:
    in_order = [Position(1, 0, 9), Position(1, 1, 0), Position(2, 0, 0), Position(2, 0, 1)]
    for at, position in enumerate(in_order):
        assert [position.is_after(other) for other in in_order] == [n < at for n in range(4)]


def test_a_position_without_a_term_counts_as_of_the_other_s_in_its_partition_only() -> None:
    assert Position(0, 1, 5).is_after(Position(7, 1, 4))
    assert not Position(0, 1, 5).is_after(Position(7, 1, 5))
    assert not Position(0, 2, 5).is_after(Position(7, 1, 4))


# --- the mark ---------------------------------------------------------------------------------------------------------


def test_a_mark_from_before_terms_is_read() -> None:
    stored = msgspec.msgpack.encode((2, 5, {"plays": 3}, 7, 1, "ab", 9, 4, "g"))
    mark = decode_mark(stored)
    assert mark == Mark(2, 5, {"plays": 3}, 7, 1, "ab", 9, 4, "g")
    assert (mark.told, mark.term) == (0, 0)


def test_after_a_worker_from_before_terms_the_next_one_is_later_than_all_it_finds() -> None:
    job = job_of("ann")
    old = Mark(MARK_VERSION, 5, {}, 0, partitions=1, group="streamer")
    job.broker.append("streamer-state", [NewRecord(MARK_KEY, encode_mark(old))])
    job.now_ms -= 60_000
    job.start()
    assert job.store.outbox.term == NOW + 1


# --- another log ------------------------------------------------------------------------------------------------------


def test_an_outbox_made_anew_gets_every_document_again() -> None:
    job = job_of("ann", "bob")
    before = job.written()
    remake(job)
    job.now_ms += 1000
    job.start()
    job.run()
    assert job.written() == before
    assert set(terms(job)) == {NOW + 1000}
    job.checkpoint()
    count = len(job.outbox)
    job.start()
    job.run()
    assert len(job.outbox) == count  # and only once


def test_whenever_the_worker_ends_meanwhile_an_outbox_made_anew_gets_every_document() -> None:
    for write in range(1, 12):
        job = job_of("ann", "bob", "eve")
        before = job.written()
        remake(job)
        job.broker.lose()
        job.crash_after(write)
        if job.survives(lambda: (job.start(), job.run(), job.checkpoint())):  # noqa: B023 - done within the loop
            assert write > 5
        job.run()
        job.checkpoint()
        assert job.written() == before, write


def test_a_tombstone_that_is_due_is_written_to_the_new_outbox_too() -> None:
    job = job_of("ann")
    job.produce("dislikes", Dislike(user_id="ann", ts=NOW + 1, action="undo", scope="creator", creator_id="c"))
    job.run()
    job.settle()
    assert job.outbox[-1].value is None  # after the checkpoint: the state still has the document
    remake(job)
    job.start()
    job.run()
    job.settle()
    assert [(record.key, record.value) for record in job.outbox] == [(b"ann", None)]


def test_a_worker_notices_that_its_documents_go_to_another_log_and_the_next_one_writes_all_again() -> None:
    job = job_of("ann", "bob")
    remake(job)
    job.produce("dislikes", block("ann", "d", NOW + 1))
    job.run()
    with pytest.raises(OutboxReplaced, match=r"avoid-lists\[0\] is another log than before.*Restart"):
        job.checkpoint()
    job.broker.append(OUTBOX, [NewRecord(b"x", None)] * 99)  # its end does not tell any more
    job.start()
    job.run()
    assert set(job.written()) == {"ann", "bob"}
    assert len(job.written()["ann"].entries) == 2


def test_an_outbox_that_has_only_grown_is_the_same() -> None:
    job = job_of("ann")
    job.broker.append(OUTBOX, [NewRecord(b"eve", encode(document(user_id="eve")))])
    job.start()
    job.run()
    assert len(job.outbox) == 2
    assert job.store.part("eve", WRITTEN) is not None

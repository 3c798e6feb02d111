"""What the journal holds of users who are not decoded: one packed record says as much as all that were appended."""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from streamer.engine.state.journal import Journal
from streamer.engine.state.loading import load_profile
from streamer.engine.state.store import PartitionStore
from streamer.profile import Rules
from streamer.profile.state import JOURNAL_BYTES
from tests.unit.engine.test_partition import BY_EVENTS, DAY0, HOUR, NOW, WALL, impression
from tests.unit.memory_job import MemoryJob

MINUTE: Final = 60_000


def visited(job: MemoryJob, user: str, minutes: int) -> None:
    """One more item seen, saved; whoever is not this user is not decoded afterwards, if one user may be."""
    job.produce("impressions", impression(user, DAY0 + minutes * MINUTE, f"c{minutes}"))
    job.watermark(DAY0 + minutes * MINUTE)
    job.run()
    job.checkpoint()


def open_items(store: PartitionStore, user: str) -> list[list[str]]:
    profile = load_profile(user, Rules(BY_EVENTS), store.parts(user), store.journal.records(user))
    return [sorted(session.interactions) for session in profile.sessions]


def test_one_record_stands_for_all_once_a_user_is_not_decoded() -> None:
    job = MemoryJob(BY_EVENTS, NOW, hot_users=1)
    for minutes in range(5):
        visited(job, "u", minutes)
    assert len(job.store.journal.records("u")) == 5
    visited(job, "v", 5)
    assert len(job.store.journal.records("u")) == 1
    assert open_items(job.store, "u") == [["c0", "c1", "c2", "c3", "c4"]]
    assert sum(record.key == b"u" for record in job.journal) == 5, "the topic keeps what was appended"


def test_a_session_that_another_took_in_is_not_back_when_the_user_is_decoded_again() -> None:
    """The snapshot of the epoch still has it."""
    job = MemoryJob(BY_EVENTS, NOW, hot_users=1)
    for minutes in (0, 300, 350):
        job.produce("impressions", impression("u", DAY0 + minutes * MINUTE, f"c{minutes}"))
    job.watermark(DAY0 + 350 * MINUTE)
    job.run()
    job.checkpoint()
    assert "s" in job.store.parts("u")
    assert open_items(job.store, "u") == [["c300"], ["c350"]]
    visited(job, "u", 325)
    visited(job, "v", 351)
    assert len(job.store.journal.records("u")) == 1
    assert open_items(job.store, "u") == [["c300", "c325", "c350"]]
    visited(job, "u", 352)
    job.start()
    assert open_items(job.store, "u") == [["c300", "c325", "c350", "c352"]]


def test_what_a_restart_has_to_read_is_bounded_though_its_user_is_merged_again_and_again() -> None:
    job = MemoryJob(WALL, NOW, hot_users=1)
    name = "x" * 250
    epochs = 0
    appended = longest = 0
    for number in range(700):
        for user in ("u", "v"):
            job.produce("impressions", impression(user, NOW - HOUR + number * 1000, f"{name}{number % 20}"))
            job.run()
            job.checkpoint()
        now = job.store.journal.appended("u")
        epochs += now < appended
        appended, longest = now, max(longest, now)
    assert epochs >= 2
    assert longest < 2 * JOURNAL_BYTES


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=40), st.sets(st.integers(0, 39)))
def test_records_come_out_as_they_went_in_packed_or_not(raws: list[bytes], merges: set[int]) -> None:
    journal, expected = Journal(), list[bytes]()
    for number, raw in enumerate(raws):
        journal.add("u", raw, number)
        expected.append(raw)
        if number in merges:
            journal.merge("u", whole := b"".join(expected))
            expected = [whole]
    assert list(journal.records("u")) == expected
    assert journal.appended("u") == sum(map(len, raws))
    assert list(journal.carry("u")) == expected
    journal.drop("u")
    assert (journal.size, journal.begin, journal.appended("u")) == (0, None, 0)


def test_much_of_the_same_takes_little_room() -> None:
    journal = Journal()
    for number in range(100):
        journal.add("u", b"session tags creator %05d" % number * 8, number)
    assert journal.size < journal.appended("u") / 2

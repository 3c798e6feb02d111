"""The journal of open sessions: what a restart reads of it, from where, and that no crash between writes shows."""

from __future__ import annotations

import copy

import msgspec
import pytest

from streamer.engine.kafka.records import Record
from streamer.engine.partition import processor as partition
from streamer.engine.state.changelog import deadline_of
from streamer.engine.state.journal import Journal, epoch_of
from streamer.engine.state.loading import load_profile
from streamer.engine.state.recovery import JournalReplay
from streamer.engine.state.store import ERASED, MARK_VERSION, Mark, MemoryStore, PartitionStore, decode_mark
from streamer.events import DAY_MS, Erasure
from streamer.profile import Profile, Rules
from streamer.settings import Settings
from tests.unit.engine.test_partition import BY_EVENTS, DAY0, HOUR, NOW, WALL, dislike, filled, impression, small_city
from tests.unit.memory_job import NAMES, MemoryJob

EVENTS = small_city(users=3, days=3, seed=5)


def journalled(store: PartitionStore) -> dict[str, list[bytes]]:
    return {user: list(store.journal.records(user)) for user in store.journal}


def replayed(job: MemoryJob, begin: int) -> MemoryStore:
    """What recovery finds if the journal is read from another offset than the mark's."""
    store = MemoryStore()
    store.journal.end = None
    job.bring_up_to_date(store)
    for user in list(store.journal):
        store.journal.drop(user)
    replay = JournalReplay(store)
    for record in job.journal[begin:]:
        replay.apply(record)
    return store


def rounds(job: MemoryJob, count: int) -> None:
    """So many slices of some events of each topic, each saved."""
    for _ in range(count):
        for name in NAMES:
            job.fetch(name, 12)
        job.process()
        job.checkpoint()


# --- what is written ----------------------------------------------------------------------------------------------


def test_an_open_session_is_appended_to_the_journal_and_leaves_the_changelog_alone() -> None:
    job = MemoryJob(WALL, NOW)
    job.produce("impressions", impression("u", NOW - HOUR))
    job.run()
    job.checkpoint()
    assert [record.key for record in job.changelog] == [b"@"]
    [record] = job.journal
    assert (record.key, epoch_of(record.value or b""), deadline_of(record)) == (
        b"u",
        0,
        job.processor.users.deadlines.get("u"),
    )


def test_a_seal_gives_up_the_users_records_and_the_journal_begins_after_them() -> None:
    job = MemoryJob(BY_EVENTS, NOW)
    for i in range(3):
        job.produce("impressions", impression("u", DAY0 + i * 1000, f"c{i}"))
        job.watermark(DAY0 + i * 1000)
        job.run()
        job.checkpoint()
    assert job.store.journal.begin == 0
    job.produce("dislikes", dislike("v", DAY0 + 5 * HOUR))
    job.watermark(DAY0 + 5 * HOUR)
    job.run()
    job.checkpoint()
    assert list(job.store.journal) == ["v"]
    assert job.store.mark is not None and job.store.mark.journal_begin == job.store.journal.begin == 3


def test_the_journal_begins_with_the_oldest_open_session_though_newer_ones_go_on() -> None:
    journal = Journal()
    for user in ("idle", "busy"):
        journal.add(user, user.encode())
    assert journal.begin is None
    for offset, user in enumerate(("idle", "busy")):
        journal.place(user, offset)
    journal.add("busy", b"more", 2)
    assert (journal.begin, journal.records("busy"), journal.size) == (0, [b"busy", b"more"], 12)
    journal.drop("idle")
    assert journal.begin == 1
    journal.drop("busy")
    assert (journal.begin, len(journal), journal.size) == (None, 0, 0)


def test_a_session_saved_whole_after_it_took_in_another_is_there_after_a_restart() -> None:
    """A seal numbers open sessions anew: what they took in before went by other numbers, one of them now its own."""
    job = MemoryJob(BY_EVENTS, NOW)
    for minutes in (350, 0, 300, 325):  # the last makes one session of two, the third and the first
        job.produce("impressions", impression("u", DAY0 + minutes * 60_000, f"c{minutes}"))
    job.watermark(DAY0 + 350 * 60_000)
    job.run()
    job.checkpoint()
    assert "s" in job.store.parts("u")
    [session] = load_profile("u", Rules(BY_EVENTS), job.store.parts("u"), job.store.journal.records("u")).sessions
    assert sorted(session.interactions) == ["c300", "c325", "c350"]


# --- what is read -------------------------------------------------------------------------------------------------


def half_done() -> MemoryJob:
    job = filled(BY_EVENTS, EVENTS)
    rounds(job, 12)
    return job


def test_records_of_another_epoch_are_passed_over_wherever_reading_begins() -> None:
    job = half_done()
    mark = job.store.mark
    assert mark is not None and mark.journal_begin > 0
    assert len({epoch_of(record.value) for record in job.journal if record.value is not None}) > 1
    for begin in (0, mark.journal_begin // 2, mark.journal_begin):
        assert journalled(replayed(job, begin)) == journalled(job.store) != {}


def test_a_restart_finds_the_sessions_and_their_deadlines_after_all_else_is_deleted() -> None:
    job = half_done()
    kept = job.store
    assert job.broker.begins["streamer-journal"] == (kept.mark and kept.mark.journal_begin)
    job.start()
    assert journalled(job.store) == journalled(kept)
    assert job.store.journal.begin == kept.journal.begin
    assert job.store.deadlines == kept.deadlines


def test_a_store_kept_while_another_worker_had_the_partition_is_brought_up_to_date() -> None:
    job = half_done()
    kept = copy.deepcopy(job.store)
    rounds(job, 8)
    job.bring_up_to_date(kept)
    assert journalled(kept) == journalled(job.store)
    assert {user: dict(kept.parts(user)) for user in kept} == {user: dict(job.store.parts(user)) for user in job.store}


def test_a_deadline_is_the_least_that_changelog_and_journal_name() -> None:
    job = half_done()
    user = next(iter(job.store.journal))
    for changelog, expected in ((10, 10), (None, 77), (99, 77)):
        store = MemoryStore()
        store.set_deadline(user, changelog)
        JournalReplay(store).apply(
            Record(0, user.encode(), msgspec.msgpack.encode((1, [0, []])), 0, (("d", (77).to_bytes(8, signed=True)),))
        )
        assert store.deadlines[user] == expected


def test_a_record_that_cannot_be_read_is_kept_so_that_its_user_is_poison_and_not_half_forgotten() -> None:
    store = MemoryStore()
    store.journal.add("u", b"\xc1", 0)
    replay = JournalReplay(store)
    replay.apply(Record(1, b"u", b"also none", 0))
    assert journalled(store) == {"u": [b"\xc1", b"also none"]}


def test_a_user_whose_state_cannot_be_processed_does_not_hold_the_journals_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partition, "CARRY_AFTER", 5)
    job = MemoryJob(WALL, NOW)
    for user in ("stuck", "stuck", "fine"):
        job.produce("impressions", impression(user, NOW - HOUR))
        job.run()
        job.checkpoint()
    records = list(job.store.journal.records("stuck"))
    job.processor.users.stuck["stuck"] = "a bug"
    for i in range(6):
        job.produce("impressions", impression("fine", NOW - HOUR + i))
        job.run()
        job.checkpoint()
    assert job.store.mark is not None and job.store.mark.journal_begin >= 2
    assert list(job.store.journal) == ["fine", "stuck"]
    job.start()
    assert list(job.store.journal.records("stuck")) == records


# --- erased and forgotten users -------------------------------------------------------------------------------------


def test_an_erasure_voids_the_journal_of_a_user_who_has_no_parts_yet() -> None:
    job = MemoryJob(WALL, NOW)
    job.produce("impressions", impression("u", NOW - HOUR))
    job.run()
    job.checkpoint()
    job.produce("erasures", Erasure("u", NOW))
    job.run()
    job.checkpoint()
    assert [record.value is None for record in job.journal] == [False, True]
    job.broker.begins.clear()
    job.start()
    assert journalled(replayed(job, 0)) == {}
    assert set(job.store.parts("u")) == {ERASED}


def test_what_comes_after_an_erasure_is_journalled_after_its_tombstone() -> None:
    job = MemoryJob(WALL, NOW)
    job.produce("impressions", impression("u", NOW - HOUR, "old"))
    job.run()
    job.checkpoint()
    job.produce("erasures", Erasure("u", NOW - HOUR + 1))
    job.produce("impressions", impression("u", NOW - HOUR + 2, "new"))
    job.run()
    job.checkpoint()
    assert [record.value is None for record in job.journal] == [False, True, False]
    found = replayed(job, 0)
    profile = Profile.load("u", Rules(WALL), None, None, found.journal.records("u"), lambda _: None)
    assert [list(session.interactions) for session in profile.sessions] == [["new"]]


def test_a_forgotten_user_leaves_nothing_that_a_stranger_of_the_same_name_would_inherit() -> None:
    job = MemoryJob(BY_EVENTS, DAY0 + 201 * DAY_MS)
    job.produce("impressions", impression("u", DAY0, "old"))
    job.watermark(DAY0)
    job.run()
    job.checkpoint()
    assert list(job.store.journal) == ["u"]
    job.watermark(DAY0 + 200 * DAY_MS)
    job.run()
    job.checkpoint()
    assert list(job.store) == []
    job.produce("impressions", impression("u", DAY0 + 200 * DAY_MS + 1, "new"))
    job.watermark(DAY0 + 200 * DAY_MS + 1)
    job.run()
    job.checkpoint()
    found = replayed(job, 0)
    profile = Profile.load("u", Rules(BY_EVENTS), None, None, found.journal.records("u"), lambda _: None)
    assert [list(session.interactions) for session in profile.sessions] == [["new"]]


# --- marks ----------------------------------------------------------------------------------------------------------


def test_a_mark_from_before_the_journal_is_read_and_begins_at_its_start() -> None:
    old = msgspec.msgpack.encode([1, 5, {"plays": 3}, 7])
    assert decode_mark(old) == Mark(1, 5, {"plays": 3}, 7, 0, "")
    assert MARK_VERSION > 1


def test_settings_name_the_topic_beside_the_state() -> None:
    assert Settings(topic_prefix="dev-").topics.journal == "dev-streamer-journal"

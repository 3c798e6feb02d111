"""State on disk: what a process that ends leaves there, what a restart reads, and directories that cannot be used."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import msgspec
import pytest
from rocksdict import Options, Rdict

from streamer import clock
from streamer.engine.partition.users import Users
from streamer.engine.partition.work import Step
from streamer.engine.state import stores
from streamer.engine.state.disk import FORMAT, DiskStore, Meta
from streamer.engine.state.store import DAMAGED, ERASED, WRITTEN, Mark, MemoryStore, PartitionStore, UserChange
from streamer.engine.state.stores import KEPT_MS, DiskStores, MemoryStores, open_stores
from streamer.errors import DependencyMissing, StoreFailed
from streamer.events import DAY_MS, Erasure
from streamer.profile import Rules
from streamer.settings import Settings
from tests.unit.engine.test_partition import BY_EVENTS, HOUR, NOW, WALL, dislike, filled
from tests.unit.memory_job import NAMES, MemoryJob
from tests.unit.profile.test_journal import EVENTS, journalled, rounds

MARK = Mark(2, 5, {}, 0)


def saved(store: PartitionStore, end: int, *changes: UserChange) -> None:
    """A checkpoint: taken, acked, written."""
    for change in changes:
        for name, value in change.parts.items():
            store.put(change.user, name, value)
        store.set_deadline(change.user, change.deadline)
    store.saved(changes, end, MARK)


def contents(store: PartitionStore) -> dict[str, dict[str, bytes]]:
    return {user: dict(store.parts(user)) for user in store}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "3"


@pytest.fixture
def kept(folder: Path) -> Callable[[], DiskStores]:
    """The stores of a worker whose partition 3 is in `folder`."""
    return lambda: DiskStores(folder.parent, KEPT_MS, DiskStore)


def opened(several: DiskStores, partition: int = 3) -> PartitionStore:
    return asyncio.run(several.open([partition]))[partition]


# --- both kinds ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PartitionStore]:
    made: PartitionStore = MemoryStore() if request.param == "memory" else DiskStore(tmp_path / "store")
    yield made
    made.close()


def test_what_is_put_is_read_at_once_and_what_is_deleted_is_gone(store: PartitionStore) -> None:
    store.put("ann", "h", b"1")
    store.put("ann", "t5", b"2")
    store.put("an", "h", b"other")
    assert (store.parts("ann"), store.part("ann", "t5"), len(store)) == ({"h": b"1", "t5": b"2"}, b"2", 2)
    changes = [UserChange("ann", {"h": b"1", "t5": b"2"}, 7), UserChange("an", {"h": b"other"}, None)]
    store.saved(changes, 3, MARK)
    store.put("ann", "t5", None)
    assert (store.parts("ann"), store.part("ann", "t5")) == ({"h": b"1"}, None)
    saved(store, 4, UserChange("ann", {"t5": None, "h": None}, None))
    assert (store.parts("ann"), list(store), len(store)) == ({}, ["an"], 1)
    assert (store.changelog_end, store.mark) == (4, MARK)


def test_a_name_that_begins_another_has_parts_of_its_own(store: PartitionStore) -> None:
    for user in ("a", "aa", "aah", "\x00", "ä"):
        saved(store, 1, UserChange(user, {"h": user.encode()}, None))
    assert contents(store) == {user: {"h": user.encode()} for user in ("a", "aa", "aah", "\x00", "ä")}


def test_what_is_put_while_a_checkpoint_is_under_way_is_not_lost_with_it(store: PartitionStore) -> None:
    """An erasure that comes between taking the changes and the broker's ack."""
    store.put("ann", "h", b"taken")
    store.put("ann", "h", None)
    store.put("ann", ERASED, (9).to_bytes(8))
    store.saved([UserChange("ann", {"h": b"taken"}, 7)], 1, MARK)
    assert store.parts("ann") == {ERASED: (9).to_bytes(8)}
    assert store.erased == {"ann": 9}
    saved(store, 2, UserChange("ann", {"h": None, ERASED: (9).to_bytes(8)}, None))
    assert store.parts("ann") == {ERASED: (9).to_bytes(8)}


def test_a_cleared_store_is_empty_and_goes_on(store: PartitionStore) -> None:
    saved(store, 9, UserChange("ann", {"h": b"1", ERASED: (1).to_bytes(8)}, 5))
    store.clear()
    assert (list(store), len(store), store.changelog_end, store.mark) == ([], 0, 0, None)
    assert (store.deadlines, store.erased, store.part("ann", "h")) == ({}, {}, None)
    saved(store, 2, UserChange("ann", {"h": b"2"}, None))
    assert contents(store) == {"ann": {"h": b"2"}}


# --- what is on disk ----------------------------------------------------------------------------------------------


def test_a_process_that_ends_leaves_the_last_saved_state_and_nothing_after_it(folder: Path) -> None:
    folder.parent.mkdir()
    store = DiskStore(folder)
    saved(
        store, 4, UserChange("ann", {"h": b"1", WRITTEN: b"w"}, 77), UserChange("bob", {ERASED: (3).to_bytes(8)}, None)
    )
    store.put("ann", "h", b"2")
    store.put("eve", "h", b"3")
    store.close()
    again = DiskStore(folder)
    assert contents(again) == {"ann": {"h": b"1", WRITTEN: b"w"}, "bob": {ERASED: (3).to_bytes(8)}}
    assert (again.changelog_end, again.mark, again.deadlines, again.erased) == (4, MARK, {"ann": 77}, {"bob": 3})
    again.close()


def test_a_restart_reads_only_what_the_changelog_has_since(folder: Path) -> None:
    folder.parent.mkdir()
    job = filled(BY_EVENTS, EVENTS, open_store=partial(DiskStore, folder))
    rounds(job, 6)
    before = len(job.changelog)
    for name in NAMES:
        job.fetch(name, 12)
    job.process()
    job.checkpoint()
    job.start()
    assert job.changelog_read == 0
    rounds(job, 2)
    for name in NAMES:
        job.fetch(name, 12)
    job.process()
    job.crash_after("streamer-state")
    assert not job.survives(job.checkpoint)
    assert 0 < job.changelog_read < before
    whole = MemoryStore()
    job.bring_up_to_date(whole)
    assert contents(job.store) == contents(whole) != {}
    assert journalled(job.store) == journalled(whole)
    assert job.store.deadlines == whole.deadlines
    assert len(job.store) == len(whole)
    job.store.close()


def test_an_erased_user_is_gone_from_disk_after_the_checkpoint(folder: Path) -> None:
    folder.parent.mkdir()
    job = MemoryJob(WALL, NOW, open_store=partial(DiskStore, folder))
    job.produce("dislikes", dislike("secret-name", NOW - 3 * HOUR))
    job.run()
    job.checkpoint()
    job.now_ms += 5 * HOUR
    job.process()
    job.checkpoint()
    job.produce("erasures", Erasure("secret-name", NOW))
    job.run()
    job.checkpoint()
    job.now_ms += (WALL.retention_days + 1) * DAY_MS
    job.process()
    job.checkpoint()
    assert isinstance(job.store, DiskStore)
    await_scrubbed(job.store)
    job.store.close()
    database = Rdict(str(folder), Options(raw_mode=True))
    assert [key for key in database.keys() if b"secret-name" in key] == []  # noqa: SIM118 - not a dict
    database.close()


def test_a_store_that_comes_back_after_a_rebalance_knows_when_its_open_sessions_are_due(
    kept: Callable[[], DiskStores],
) -> None:
    """They are in the journal, which is not on disk and not read again; else they would not seal by themselves."""
    several = kept()
    store = opened(several)
    saved(store, 4, UserChange("known", {"h": b"1"}, 900))
    for user in ("known", "new"):
        store.journal.add(user, b"open", 1)
        store.set_deadline(user, 77)
    several.let_go([3])
    assert opened(several).deadlines == {"known": 77, "new": 77}
    several.let_go([])
    assert opened(several).deadlines == {"known": 900}, "without the journal they are on their own"
    several.let_go([])


# --- directories that cannot be used --------------------------------------------------------------------------------


def fill(several: DiskStores) -> None:
    saved(opened(several), 4, UserChange("ann", {"h": b"1"}, 77))
    several.let_go([3])


def test_a_directory_that_is_gone_is_made_again(
    folder: Path, kept: Callable[[], DiskStores], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    store = opened(kept())
    assert (store.changelog_end, len(store), folder.is_dir()) == (0, 0, True)
    assert f"no local state in {folder}, recovering in full" in caplog.text
    store.close()


def garble(folder: Path) -> None:
    for file in folder.iterdir():
        if file.name.startswith(("MANIFEST", "CURRENT")):
            file.write_bytes(b"garbage")


def garble_meta(folder: Path) -> None:
    database = Rdict(str(folder), Options(raw_mode=True))
    database[b"m"] = b"garbage"
    database.close()


def from_the_future(folder: Path) -> None:
    database = Rdict(str(folder), Options(raw_mode=True))
    database[b"m"] = msgspec.msgpack.encode(Meta(FORMAT + 1, 4, 0, None))
    database.close()


def found_damaged(folder: Path) -> None:
    (folder / DAMAGED).touch()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(garble, "orrupt"), (garble_meta, "array"), (from_the_future, "format 2"), (found_damaged, "found damaged")],
)
def test_a_directory_that_cannot_be_used_is_deleted_and_recovered_in_full(
    folder: Path,
    kept: Callable[[], DiskStores],
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], None],
    why: str,
) -> None:
    fill(kept())
    spoil(folder)
    store = opened(kept())
    assert (store.changelog_end, list(store)) == (0, [])
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("partition 3: local state in") and "recovering in full" in line
    assert why in line
    store.close()
    assert not (folder / DAMAGED).exists()


def test_a_store_older_than_the_changelogs_tombstones_is_recovered_in_full(
    folder: Path, kept: Callable[[], DiskStores], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = time.time_ns() - 2 * KEPT_MS * 1_000_000
    with monkeypatch.context() as then:
        then.setattr(clock.time, "time_ns", lambda: long_ago)
        fill(kept())
    store = opened(kept())
    assert (store.changelog_end, list(store)) == (0, [])
    assert "local state is 48 h old" in caplog.text
    store.close()


def test_the_directory_of_a_partition_that_has_long_been_elsewhere_is_deleted(
    folder: Path, kept: Callable[[], DiskStores]
) -> None:
    fill(kept())
    recent = opened(kept(), 4)
    recent.close()
    assert folder.exists()
    later = DiskStores(folder.parent, 0, DiskStore)
    opened(later, 4).close()
    assert not folder.exists()


def test_files_that_vanish_from_another_workers_directory_stop_nobody(
    folder: Path, kept: Callable[[], DiskStores]
) -> None:
    """RocksDB renames and deletes files while it runs; a link to nothing is listed and not there, as they are."""
    fill(kept())
    (folder / "000043.dbtmp").symlink_to("gone")
    opened(kept(), 4).close()
    assert folder.exists()


def test_a_directory_held_by_another_process_is_waited_for(
    kept: Callable[[], DiskStores],
) -> None:
    """As when a partition moves between two workers of one machine."""
    first, second = kept(), kept()
    fill(first)
    saved(opened(first), 5, UserChange("bob", {"h": b"2"}, None))

    async def moved() -> PartitionStore:
        waiting = asyncio.create_task(second.open([3]))
        await asyncio.sleep(0)
        first.let_go([3])
        return (await waiting)[3]

    store = asyncio.run(moved())
    assert set(store) == {"ann", "bob"}
    store.close()


def test_a_directory_that_stays_held_is_an_error_that_says_what_to_do(
    folder: Path, kept: Callable[[], DiskStores], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_LOCK_WAIT_S", 0.3)
    holder = opened(kept())
    with pytest.raises(StoreFailed, match=r"another process holds .*data_dir of its own"):
        opened(kept())
    assert folder.exists()
    holder.close()


def test_a_directory_held_by_another_process_is_known_as_such(
    folder: Path, kept: Callable[[], DiskStores], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_LOCK_WAIT_S", 0.3)
    fill(kept())
    program = "import sys; from rocksdict import *; db = Rdict(sys.argv[1], Options(raw_mode=True)); print(); input()"
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(StoreFailed, match="another process holds"):
            opened(kept())
        other.communicate(b"\n")
    store = opened(kept())
    assert contents(store) == {"ann": {"h": b"1"}}
    store.close()


def test_a_damaged_file_found_while_running_stops_the_worker_and_the_next_one_recovers_in_full(
    folder: Path, kept: Callable[[], DiskStores]
) -> None:
    several = kept()
    store = opened(several)
    changes = [UserChange(f"u{i}", {"h": Random(i).randbytes(2_000)}, None) for i in range(500)]
    saved(store, 1, *changes)
    several.let_go([3])
    for file in folder.glob("*.sst"):
        raw = bytearray(file.read_bytes())
        for at in range(len(raw) // 2, len(raw) * 3 // 4, 100):  # the parts: indexes stand at both ends
            raw[at] ^= 0xFF
        file.write_bytes(raw)
    broken = opened(several)
    assert len(broken) == 500
    with pytest.raises(StoreFailed, match="failed"):
        for change in changes:
            broken.parts(change.user)
    assert (folder / DAMAGED).exists()
    several.let_go([])
    again = opened(several)
    assert (again.changelog_end, list(again)) == (0, [])
    again.close()


def test_without_the_extra_the_install_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "streamer.engine.state.disk")
    monkeypatch.setitem(sys.modules, "rocksdict", None)
    with pytest.raises(DependencyMissing, match=r"pip install 'streamer-avoid-lists\[rocksdb\]'"):
        open_stores(Settings(store="rocksdb"))
    assert isinstance(open_stores(Settings()), MemoryStores)


def test_a_disk_that_fails_stops_the_worker_and_blames_no_event(folder: Path) -> None:
    folder.parent.mkdir()
    store = DiskStore(folder)
    saved(store, 1, UserChange("u", {"h": b"1"}, None))
    store.close()
    with pytest.raises(StoreFailed, match="restart the worker"):
        Users(Rules(WALL), store, 10).step("u", Step(0, [dislike("u", NOW)], 0))


def test_every_partition_has_a_directory_under_the_group_and_the_topics_it_belongs_to(tmp_path: Path) -> None:
    several = open_stores(Settings(store="rocksdb", data_dir=tmp_path, group="g", topic_prefix="eu-"))
    asyncio.run(several.open([0, 5]))
    several.let_go([])
    assert sorted(path.name for path in (tmp_path / "g" / "state" / "eu-streamer-state").iterdir()) == ["0", "5"]


# --- what is deleted is gone from the files -----------------------------------------------------------------------


def bytes_in(folder: Path, what: bytes) -> list[str]:
    """The files of a directory in which these bytes stand."""
    return [file.name for file in folder.iterdir() if what in file.read_bytes()]


def await_scrubbed(store: DiskStore) -> None:
    """Waits until the thread that does it has done all that it was given."""
    thread = store._scrubber._thread
    if thread is not None:
        thread.submit(bool).result(30)


def erased(store: PartitionStore, end: int, *users: str) -> None:
    ts = (1).to_bytes(8)
    saved(store, end, *(UserChange(user, {"h": None, ERASED: ts}, None) for user in users))


@pytest.mark.parametrize("many", [1, 40])
def test_i7_nothing_of_an_erased_user_stands_in_any_file(folder: Path, many: int) -> None:
    users = [f"user-{number}" for number in range(many)]
    store = DiskStore(folder)
    saved(store, 1, *(UserChange(user, {"h": b"tells " + user.encode() + b"'s secret"}, None) for user in users))
    saved(store, 2, UserChange("stays", {"h": b"another secret"}, None))
    assert bytes_in(folder, b"user-0's secret")
    erased(store, 3, *users)
    await_scrubbed(store)
    assert bytes_in(folder, b"user-0's secret") == []
    assert store.part("stays", "h") == b"another secret"
    assert set(store.erased) == set(users)
    store.close()


def test_one_that_was_closed_before_is_scrubbed_when_it_is_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DiskStore(folder)
    saved(store, 1, UserChange("ann", {"h": b"ann's secret"}, None))
    store.close()
    store = DiskStore(folder)
    with monkeypatch.context() as patched:
        patched.setattr("streamer.engine.state.scrubbing.Scrubber._scrub", lambda self: None)
        erased(store, 2, "ann")
        store.close()
    assert bytes_in(folder, b"ann's secret")
    store = DiskStore(folder)
    await_scrubbed(store)
    assert bytes_in(folder, b"ann's secret") == []
    store.close()
    store = DiskStore(folder)
    assert store._scrubber._thread is None, "it is done, so it is not done again"
    store.close()


def test_a_user_who_was_never_there_costs_no_compaction(folder: Path) -> None:
    store = DiskStore(folder)
    erased(store, 1, "nobody")
    assert store._scrubber._thread is None
    store.close()


def test_a_store_that_is_cleared_or_closed_meanwhile_is_whole(folder: Path) -> None:
    store = DiskStore(folder)
    for end in range(1, 40, 2):
        saved(store, end, UserChange("ann", {"h": b"x" * 100_000}, None))
        erased(store, end + 1, "ann")
    store.clear()
    saved(store, 50, UserChange("bob", {"h": b"1"}, None))
    erased(store, 51, "bob")
    store.close()
    reopened = DiskStore(folder)
    assert (reopened.changelog_end, set(reopened.erased)) == (51, {"bob"})
    reopened.close()

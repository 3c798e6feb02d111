"""State is brought to other partitions whole, wherever it is interrupted, and only from and to where it may be.

The embedded broker has the same number of partitions for all topics, so users move by another partitioner here;
``tests/system/test_repartition.py`` has other numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

import pytest
from msgspec.structs import replace

from streamer.engine.kafka.producer import BatchProducer, NewRecord, Sent
from streamer.engine.kafka.scan import scanner
from streamer.engine.state.changelog import ChangelogWriter, JournalWriter
from streamer.engine.state.ownership import UNFINISHED, hold_to, newest_marks
from streamer.engine.state.recovery import recover
from streamer.engine.state.repartition import Done, Repartition
from streamer.engine.state.store import ERASED, MARK_VERSION, Mark, MemoryStore, UserChange
from streamer.errors import StateCorrupt, StateForeign
from streamer.events import Event
from streamer.partitioning import partition_of
from streamer.profile import Profile, Rules
from streamer.scoring.document import encode
from streamer.settings import Settings
from tests.deployment import NOW, newest_in_outbox, saved_documents, story_of

AGAIN: Final = "Run it again"
Contents = dict[str, tuple[dict[str, bytes], int | None, Sequence[bytes]]]


class CutError(Exception):
    """The process has ended, as by kill -9."""


class Dying(BatchProducer):
    """A producer whose process ends before a send."""

    def __init__(self, settings: Settings, sends: int) -> None:
        super().__init__(settings)
        self.left = sends

    async def send(self, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> list[Sent]:
        if self.left == 0:
            raise CutError
        self.left -= 1
        return await super().send(topic, partition, groups)


@pytest.fixture
def old(settings: Settings) -> Settings:
    return settings.model_copy(update={"partitioner": "crc32", "topic_prefix": settings.topic_prefix + "old-"})


@pytest.fixture
def new(settings: Settings) -> Settings:
    return settings.model_copy(update={"topic_prefix": settings.topic_prefix + "new-"})


async def _write(settings: Settings, users: Iterable[UserChange], documents: dict[str, bytes | None]) -> None:
    producer = BatchProducer(settings)
    await producer.start()
    names, state = settings.topics, ChangelogWriter(producer, settings.topics.state)
    for change in users:
        partition = partition_of(change.user, settings.partitions, settings.partitioner)
        await JournalWriter(producer, names.journal).write(partition, [change])
        await state.write(partition, [change])
    for user, document in documents.items():
        partition = partition_of(user, settings.partitions, settings.partitioner)
        for sent in await producer.send(names.avoid_lists, partition, [[NewRecord(user.encode(), document)]]):
            await sent.end()
    for partition in range(settings.partitions):
        erased = UserChange("erased", {ERASED: NOW.to_bytes(8)}, None)  # as an erasure does, in every partition
        await state.write(partition, [erased])
        mark = Mark(MARK_VERSION, NOW - partition, {"plays": NOW}, 0, 0, "ab", 0, settings.partitions, settings.group)
        await state.write_mark(partition, mark)
    await producer.close()


async def _write_mark(settings: Settings, mark: Mark) -> None:
    producer = BatchProducer(settings)
    await producer.start()
    await ChangelogWriter(producer, settings.topics.state).write_mark(0, mark)
    await producer.close()


def write_state(settings: Settings) -> None:
    """The state of a small city, the newest event of each user in the journal."""
    rules, by_user = Rules(settings), dict[str, list[Event]]()
    for _, event in story_of(users=12, days=3).events:
        by_user.setdefault(event.user_id, []).append(event)
    changes, documents = [], dict[str, bytes | None]()
    for user, events in by_user.items():
        profile = Profile(user, rules)
        for part in filter(None, (events[:-1], events[-1:])):
            profile.apply_all(part, 0)
            profile.advance(part[-1].ts)
            parts, journal, fresh = profile.changes()
            changes.append(UserChange(user, parts, profile.deadline(), journal, fresh))
        document = profile.document()
        documents[user] = None if document is None else encode(document)
    documents["gone"] = None
    asyncio.run(_write(settings, changes, documents))


def repartition(old: Settings, new: Settings, sends: int | None = None) -> Done | None:
    async def run() -> Done | None:
        producer = BatchProducer(new) if sends is None else Dying(new, sends)
        await producer.start()
        try:
            async with scanner(new, "the state") as topics:
                return await Repartition(topics, producer, old, new, NOW).run()
        finally:
            await producer.close()

    return asyncio.run(run())


def contents(settings: Settings) -> Contents:
    """What workers would recover, by user."""
    stores = {partition: MemoryStore() for partition in range(settings.partitions)}
    asyncio.run(recover(settings, stores))
    found: Contents = {}
    for partition, store in stores.items():
        for user in store:
            if user != "erased":
                assert partition == partition_of(user, settings.partitions, settings.partitioner)
            found[user] = dict(store.parts(user)), store.deadlines.get(user), list(store.journal.records(user))
    return found


def marks(settings: Settings) -> dict[int, Mark]:
    async def read() -> dict[int, Mark]:
        async with scanner(settings, "marks") as topics:
            return await newest_marks(topics, settings.topics.state, range(settings.partitions))

    return asyncio.run(read())


def test_everything_of_every_user_is_where_the_partitioner_puts_them(old: Settings, new: Settings) -> None:
    write_state(old)
    before = contents(old)
    assert any(journal for _, _, journal in before.values())
    assert any(partition_of(user, 4) != partition_of(user, 4, "crc32") for user in before)
    done = repartition(old, new)
    assert done == Done(users=len(before) + 1, documents=len(newest_in_outbox(old)), left=0)  # one is gone
    assert contents(new) == before
    assert newest_in_outbox(new) == newest_in_outbox(old)
    assert saved_documents(new) == saved_documents(old) != {}
    assert contents(old) == before


def test_workers_of_the_new_number_may_begin_at_once_at_the_time_of_the_slowest(old: Settings, new: Settings) -> None:
    write_state(old)
    repartition(old, new)
    found = marks(new)
    assert sorted(found) == list(range(new.partitions))
    hold_to(new, found.values())
    for mark in found.values():
        assert (mark.watermark, mark.newest) == (NOW - old.partitions + 1, {"plays": NOW})
        assert (mark.partitions, mark.group, mark.term) == (new.partitions, new.group, NOW)


@pytest.mark.parametrize("sends", [0, 1, 4, 6, 9, 13, 17, 19, 21, 25])
def test_wherever_it_ends_it_is_done_when_it_has_been_run_again(old: Settings, new: Settings, sends: int) -> None:
    write_state(old)
    with pytest.raises(CutError):
        repartition(old, new, sends)
    begun = marks(new)
    if 0 in begun:
        assert begun[0].group == UNFINISHED
        with pytest.raises(StateForeign, match=AGAIN):
            hold_to(new, begun.values())
    assert repartition(old, new) is not None
    assert contents(new) == contents(old)
    assert newest_in_outbox(new) == newest_in_outbox(old)
    assert repartition(old, new) is None


def test_what_has_gone_since_an_interrupted_run_goes_there_too(old: Settings, new: Settings) -> None:
    write_state(old)
    with pytest.raises(CutError):
        repartition(old, new, 20)
    users = [user for user in contents(old) if user != "erased"]
    gone = [UserChange(user, dict.fromkeys(contents(old)[user][0]), None, voids=True) for user in users[:6]]
    asyncio.run(_write(old, gone, dict.fromkeys(users[:6])))
    repartition(old, new)
    assert contents(new) == contents(old)
    assert newest_in_outbox(new) == newest_in_outbox(old)
    assert not contents(new).keys() & set(users[:6])


def test_another_deployment_s_state_is_not_written_to_nor_is_one_without_state_read(
    old: Settings, new: Settings
) -> None:
    with pytest.raises(StateForeign, match="holds no state yet"):
        repartition(old, new)
    write_state(old)
    write_state(new)
    before = contents(new)
    with pytest.raises(StateForeign, match="already belongs to a deployment"):
        repartition(old, new)
    with pytest.raises(StateForeign, match="belong to group"):
        repartition(old.model_copy(update={"group": "theirs"}), new)
    assert contents(new) == before


def test_a_state_that_has_gone_on_since_is_not_taken_for_done(old: Settings, new: Settings) -> None:
    write_state(old)
    repartition(old, new)
    gone_on = replace(marks(old)[0], term=NOW + 1)
    asyncio.run(_write_mark(old, gone_on))
    with pytest.raises(StateForeign, match="whose workers have gone on since"):
        repartition(old, new)


def test_a_user_who_reads_back_otherwise_is_told_and_workers_may_not_begin(
    old: Settings, new: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(old)
    append = Repartition._append

    async def loses(self: Repartition, topic: str, partition: int, groups: Iterable[Sequence[NewRecord]]) -> None:
        await append(self, topic, partition, () if topic == new.topics.journal else groups)

    monkeypatch.setattr(Repartition, "_append", loses)
    with pytest.raises(StateCorrupt, match="users read back otherwise"):
        repartition(old, new)
    assert {mark.group for mark in marks(new).values()} == {UNFINISHED}


def test_what_stands_in_a_wrong_partition_is_kept_unless_the_user_has_their_own(
    old: Settings, new: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    write_state(old)
    known = next(user for user in contents(old) if partition_of(user, 4) != partition_of(user, 4, "crc32"))
    lost = next(f"lost{n}" for n in range(9) if partition_of(f"lost{n}", 4) != partition_of(f"lost{n}", 4, "crc32"))
    stray = {"t20000": b"stray"}
    misplaced = [UserChange(user, stray, None) for user in (known, lost)]
    asyncio.run(_write(old.model_copy(update={"partitioner": "murmur2"}), misplaced, {}))
    done = repartition(old, new)
    assert done is not None
    assert done.left == 1
    assert repr(known) in caplog.text
    assert contents(new)[lost][0] == stray
    assert not contents(new)[known][0].keys() & stray.keys()

"""Recovery on real Kafka from changelogs that were truncated, or made anew, since the local state was saved."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import PolicyViolationError

from streamer.engine.kafka.producer import BatchProducer
from streamer.engine.kafka.scan import scanner
from streamer.engine.kafka.truncation import Truncation
from streamer.engine.state.changelog import ChangelogWriter, JournalWriter
from streamer.engine.state.disk import DiskStore
from streamer.engine.state.recovery import recover
from streamer.engine.state.rewriting import rewrite
from streamer.engine.state.store import MARK_VERSION, Mark, MemoryStore, PartitionStore, UserChange
from streamer.errors import TopicsError
from streamer.producing import topics
from streamer.settings import Settings
from tests.backends.choose import Kafka
from tests.deployment import settings_of
from tests.processes import HANGS_AFTER_S

P = 1
DEADLINE = 99


class Broker:
    """What one worker writes for partition `P`, and what others do to its topics."""

    def __init__(self, settings: Settings, producer: BatchProducer, admin: AIOKafkaAdminClient) -> None:
        self.settings = settings
        self._admin = admin
        self.changelog = ChangelogWriter(producer, settings.topics.state)
        self.journal = JournalWriter(producer, settings.topics.journal)

    async def checkpoint(self, lineage: str, journal_begin: int, *changes: UserChange, whole_from: int = 0) -> int:
        await self.journal.write(P, changes)
        await self.changelog.write(P, [change for change in changes if change.parts])
        end = await self.changelog.write_mark(P, Mark(MARK_VERSION, 5, {}, 0, journal_begin, lineage, whole_from))
        assert end is not None
        return end

    async def delete_before(self, topic: str, offset: int) -> None:
        by_hand = ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": "delete"})
        await self._admin.alter_configs([by_hand])  # Kafka deletes nothing of compacted topics
        for _ in range(50):
            try:
                await self._admin.delete_records({TopicPartition(topic, P): RecordsToDelete(offset)})
                return
            except PolicyViolationError:
                await asyncio.sleep(0.1)  # the new policy is not there yet, and nothing tells when it is
        raise AssertionError("the broker does not take the new policy")

    async def make_anew(self, topic: str) -> None:
        await self._admin.delete_topics([topic])
        for _ in range(100):  # until the deletion is done
            try:
                if topic in await asyncio.to_thread(topics.create, self.settings):
                    return
            except TopicsError:
                continue
        raise AssertionError(f"{topic} does not come back")

    async def recovered(self, store: PartitionStore) -> dict[str, dict[str, bytes]]:
        cut = await asyncio.wait_for(recover(self.settings, {P: store}), HANGS_AFTER_S)
        for begin in cut.values():
            await rewrite(P, store, self.changelog, begin)
        return {user: dict(store.parts(user)) for user in store}


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Broker]:
    producer, admin = BatchProducer(settings), AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    await producer.start()
    await admin.start()
    try:
        yield Broker(settings, producer, admin)
    finally:
        await admin.close()
        await producer.close()


def part(user: str, value: bytes = b"1") -> UserChange:
    return UserChange(user, {"h": value}, DEADLINE)


def entry(user: str, epoch: int = 0) -> UserChange:
    return UserChange(user, {}, DEADLINE, msgspec.msgpack.encode((1, [epoch, []])))


Test = Callable[[Broker], Coroutine[object, object, None]]


@pytest.fixture
def run(kafka: Kafka, prefix: str, tmp_path: Path) -> Callable[[Test], None]:
    """Runs a test against topics of its own."""
    settings = settings_of(prefix, kafka.bootstrap, "redis://nowhere:1/0", tmp_path)
    topics.create(settings)

    async def within(test: Test) -> None:
        async with connected(settings) as broker:
            await test(broker)

    return lambda test: asyncio.run(within(test))


@pytest.fixture(params=["memory", "disk"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[PartitionStore | None], PartitionStore]:
    """The store of the next assignment, given that of the last one (None: there was none)."""

    def opened(last: PartitionStore | None) -> PartitionStore:
        if request.param == "memory":
            return MemoryStore() if last is None else last
        if last is not None:
            last.close()
        return DiskStore(tmp_path / "store")

    return opened


Again = Callable[[PartitionStore | None], PartitionStore]


def test_a_store_reads_only_on_from_where_it_ends(run: Callable[[Test], None], again: Again) -> None:
    async def test(broker: Broker) -> None:
        await broker.checkpoint("a", 0, part("ann"), part("bob"))
        store = again(None)
        assert set(await broker.recovered(store)) == {"ann", "bob"}
        end = await broker.checkpoint("a", 0, part("ann", b"2"), UserChange("bob", {"h": None}, None))
        store = again(store)
        assert 0 < store.changelog_end < end
        assert await broker.recovered(store) == {"ann": {"h": b"2"}}
        assert (store.changelog_end, store.deadlines) == (end, {"ann": DEADLINE})

    run(test)


def test_a_store_that_ends_before_the_changelog_begins_is_recovered_in_full(
    run: Callable[[Test], None], again: Again, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(broker: Broker) -> None:
        await broker.checkpoint("a", 0, part("gone"))
        store = again(None)
        await broker.recovered(store)
        await broker.checkpoint("a", 0, UserChange("gone", {"h": None}, None))
        first = await broker.checkpoint("a", 0, part("ann"))
        await broker.checkpoint("a", 0, part("bob"))
        await broker.delete_before(broker.settings.topics.state, first)
        assert set(await broker.recovered(again(store))) == {"bob"}
        assert f"which now begins at {first}" in caplog.text

    run(test)


def test_an_empty_store_begins_where_the_changelog_does(run: Callable[[Test], None], again: Again) -> None:
    async def test(broker: Broker) -> None:
        first = await broker.checkpoint("a", 0, part("ann"))
        await broker.checkpoint("a", 0, part("bob"))
        await broker.delete_before(broker.settings.topics.state, first)
        assert set(await broker.recovered(again(None))) == {"bob"}

    run(test)


def test_what_was_deleted_of_the_changelog_and_a_store_still_has_is_written_to_it_again(
    run: Callable[[Test], None], again: Again, caplog: pytest.LogCaptureFixture
) -> None:
    """
    changelog   ann gone bob │ ann's tile, eve            before │ everything is deleted
    store       ━━━━━━━━━━━━━┿━━━━━━━━━━━━┥ had read up to there
    """

    async def test(broker: Broker) -> None:
        cut = await broker.checkpoint("a", 0, part("ann"), part("bob"), part("gone"))
        await broker.checkpoint("a", 0, UserChange("ann", {"t1": b"tile"}, DEADLINE + 1))
        store = again(None)
        await broker.recovered(store)
        await broker.checkpoint("a", 0, part("eve"), UserChange("gone", {"h": None}, None))
        await broker.delete_before(broker.settings.topics.state, cut)
        store = again(store)
        whole = await broker.recovered(store)
        assert whole == {"ann": {"h": b"1", "t1": b"tile"}, "bob": {"h": b"1"}, "eve": {"h": b"1"}}
        assert f"deleted the changelog's records before offset {cut}: all 3 users" in caplog.text
        end = store.changelog_end
        store = again(store)
        assert await broker.recovered(store) == whole
        elsewhere = MemoryStore()
        assert await broker.recovered(elsewhere) == whole
        assert elsewhere.deadlines == store.deadlines == {"ann": DEADLINE + 1, "bob": DEADLINE, "eve": DEADLINE}
        assert elsewhere.changelog_end == store.changelog_end == end, "it is done once"
        assert "are lost" not in caplog.text

    run(test)


def test_what_was_deleted_of_the_changelog_and_no_store_has_is_told_once(
    run: Callable[[Test], None], caplog: pytest.LogCaptureFixture
) -> None:
    async def test(broker: Broker) -> None:
        cut = await broker.checkpoint("a", 0, part("ann"))
        await broker.checkpoint("a", 0, part("bob"))
        await broker.delete_before(broker.settings.topics.state, cut)
        store = MemoryStore()
        assert set(await broker.recovered(store)) == {"bob"}
        assert f"before offset {cut}, and no local state has them: users are lost" in caplog.text
        caplog.clear()
        await broker.checkpoint("a", 0, whole_from=store.changelog_begin)
        assert set(await broker.recovered(store)) == set(await broker.recovered(MemoryStore())) == {"bob"}
        assert not [record for record in caplog.records if record.name.startswith("streamer")]

    run(test)


@pytest.mark.parametrize("grown", [False, True], ids=["shorter", "grown past the store"])
def test_a_store_of_a_changelog_that_was_made_anew_is_recovered_in_full(
    run: Callable[[Test], None], again: Again, caplog: pytest.LogCaptureFixture, grown: bool
) -> None:
    async def test(broker: Broker) -> None:
        await broker.checkpoint("a", 0, part("old"), part("older"))
        store = again(None)
        await broker.recovered(store)
        await broker.make_anew(broker.settings.topics.state)
        news = [part(f"new{i}") for i in range(9 if grown else 1)]
        async with connected(broker.settings) as anew:
            await anew.checkpoint("b", 0, *news)
        assert set(await broker.recovered(again(store))) == {change.user for change in news}
        assert ("was made anew" if grown else "which now ends at 2") in caplog.text

    run(test)


def test_records_deleted_under_the_reader_are_passed_over_and_the_rest_is_read(run: Callable[[Test], None]) -> None:
    async def test(broker: Broker) -> None:
        topic = broker.settings.topics.state
        users = [part(f"u{i}", os.urandom(300_000)) for i in range(100)]
        end = await broker.checkpoint("a", 0, *users)
        found = []
        async with scanner(broker.settings, topic) as reader:
            async for scanned in reader.scan(topic, {P: 0}):
                if not found:
                    await broker.delete_before(topic, end - 2)
                found += [record.offset for record in scanned.records]
        assert found[-1] == end - 1
        assert len(found) < 101

    run(lambda broker: asyncio.wait_for(test(broker), HANGS_AFTER_S))


def test_the_journal_is_deleted_before_its_beginning_and_recovery_reads_on_from_there(
    run: Callable[[Test], None], again: Again
) -> None:
    async def test(broker: Broker) -> None:
        topic = broker.settings.topics.journal
        await broker.checkpoint("a", 0, entry("sealed"), entry("sealed"))
        await broker.checkpoint("a", 2, UserChange("sealed", {"h": msgspec.msgpack.encode((1, [1]))}, 7, None, True))
        await broker.checkpoint("a", 2, entry("open"), entry("other"))
        await Truncation(broker.settings).delete_before({P: 2})
        async with scanner(broker.settings, topic) as reader:
            assert (await reader.extents(topic, [P]))[P].first == 2
        store = again(None)
        await broker.recovered(store)
        assert list(store.journal) == ["open", "other"]
        assert (store.journal.begin, store.journal.end) == (2, 4)
        await broker.delete_before(topic, 3)  # somebody else, and too far: what is left is read
        store = again(None if isinstance(store, MemoryStore) else store)
        await broker.recovered(store)
        assert list(store.journal) == ["other"]

    run(test)


def test_a_journal_made_anew_is_told_and_read_from_its_beginning(
    run: Callable[[Test], None], again: Again, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(broker: Broker) -> None:
        await broker.checkpoint("a", 1, entry("old"), entry("old"), entry("old"))
        await broker.make_anew(broker.settings.topics.journal)
        async with connected(broker.settings) as anew:
            await anew.checkpoint("a", 2, entry("new"))
        store = again(None)
        await broker.recovered(store)
        assert list(store.journal) == ["new"]
        assert "streamer-journal was made anew" in caplog.text

    run(test)

"""A broker that deletes its oldest records by itself: the state stays recoverable, and is seldom written again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from streamer.embedded import EmbeddedBroker
from streamer.engine.kafka.producer import BatchProducer
from streamer.engine.kafka.scan import scanner
from streamer.engine.state.changelog import ChangelogWriter
from streamer.engine.state.recovery import recover
from streamer.engine.state.rewriting import rewrite
from streamer.engine.state.store import MARK_VERSION, Mark, MemoryStore, UserChange
from streamer.settings import Settings

ROUNDS = 40
CHECKPOINTS = 10
USERS = 500
AT_ONCE = 50
"""Users a checkpoint saves, 1 KB each. A round is 0.5 MB, all users are as much, and the broker keeps 5 MB."""


@pytest.fixture
def settings() -> Iterator[Settings]:
    with EmbeddedBroker() as broker:
        yield Settings(brokers=broker.bootstrap, partitions=broker.partitions, declare_topics=False)


def test_what_the_embedded_broker_deletes_is_written_again_once_in_many_rounds(settings: Settings) -> None:
    store, topic = MemoryStore(), settings.topics.state

    async def checkpoint(changelog: ChangelogWriter, number: int) -> None:
        users = (f"u{(number * AT_ONCE + i) % USERS}" for i in range(AT_ONCE))
        changes = [UserChange(user, {"h": os.urandom(1000)}, None) for user in users]
        for change in changes:
            store.put(change.user, "h", change.parts["h"])
        await changelog.write(0, changes)
        mark = Mark(MARK_VERSION, 0, {}, 0, 0, "lineage", store.changelog_begin)
        end = await changelog.write_mark(0, mark)
        assert end is not None
        store.saved(changes, end, mark)

    async def run() -> tuple[int, int]:
        producer = BatchProducer(settings)
        await producer.start()
        changelog = ChangelogWriter(producer, topic)
        cut = rewritten = 0
        for number in range(ROUNDS):
            for i in range(CHECKPOINTS):
                await checkpoint(changelog, number * CHECKPOINTS + i)
            async with scanner(settings, "the changelog's beginning") as topics:
                begin = (await topics.extents(topic, [0]))[0].first
            cut += begin > 0
            if begin > store.changelog_begin:
                await rewrite(0, store, changelog, begin)
                rewritten += 1
        await producer.close()
        return cut, rewritten

    async def recovered() -> MemoryStore:
        elsewhere = {0: MemoryStore()}
        assert await recover(settings, elsewhere) == {}
        return elsewhere[0]

    cut, rewritten = asyncio.run(run())
    assert cut > ROUNDS // 2, "the broker no longer deletes anything"
    assert 1 <= rewritten <= cut // 5
    elsewhere = asyncio.run(recovered())
    assert {user: dict(elsewhere.parts(user)) for user in elsewhere} == {u: dict(store.parts(u)) for u in store}

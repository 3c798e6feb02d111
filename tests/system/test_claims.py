"""Claims on real Kafka: who may write to a partition, when several processes have claimed several, and for how long.

``forgetful`` is a Kafka that remembers claims for seconds instead of days.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.errors import ProducerFenced

from streamer.engine.kafka.producer import BatchProducer, NewRecord
from streamer.producing import topics
from streamer.settings import Settings
from tests.backends.choose import Kafka
from tests.backends.forgetful import REMEMBERED_S, forgetful_kafka
from tests.backends.kafka import KafkaServer
from tests.deployment import records_in, settings_of


@pytest.fixture
def settings(kafka: Kafka, prefix: str, tmp_path: Path) -> Settings:
    found = settings_of(prefix, kafka.bootstrap, "redis://nowhere:1/0", tmp_path)
    topics.create(found)
    return found


def test_what_another_has_claimed_stays_refused_though_one_claims_again_what_is_left(settings: Settings) -> None:
    names = settings.topics
    owned = (names.state, names.journal, names.avoid_lists)

    async def write(producer: BatchProducer, topic: str, partition: int) -> None:
        for sent in await producer.send(topic, partition, [[NewRecord(b"key", b"value")]]):
            await sent.done

    async def run() -> None:
        old, new = BatchProducer(settings), BatchProducer(settings)
        await asyncio.gather(old.start(), new.start())
        try:
            await old.claim([0, 1], owned)
            await new.claim([1], owned)
            await old.claim([0], owned)
            for topic in owned:
                await write(old, topic, 0)
                await write(new, topic, 1)
                with pytest.raises(ProducerFenced):
                    await write(old, topic, 1)
            await old.claim([1], owned)
            for topic in owned:
                await write(old, topic, 1)
                with pytest.raises(ProducerFenced):
                    await write(new, topic, 1)
        finally:
            await asyncio.gather(old.close(), new.close())

    asyncio.run(run())


@pytest.fixture(scope="module")
def forgetful(kafka: Kafka) -> Iterator[KafkaServer]:  # asked for the other one, as it is skipped where there is none
    with forgetful_kafka() as server:
        yield server


@pytest.fixture
def forgotten(forgetful: KafkaServer, prefix: str, tmp_path: Path) -> Settings:
    """Settings of a deployment whose claims are forgotten soon."""
    found = settings_of(prefix, forgetful.bootstrap, "redis://nowhere:1/0", tmp_path, worker_timeout=60)
    topics.create(found)
    return found


@asynccontextmanager
async def started(*settings: Settings) -> AsyncIterator[list[BatchProducer]]:
    producers = [BatchProducer(each) for each in settings]
    await asyncio.gather(*(producer.start() for producer in producers))
    try:
        yield producers
    finally:
        await asyncio.gather(*(producer.close() for producer in producers))


def owned_by(settings: Settings) -> tuple[str, ...]:
    return settings.topics.state, settings.topics.journal, settings.topics.avoid_lists


async def write(producer: BatchProducer, topic: str, value: bytes = b"value", partition: int = 0) -> None:
    for sent in await producer.send(topic, partition, [[NewRecord(b"key", value)]]):
        await sent.done


async def renew_past_what_is_remembered(producer: BatchProducer, every_s: float) -> None:
    until = time.monotonic() + 2.5 * REMEMBERED_S
    while time.monotonic() < until:
        await asyncio.sleep(every_s)
        await producer.renew()


def test_a_living_owner_is_fenced_by_the_next_one_however_long_it_has_owned(forgotten: Settings) -> None:
    async def run() -> None:
        async with started(forgotten, forgotten) as (old, new):
            await old.claim([0], owned_by(forgotten))
            every_s = await old.renewed_after_s()
            assert every_s == REMEMBERED_S / 4
            await renew_past_what_is_remembered(old, every_s)
            await new.claim([0], owned_by(forgotten))
            for topic in owned_by(forgotten):
                await write(new, topic)
                with pytest.raises(ProducerFenced):
                    await write(old, topic)

    asyncio.run(run())


def test_a_frozen_owner_stays_refused_though_the_next_one_has_nothing_to_write_for_long(forgotten: Settings) -> None:
    """A partition's leader forgets producers that write nothing, and with them which epoch was theirs."""

    async def run() -> None:
        async with started(forgotten, forgotten) as (old, new):
            await old.claim([0], owned_by(forgotten))
            await new.claim([0], owned_by(forgotten))
            await renew_past_what_is_remembered(new, await new.renewed_after_s())
            for topic in owned_by(forgotten):
                with pytest.raises(ProducerFenced):
                    await write(old, topic)

    asyncio.run(run())


def test_who_renews_what_is_another_s_is_told_so_and_takes_nothing(forgotten: Settings) -> None:
    async def run() -> None:
        async with started(forgotten, forgotten) as (old, new):
            await old.claim([0, 1], owned_by(forgotten))
            await new.claim([1], owned_by(forgotten))
            with pytest.raises(ProducerFenced):
                await old.renew()
            for topic in owned_by(forgotten):
                await write(new, topic, partition=1)

    asyncio.run(run())


def test_a_claim_that_lapsed_is_not_renewed_as_another_may_have_come_and_gone(forgotten: Settings) -> None:
    async def run() -> None:
        async with started(forgotten) as (alone,):
            await alone.claim([0], owned_by(forgotten))
            await asyncio.sleep(1.5 * REMEMBERED_S)
            with pytest.raises(ProducerFenced, match="lapsed"):
                await alone.renew()

    asyncio.run(run())


def test_a_claim_tells_what_time_it_is_by_the_broker_s_clock(settings: Settings) -> None:
    heard: list[int] = []

    async def run() -> None:
        producer = BatchProducer(settings, heard.append)
        await producer.start()
        try:
            await producer.claim([0], owned_by(settings))
        finally:
            await producer.close()

    asyncio.run(run())
    (appended_ms,) = heard  # of the three topics one is dated by the broker
    assert abs(appended_ms - time.time() * 1000) < 10_000


def test_what_goes_is_not_renewed(forgotten: Settings) -> None:
    async def run() -> None:
        async with started(forgotten, forgotten) as (old, new):
            await old.claim([0], owned_by(forgotten))
            old.unclaim()
            await new.claim([0], owned_by(forgotten))
            await old.renew()
            await write(new, forgotten.topics.state)

    asyncio.run(run())


def test_while_a_claim_is_renewed_nothing_is_lost_repeated_or_overtaken(forgotten: Settings) -> None:
    topic, many = forgotten.topics.journal, 400

    async def run() -> None:
        async with started(forgotten) as (owner,):
            await owner.claim([0], owned_by(forgotten))
            writing = asyncio.create_task(write_all(owner))
            while not writing.done():
                await owner.renew()
                await asyncio.sleep(0.02)
            await writing

    async def write_all(owner: BatchProducer) -> None:
        sent = []
        for number in range(many):
            sent += await owner.send(topic, 0, [[NewRecord(b"key", b"%d" % number)]])
        await asyncio.gather(*(each.done for each in sent))

    asyncio.run(run())
    values = [record.value for record in records_in(forgotten, topic, [0]) if record.value is not None]
    assert values == [b"%d" % number for number in range(many)]

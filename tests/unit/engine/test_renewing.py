"""A member of a group renews what it claims as long as it runs; found fenced, it ends as taken over."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest
from aiokafka.errors import ProducerFenced

from streamer.engine.kafka.producer import BatchProducer
from streamer.engine.metrics import Metrics
from streamer.engine.population.aggregator import Aggregator
from streamer.engine.worker import Engine
from streamer.errors import BrokerUnavailable, TakenOver
from streamer.settings import Settings


class Producer:
    """Whose renewals end as told, one after the other."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)

    async def renewed_after_s(self) -> float:
        return 0.001

    async def renew(self) -> None:
        end = self.ends.pop(0)
        if end is not None:
            raise end


async def crash_of(kind: type[Engine] | type[Aggregator], producer: Producer) -> BaseException:
    crashes: list[BaseException] = []

    async def crash(error: BaseException) -> None:
        crashes.append(error)

    member = kind(Settings(), Metrics(), crash)
    member._producer = cast(BatchProducer, producer)
    with pytest.raises(ProducerFenced):
        await asyncio.wait_for(member._keep_claims(), 10)
    return crashes[0]


@pytest.mark.parametrize("kind", [Engine, Aggregator])
def test_who_finds_itself_fenced_ends_as_taken_over(kind: type[Engine] | type[Aggregator]) -> None:
    producer = Producer(None, None, ProducerFenced())
    assert isinstance(asyncio.run(crash_of(kind, producer)), TakenOver)
    assert producer.ends == []


def test_a_broker_that_is_away_is_told_once_and_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    away = BrokerUnavailable("away")
    producer = Producer(away, away, None, ProducerFenced())
    asyncio.run(crash_of(Engine, producer))
    assert [record.message.endswith("away") for record in caplog.records if "claimed again" in record.message] == [True]

"""Where a partition begins is asked for where its leader is now: an answer that says "not me" has it looked up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError, NotLeaderForPartitionError, RequestTimedOutError
from faust.types import TP

from streamer.engine.kafka.positions import OutOfRange, look_up_leaders
from streamer.engine.kafka.records import Batch, Record
from streamer.engine.kafka.transport import BatchConsumer


class Fetcher:
    """Asks a broker that leads nothing any more, until leaders are looked up."""

    def __init__(self, error: type[KafkaError]) -> None:
        self._client = self
        self._error = error
        self.looked_up = 0

    def force_metadata_update(self) -> None:
        self.looked_up += 1

    async def _proc_offset_request(self, node_id: int, topic_data: object) -> dict[str, int]:
        if not self.looked_up:
            raise self._error
        return {"offset": node_id}


@pytest.mark.parametrize("error", [NotLeaderForPartitionError, RequestTimedOutError])
def test_an_error_has_leaders_looked_up_and_goes_on_to_who_asked(error: type[KafkaError]) -> None:
    fetcher = Fetcher(error)
    look_up_leaders(fetcher)
    with pytest.raises(error):
        asyncio.run(fetcher._proc_offset_request(1, {}))
    assert fetcher.looked_up == 1
    assert asyncio.run(fetcher._proc_offset_request(2, {})) == {"offset": 2}
    assert fetcher.looked_up == 1


class Beginning:
    """Its broker has one partition, which begins at 3."""

    _client = None

    async def _proc_offset_request(self, node_id: int, topic_data: object) -> dict[tuple[str, int], tuple[int, int]]:
        return {("plays", 0): (3, -1)}


def test_a_position_that_the_broker_does_not_have_is_told_once_with_what_is_read_instead() -> None:
    told: list[tuple[str, int, int, int]] = []
    out_of_range = OutOfRange(lambda *what: told.append(what))
    fetcher = Beginning()
    look_up_leaders(fetcher, out_of_range)
    earliest, latest = {"plays": [(0, -2)]}, {"plays": [(0, -1)]}
    asyncio.run(fetcher._proc_offset_request(1, earliest))
    assert told == []  # a partition that was never read
    out_of_range.note(("plays", 0), 100)
    for topic_data in (latest, earliest, earliest):
        asyncio.run(fetcher._proc_offset_request(1, topic_data))
    assert told == [("plays", 0, 100, 3)]


class Consumer(BatchConsumer):
    """Of which only the account of offsets is there."""

    def __init__(self, received: bool) -> None:
        self.crashes: list[BaseException] = []
        self.app: Any = SimpleNamespace(crash=self._crash)
        self.loop = asyncio.get_running_loop()
        self._committed_offset = {TP("plays", 0): 100}
        self._anew = set()
        self._saved_to = {TP("plays", 0): 100}
        self._last_batch = {TP("plays", 0): Batch([Record(99, None, None, 0)])} if received else {}
        self.resets: list[tuple[str, str]] = []
        self.count_reset = lambda *what: self.resets.append(what)

    async def _crash(self, error: BaseException) -> None:
        self.crashes.append(error)


async def told_of(begin: int, received: bool) -> Consumer:
    consumer = Consumer(received)
    consumer.out_of_range("plays", 0, 100, begin)
    for _ in range(3):
        await asyncio.sleep(0)
    return consumer


@pytest.mark.parametrize("received", [False, True])
def test_in_a_log_that_was_rewritten_lower_offsets_count_and_who_received_of_the_old_one_ends(
    received: bool, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = asyncio.run(told_of(0, received))
    assert consumer.resets == [("plays", "rewritten")]
    assert "plays[0] ends before offset 100" in caplog.text
    assert consumer._should_commit(TP("plays", 0), 5)
    assert len(consumer.crashes) == received


def test_what_was_deleted_unread_is_told_and_ends_nobody(caplog: pytest.LogCaptureFixture) -> None:
    consumer = asyncio.run(told_of(103, received=True))
    assert consumer.resets == [("plays", "lost")]
    assert "offsets 100 to 102 were deleted before they were read" in caplog.text
    assert not consumer._should_commit(TP("plays", 0), 5)
    assert not consumer.crashes

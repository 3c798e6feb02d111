"""Where a partition begins is asked for where its leader is now: an answer that says "not me" has it looked up."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaError, NotLeaderForPartitionError, RequestTimedOutError

from streamer.engine.kafka.positions import look_up_leaders


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

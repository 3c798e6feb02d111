"""What a fetch brought comes out as the engine's own records."""

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from streamer.engine.kafka.records import Record
from streamer.engine.kafka.unpacking import unpack_plainly

TP = TopicPartition("plays", 0)


def test_a_fetched_batch_is_unpacked_into_records_with_all_that_the_broker_sent() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 20)
    builder.append(0, timestamp=17, key=b"ann", value=b"{}", headers=[])
    builder.append(1, timestamp=18, key=None, value=None, headers=[("d", b"1")])
    raw = bytes(builder.build())

    async def fetch(_assignment: Any, _node_id: int, _request: Any) -> bool:
        records = PartitionRecords(TP, MemoryRecords(raw), [], 0, None, None, True, 0)
        fetcher._records[TP] = FetchResult(TP, assignment=None, partition_records=records, backoff=0)
        return True

    fetcher: Any = SimpleNamespace(_records={}, _proc_fetch_request=fetch)
    unpack_plainly(fetcher)
    assert asyncio.run(fetcher._proc_fetch_request(None, 0, None))
    unpacked = list(fetcher._records[TP]._partition_records)
    assert unpacked == [Record(0, b"ann", b"{}", 17), Record(1, None, None, 18, (("d", b"1"),))]
    assert {type(record) for record in unpacked} == {Record}

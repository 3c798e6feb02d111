"""The floor: fetch with aiokafka, decode with msgspec into typed structs, and drop.

    python -m benchmarks.peers.floor BROKERS PREFIX PARTITIONS

Reads the four source topics once; prints how many records of each, the seconds it took and its CPU seconds, both from
when the consumer was ready.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from typing import Final

import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from streamer.events import EVENT_TYPES, Watermark

_FETCH_BYTES: Final = 4 << 20


async def read(brokers: str, prefix: str, partitions: int) -> dict[str, object]:
    """Reads and decodes everything there is."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await consumer.start()
    decoders = {prefix + name: msgspec.json.Decoder(kind).decode for name, kind in EVENT_TYPES.items()}
    tps = [TopicPartition(topic, partition) for topic in decoders for partition in range(partitions)]
    consumer.assign(tps)
    ends = await consumer.end_offsets(tps)
    left = {tp for tp, end in ends.items() if end > 0}
    counts: Counter[str] = Counter()
    began, cpu = time.monotonic(), time.process_time()
    while left:
        for tp, records in (await consumer.getmany(*left, timeout_ms=200)).items():
            decode = decoders[tp.topic]
            for record in records:
                try:
                    decode(record.value)
                except msgspec.ValidationError:
                    msgspec.json.decode(record.value, type=Watermark)
            counts[tp.topic.removeprefix(prefix)] += len(records)
            if records[-1].offset + 1 >= ends[tp]:
                left.discard(tp)
    took = {"cpu_s": time.process_time() - cpu, "seconds": time.monotonic() - began}
    await consumer.stop()
    return {"counts": counts, **took}


def main() -> None:
    """Reads and prints."""
    brokers, prefix, partitions = sys.argv[1:]
    print(orjson.dumps(asyncio.run(read(brokers, prefix, int(partitions)))).decode())


if __name__ == "__main__":
    main()

"""Record batches with what no ordinary client writes: made by aiokafka, then changed, with a right checksum."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from struct import pack_into
from typing import Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

NAME: Final = "~~~~"
"""A header name to be replaced in the bytes."""
STRANGE_NAME: Final = b"\xff\xfe\xf0\x28"
"""As long, and no UTF-8."""
CODECS: Final = {0: bytes, 1: gzip_encode, 2: snappy_encode, 3: lz4_encode, 4: zstd_encode}
BEFORE_RECORDS: Final = 61


class Odd(NamedTuple):
    """A record to write."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


def batch(records: Iterable[Odd], begin: int = 0, codec: int = 0, changes: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """The bytes of a batch.

    Args:
        records: what is in it; their header names :data:`NAME` become :data:`STRANGE_NAME`.
        begin: offset of the first.
        codec: as Kafka numbers them; 0: none.
        changes: what else to replace in its records, and by what, of the same length.
    """
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 24)
    for number, (key, value, headers) in enumerate(records):
        builder.append(number, 1_760_000_000_000, key, value, list(headers))
    built = bytes(builder.build())
    content = built[BEFORE_RECORDS:].replace(NAME.encode(), STRANGE_NAME)
    for before, after in changes:
        assert before in content
        content = content.replace(before, after)
    return sealed(built, content if codec == 0 else bytes(CODECS[codec](content)), begin, codec)


def sealed(built: bytes, content: bytes, begin: int = 0, codec: int = 0) -> bytes:
    """A batch with other records than it was built with, whatever they are."""
    raw = bytearray(built[:BEFORE_RECORDS] + content)
    pack_into(">qi", raw, 0, begin, len(raw) - 12)
    pack_into(">h", raw, 21, codec)
    pack_into(">I", raw, 17, calc_crc32c(bytes(raw[21:])))
    return bytes(raw)


async def produce(brokers: str, topic: str, partition: int, raw: bytes) -> None:
    """Appends a batch as it is, without a producer's checks."""
    client = AIOKafkaClient(bootstrap_servers=brokers)
    await client.bootstrap()
    try:
        client.add_topic(topic)
        await client._maybe_wait_metadata()
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = ProduceRequest(
            required_acks=-1, timeout=30_000, topics=[(topic, [(partition, raw)])], transactional_id=None
        )
        answer = await asyncio.wait_for(client.send(leader, request), 30)
        assert answer.topics[0][1][0][1] == 0, answer
    finally:
        await client.close()

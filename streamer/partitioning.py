"""In which partition a user's records stand: as the client that keys them by ``user_id`` decides.

Kafka leaves it to the producer, and clients differ. All of a deployment's must agree, since one worker must see all of
a user:

- ``murmur2``: the Java client, kafka-python, aiokafka, kafkajs, Kafka Connect and Streams; librdkafka with
  ``partitioner=murmur2_random``; this SDK.
- ``crc32``: librdkafka with its default ``consistent_random`` (confluent-kafka in Python, Go and .NET, node-rdkafka,
  rust-rdkafka, php-rdkafka).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

Partitioner: TypeAlias = Literal["murmur2", "crc32"]

_M: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C


def murmur2(key: bytes) -> int:
    """Kafka's murmur2 of a key, 0 to 2^32 − 1 (``org.apache.kafka.common.utils.Utils.murmur2``).

    >>> murmur2(b"ann"), murmur2(b"")
    (4170284722, 275646681)
    """
    length = len(key)
    h = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * _M & _WORD
        k = (k ^ k >> 24) * _M & _WORD
        h = (h * _M & _WORD) ^ k
    if length != whole:
        h = (h ^ int.from_bytes(key[whole:], "little")) * _M & _WORD
    h = (h ^ h >> 13) * _M & _WORD
    return h ^ h >> 15


def _by_murmur2(key: bytes, partitions: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def _by_crc32(key: bytes, partitions: int) -> int:
    return zlib.crc32(key) % partitions


_PARTITIONERS: Final[dict[Partitioner, Callable[[bytes, int], int]]] = {"murmur2": _by_murmur2, "crc32": _by_crc32}


def partition_of(user_id: str, partitions: int, partitioner: Partitioner = "murmur2") -> int:
    """The partition of a user, 0 to ``partitions`` − 1.

    >>> [partition_of(user, 4) for user in ("ann", "bob", "eve")]
    [2, 2, 0]
    >>> [partition_of(user, 4, "crc32") for user in ("ann", "bob", "eve")]
    [3, 0, 2]
    """
    return _PARTITIONERS[partitioner](user_id.encode(), partitions)

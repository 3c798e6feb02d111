"""Whatever stands in a record batch, the records around it are read, and what cannot be is told with its place."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.structs import TopicPartition

from streamer.engine.kafka.records import Record
from tests.odd_batches import CODECS, NAME, Odd, batch, sealed
from tests.unit.engine.fetch_way import Broker, Way

BEGIN = 5
GOOD = [Odd(b"k%d" % number, b"v%d" % number) for number in range(4)]
STRANGE = Odd(b"\xff", b"[" * 1_100, [(NAME, b"1"), ("null", None)])
ESCAPED = r"\xff\xfe\xf0("


def read(raw: bytes) -> list[Record]:
    """What a fetch at offset 5 gives of these bytes."""
    way = Way(Broker(records=raw))
    assert asyncio.run(way.fetch(0))
    records = way.fetcher._records[TopicPartition("plays", 0)]._partition_records
    found = list(records)
    way.states["plays", 0].position = records.next_fetch_offset
    return found


def offsets(raw: bytes) -> list[int]:
    return [record.offset for record in read(raw)]


@pytest.mark.parametrize("codec", CODECS)
def test_a_header_name_that_is_no_utf_8_is_told_with_escapes_and_all_else_is_as_it_was(codec: int) -> None:
    found = read(batch([GOOD[0], STRANGE, GOOD[1]], BEGIN, codec) + batch(GOOD, BEGIN + 3, codec))
    assert [record.offset for record in found] == list(range(5, 12))
    assert found[1] == Record(6, b"\xff", b"[" * 1_100, 1_760_000_000_000, ((ESCAPED, b"1"), ("null", b"")))
    assert [record.key for record in found if record.offset != 6] == [b"k0", b"k1", b"k0", b"k1", b"k2", b"k3"]


def test_records_that_were_given_before_one_that_fails_are_not_given_again() -> None:
    assert offsets(batch(GOOD, 3) + batch([*GOOD[:2], STRANGE], 7)) == [5, 6, 7, 8, 9]


def test_a_record_that_cannot_be_read_is_stepped_over_and_told(caplog: pytest.LogCaptureFixture) -> None:
    too_long = (b"\x06v1v", b"\x7ev1v")  # the length of its value
    with caplog.at_level(logging.ERROR):
        raw = batch([GOOD[0], Odd(b"k1", b"v1v"), GOOD[2]], BEGIN, changes=[too_long])
        assert offsets(raw) == [5, 7]
    assert "plays[0]@6 cannot be read, and is stepped over" in caplog.text


def test_a_batch_that_cannot_be_taken_apart_is_stepped_over_and_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert offsets(sealed(batch(GOOD), b"no zstd", BEGIN, codec=4) + batch(GOOD, BEGIN + 4)) == [9, 10, 11, 12]
    assert "plays[0]@5 to 8 cannot be read, and is stepped over" in caplog.text


@pytest.mark.parametrize("content", [b"\xff" * 30, b"\x02" * 30, b"\x00" * 30, b"", b"\x7f"])
def test_whatever_stands_where_records_should_it_is_told_and_the_next_batch_is_read(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert offsets(sealed(batch(GOOD), content, BEGIN) + batch(GOOD, BEGIN + 4)) == [9, 10, 11, 12]
    assert "to 8 cannot be read" in caplog.text or "plays[0]@8 cannot be read" in caplog.text


def test_a_wrong_checksum_stays_an_error_since_the_network_or_a_disk_made_it() -> None:
    raw = bytearray(batch(GOOD, BEGIN))
    raw[-1] ^= 1
    with pytest.raises(CorruptRecordException, match="CRC"):
        read(bytes(raw))

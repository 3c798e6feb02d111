"""Whatever stands in a record batch, the records around it are read, and what cannot be is told with its place."""

from __future__ import annotations

import asyncio
import logging
import tracemalloc
from struct import pack_into, unpack_from
from zlib import crc32

import pytest
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.record.legacy_records import LegacyRecordBatch, LegacyRecordBatchBuilder, _LegacyRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streamer.engine.kafka.inflation import LARGEST, compressed, is_too_large
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.unpacking import Unpacked
from tests.odd_batches import BEFORE_RECORDS, CODECS, NAME, Odd, batch, sealed
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


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec])
def test_a_batch_that_unpacks_to_more_than_one_may_is_stepped_over_and_never_handed_on(
    codec: int, caplog: pytest.LogCaptureFixture
) -> None:
    bomb = sealed(batch(GOOD), bytes(CODECS[codec](bytes(LARGEST + 1))), BEGIN, codec)
    tracemalloc.start()
    try:
        with caplog.at_level(logging.ERROR):
            assert offsets(bomb + batch(GOOD, BEGIN + 4, codec)) == [9, 10, 11, 12]
        assert tracemalloc.get_traced_memory()[1] < len(bomb) * 4 + (8 << 20)
    finally:
        tracemalloc.stop()
    assert "plays[0]@5 to 8 cannot be read, and is stepped over" in caplog.text
    assert f"its {len(bomb) - BEFORE_RECORDS} bytes unpack to more" in caplog.text


DECODERS = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode}
OLD = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3)]
"""Formats of before headers, with the codecs that they may have."""


def old_batch(form: int, codec: int, values: list[bytes], begin: int, key: bytes | None = None) -> bytes:
    """A batch as producers wrote them before Kafka 0.11, as it is in a broker's log: its offset is the last one.

    Args:
        form: 0 or 1.
        codec: as Kafka numbers them; 0: none.
        values: of its records.
        begin: offset of the first.
        key: of the message around compressed ones; Kafka's own producers write none, but nothing forbids one.
    """
    if form == 0 or codec == 0:  # offsets are absolute
        inner = b"".join(_message(form, begin + number, b"k", value) for number, value in enumerate(values))
    else:
        inner = b"".join(_message(form, number, b"k", value) for number, value in enumerate(values))
    if codec == 0:
        return inner
    return _message(form, begin + len(values) - 1, key, bytes(CODECS[codec](inner)), codec)


def _message(form: int, offset: int, key: bytes | None, value: bytes, codec: int = 0) -> bytes:
    builder = LegacyRecordBatchBuilder(form, 0, 1 << 30)
    builder.append(offset=0, timestamp=1_760_000_000_000, key=key, value=value)
    raw = builder.build()
    pack_into(">q", raw, 0, offset)
    raw[17] |= codec
    pack_into(">I", raw, 12, crc32(raw[16:]))
    return bytes(raw)


@pytest.mark.parametrize(("form", "codec"), OLD)
def test_older_formats_are_read_also_behind_what_is_stepped_over(form: int, codec: int) -> None:
    raw = old_batch(form, codec, [b"v0", b"v1"], BEGIN)
    assert [(record.offset, record.value) for record in read(raw)] == [(5, b"v0"), (6, b"v1")]
    broken = sealed(batch(GOOD[:1]), b"no zstd", BEGIN, codec=4)
    assert offsets(broken + old_batch(form, codec, [b"v0", b"v1"], BEGIN + 1) + batch([STRANGE], 8)) == [6, 7, 8]


@pytest.mark.parametrize(("form", "codec"), [some for some in OLD if some[1]])
@pytest.mark.parametrize("key", [None, b"a key"])
def test_a_batch_of_an_older_format_that_unpacks_to_more_is_stepped_over_as_well(
    form: int, codec: int, key: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    bomb = old_batch(form, codec, [b"small", bytes(LARGEST)], 7, key)
    tracemalloc.start()
    try:
        with caplog.at_level(logging.ERROR):
            raw = old_batch(form, codec, [b"v"] * 2, BEGIN) + bomb + old_batch(form, codec, [b"v"] * 2, 9)
            assert offsets(raw) == [5, 6, 9, 10]
        assert tracemalloc.get_traced_memory()[1] < len(raw) * 6 + (8 << 20)
    finally:
        tracemalloc.stop()
    assert "plays[0]@7 to 8 cannot be read, and is stepped over" in caplog.text
    assert "bytes unpack to more" in caplog.text


def test_formats_that_are_none_hide_nothing() -> None:
    raw = bytearray(_message(0, 5, None, bytes(CODECS[1](bytes(LARGEST + 1))), 1))
    raw[16] = 0x80  # aiokafka reads it as format 0
    pack_into(">I", raw, 12, crc32(raw[16:]))
    assert is_too_large(*compressed(bytes(raw), 0, len(raw)))
    assert offsets(bytes(raw) + batch(GOOD, 6)) == [6, 7, 8, 9]


@given(st.sampled_from([some for some in OLD if some[1]]), st.binary(max_size=300), st.data())
def test_whatever_the_lengths_of_an_older_format_say_what_aiokafka_unpacks_is_looked_at(
    kind: tuple[int, int], value: bytes, data: st.DataObject
) -> None:
    form, codec = kind
    raw = bytearray(old_batch(form, codec, [value], 0, data.draw(st.none() | st.binary(max_size=20))))
    key_at = 26 if form else 18
    pack_into(">i", raw, key_at, data.draw(st.integers(-30, 30) | st.just(unpack_from(">i", raw, key_at)[0])))
    try:
        (record,) = LegacyRecordBatch(bytes(raw), form)
    except Exception:  # noqa: BLE001 - whatever it is, nothing was unpacked then
        return
    found, codec_found = compressed(bytes(raw), 0, len(raw))
    assert codec_found == codec
    assert record.value in DECODERS[codec](found)


def test_a_key_of_negative_length_hides_nothing() -> None:
    """To aiokafka without its C parts it makes the date the length of the value."""
    value = bytes(CODECS[1](_message(1, 0, None, bytes(LARGEST))))
    raw = bytearray(_message(1, 5, None, b"", 1)[:18] + bytes(12) + value[8:])
    pack_into(">i4si", raw, 18, len(value), value[:4], -12)  # the last are gzip's date
    pack_into(">i", raw, 8, len(raw) - 12)
    (record,) = _LegacyRecordBatchPy(bytes(raw), 1)
    assert record.value is not None
    assert len(record.value) == LARGEST
    assert is_too_large(*compressed(bytes(raw), 0, len(raw)))


@pytest.mark.parametrize(("form", "codec"), [(0, 3), (0, 4), (1, 4)])
def test_what_aiokafka_does_not_read_of_older_formats_stays_an_error(form: int, codec: int) -> None:
    with pytest.raises(UnsupportedCodecError):
        read(old_batch(form, codec, [bytes(LARGEST)], BEGIN))
    with pytest.raises(UnsupportedCodecError):
        read(batch([STRANGE], BEGIN) + old_batch(form, codec, [b"v"], BEGIN + 1))


@pytest.mark.parametrize("form", [0, 1])
def test_a_batch_of_an_older_format_that_cannot_be_unpacked_is_stepped_over_and_told(
    form: int, caplog: pytest.LogCaptureFixture
) -> None:
    raw = _message(form, 8, None, b"no gzip", 1)
    with caplog.at_level(logging.ERROR):
        assert offsets(raw + batch(GOOD, 9)) == [9, 10, 11, 12]
    assert "plays[0]@5 to 8 cannot be read, and is stepped over" in caplog.text


@pytest.mark.parametrize("content", [b"\xff" * 30, b"\x02" * 30, b"\x00" * 30, b"", b"\x7f"])
def test_whatever_stands_where_records_should_it_is_told_and_the_next_batch_is_read(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert offsets(sealed(batch(GOOD), content, BEGIN) + batch(GOOD, BEGIN + 4)) == [9, 10, 11, 12]
    assert "to 8 cannot be read" in caplog.text or "plays[0]@8 cannot be read" in caplog.text


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6), st.data())
def test_whatever_bit_of_a_record_is_turned_but_its_offset_every_offset_is_given_or_told(
    values: list[bytes], data: st.DataObject
) -> None:
    whole = batch([Odd(b"k", value) for value in values])
    content = bytearray(whole[BEFORE_RECORDS:])
    begin = 0
    for _ in range(data.draw(st.integers(0, len(values) - 1))):
        begin = _end(content, begin)
    fields = decode_varint(content, begin)[1] + 3  # behind attributes, date and offset, of a byte each
    at = data.draw(st.sampled_from([*range(begin, fields - 3), *range(fields, _end(content, begin))]))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    told: list[int] = []
    raw = sealed(whole, bytes(content))
    answer = PartitionRecords(TopicPartition("plays", 0), MemoryRecords(raw), [], 0, None, None, True, 0)
    given_ = [record.offset for record in Unpacked(answer, raw, lambda begin, end, _: told.extend(range(begin, end)))]
    assert sorted(given_ + told) == list(range(len(values)))


def _end(content: bytearray, begin: int) -> int:
    """Of the record that begins there."""
    length, at = decode_varint(content, begin)
    end: int = at + length
    return end


def test_what_compaction_has_taken_of_a_batch_is_not_told_as_unreadable(caplog: pytest.LogCaptureFixture) -> None:
    left = bytearray(batch([STRANGE, GOOD[0]], BEGIN))
    pack_into(">i", left, 23, 9)  # offset of the last record that it had, less that of its first
    with caplog.at_level(logging.ERROR):
        assert offsets(sealed(bytes(left), bytes(left[BEFORE_RECORDS:]), BEGIN) + batch(GOOD, BEGIN + 10)) == [
            *(5, 6),
            *range(15, 19),
        ]
    assert caplog.text == ""


def test_a_wrong_checksum_stays_an_error_since_the_network_or_a_disk_made_it() -> None:
    raw = bytearray(batch(GOOD, BEGIN))
    raw[-1] ^= 1
    with pytest.raises(CorruptRecordException, match="CRC"):
        read(bytes(raw))

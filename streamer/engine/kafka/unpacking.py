"""Unpacks what a fetch brought, whatever is in it: no record keeps those behind it from being read.

Faust seam: ``PartitionRecords._unpack_records`` of aiokafka, which raises at the first record that it cannot unpack (a
header name that is no UTF-8 is enough), and then the partition is fetched from there again and again.

Replaces: nothing, until it raises or would take more memory than a batch may (``engine/kafka/inflation.py``). Then
what is left of the answer is read by the code here, a record at a time: header names that are no UTF-8 are told with
escapes, and a record that cannot be read at all is stepped over and told, or the whole batch, if that cannot be taken
apart.

What must hold for it to be right: aiokafka still decides which batches count (transactions, control records), and a bad
checksum still is an error, for it says that the network or a disk has changed what was sent. Nothing is stepped over
for want of memory or of a codec, which is this process's fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any, Final, NamedTuple

from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import UnsupportedCodecError
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.util import decode_varint
from aiokafka.structs import TopicPartition

from streamer.engine.kafka.inflation import BEFORE_RECORDS, LARGEST, WITH_HEADERS, compressed, is_too_large
from streamer.engine.kafka.records import Record

_HEAD: Final = Struct(">qiibIhi")
"""Offset of the first record, length of what follows it, leader epoch, format, checksum, attributes, offset of the last
record less that of the first."""
_COUNT: Final = Struct(">i")
_BEFORE_LENGTH: Final = 12
_LOG_APPEND_TIME: Final = 1

SteppedOver = Callable[[int, int, str], None]
"""Told of offsets without a readable record: the first, the one after the last, and why."""


class _ReadRecord(NamedTuple):
    """A record as aiokafka's own are."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    checksum: None = None


class Unpacked:
    """An answer that gives :class:`Record` after record, and goes on where aiokafka's own unpacking fails.

    Iterating over it raises:
        CorruptRecordException: a checksum is wrong.
        UnsupportedCodecError: there is no such compression here.

    Args:
        records: the answer as aiokafka takes it, of which nothing is taken yet.
        raw: its bytes.
        stepped_over: told of what cannot be read.
    """

    def __init__(self, records: PartitionRecords, raw: bytes, stepped_over: SteppedOver) -> None:
        records._consumer_record = _plain
        self._records = records
        self._found = _unpacked(records, raw, stepped_over)

    def __iter__(self) -> Iterator[Record]:
        """What is left; by itself, as one call more for each record would be felt."""
        return self._found

    def __next__(self) -> Record:
        return next(self._found)

    @property
    def next_fetch_offset(self) -> int:
        """Where to go on when this is given up or used up."""
        offset: int = self._records.next_fetch_offset
        return offset


def _plain(_tp: TopicPartition, record: Any) -> Record:
    headers = record.headers
    return Record(
        record.offset,
        record.key,
        record.value,
        record.timestamp,
        tuple([(name, value or b"") for name, value in headers]) if headers else (),
        record.timestamp_type == _LOG_APPEND_TIME,
    )


def _unpacked(records: PartitionRecords, raw: bytes, stepped_over: SteppedOver) -> Iterator[Record]:
    if any(is_too_large(*compressed(raw, at, end)) for at, end in _places(raw)):
        records._records = _Batches(raw, records.next_fetch_offset, stepped_over)
    try:
        yield from records._unpack_records()
    except (MemoryError, UnsupportedCodecError):
        raise
    except Exception:  # noqa: BLE001 - whatever a record makes raise must not stop the others (I9)
        records._records = _Batches(raw, records.next_fetch_offset, stepped_over)
        yield from records._unpack_records()


class _Batches:
    """The batches of an answer from an offset on, as ``MemoryRecords`` of aiokafka gives them."""

    def __init__(self, raw: bytes, begin: int, stepped_over: SteppedOver) -> None:
        self._left = [found for found in _taken_apart(raw) if found[0] > begin][::-1]
        self._end = begin
        self._stepped_over = stepped_over

    def has_next(self) -> bool:
        return bool(self._left)

    def next_batch(self) -> Any:
        end, raw = self._left.pop()
        begin, self._end = self._end, end
        form = _HEAD.unpack_from(raw)[3]
        if form < WITH_HEADERS:
            legacy = LegacyRecordBatch(raw, form)
            return _Batch(legacy, _guarded(legacy, raw, begin, self._stepped_over))
        batch = DefaultRecordBatch(raw)
        return batch if batch.is_control_batch else _Batch(batch, _read(batch, raw, self._stepped_over))


class _Batch:
    """A batch of aiokafka whose records come from elsewhere."""

    def __init__(self, batch: Any, records: Iterator[Any]) -> None:
        self._batch = batch
        self._found = records

    def __iter__(self) -> Iterator[Any]:
        return self._found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)


def _places(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where each batch in these bytes begins and ends; the broker may have cut the last one off."""
    at = 0
    while at + _HEAD.size <= len(raw):
        end = at + _BEFORE_LENGTH + _HEAD.unpack_from(raw, at)[1]
        if not at < end <= len(raw):
            return
        yield at, end
        at = end


def _taken_apart(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """The batches in these bytes, each with the offset after it."""
    for at, end in _places(raw):
        base, _, _, form, _, _, last = _HEAD.unpack_from(raw, at)
        yield base + (last if form >= WITH_HEADERS else 0) + 1, raw[at:end]


def _guarded(batch: Any, raw: bytes, begin: int, stepped_over: SteppedOver) -> Iterator[Any]:
    """The records of an older format, which aiokafka reads. Compressed ones say only their last offset, so where the
    batch before them ended they begin."""
    data, codec = compressed(raw, 0, len(raw))
    expected = begin if codec else batch.next_offset - 1
    try:
        _ensure_bounded(data, codec)
        for record in batch:
            expected = max(expected, record.offset + 1)
            yield record
    except (MemoryError, UnsupportedCodecError):
        raise
    except Exception as error:  # noqa: BLE001 - as above
        stepped_over(expected, batch.next_offset, repr(error))


def _read(batch: Any, raw: bytes, stepped_over: SteppedOver) -> Iterator[_ReadRecord]:
    """The records of a batch that can be read. From one that cannot be to the next that can, all offsets are told:
    where its length is wrong, it may hide others."""
    expected, why = batch.base_offset, ""
    (left,) = _COUNT.unpack_from(raw, BEFORE_RECORDS - _COUNT.size)
    try:
        for found in _frames(bytearray(_uncompressed(raw[BEFORE_RECORDS:], batch.compression_type))):
            left -= 1
            try:
                record = _record(batch, found)
                if not expected <= record.offset < batch.next_offset:
                    raise ValueError(f"its offset is {record.offset}")
            except (ValueError, IndexError) as error:
                why = why or str(error)
                continue
            if why and record.offset > expected:
                stepped_over(expected, record.offset, why)
            expected, why = record.offset + 1, ""
            yield record
    except (MemoryError, UnsupportedCodecError):
        raise
    except Exception as error:  # noqa: BLE001 - as above; a decompressor's errors have no common root
        why = why or repr(error)
    if expected < batch.next_offset and (why or left > 0):  # else compaction has taken the last ones
        stepped_over(expected, batch.next_offset, why or "there are fewer records than it says")


def _frames(data: bytearray) -> Iterator[_Cursor]:
    """The records of a batch, as their lengths say.

    Raises:
        ValueError, IndexError: one of them reaches beyond the batch.
    """
    at = 0
    while at < len(data):
        length, begin = decode_varint(data, at)
        at = begin + length
        if not begin < at <= len(data):
            raise ValueError(f"a record of {length} bytes")
        yield _Cursor(data, begin, at)


def _uncompressed(data: bytes, codec: int) -> bytes:
    if codec == DefaultRecordBatch.CODEC_NONE:
        return data
    decode = {
        DefaultRecordBatch.CODEC_GZIP: gzip_decode,
        DefaultRecordBatch.CODEC_SNAPPY: snappy_decode,
        DefaultRecordBatch.CODEC_LZ4: lz4_decode,
        DefaultRecordBatch.CODEC_ZSTD: zstd_decode,
    }.get(codec)
    if decode is None:
        raise UnsupportedCodecError(f"compression {codec} is not known: upgrade aiokafka")
    _ensure_bounded(data, codec)
    found: bytes = decode(data)
    return found


def _ensure_bounded(data: bytes, codec: int) -> None:
    if is_too_large(data, codec):
        raise ValueError(f"its {len(data)} bytes unpack to more than {LARGEST}, or not at all")


def _record(batch: Any, found: _Cursor) -> _ReadRecord:
    """A record in the order of the format's fields."""
    found.at += 1  # attributes, none of which mean anything yet
    since_first_ms = found.varint()
    appended = batch.timestamp_type == _LOG_APPEND_TIME
    timestamp = batch.max_timestamp if appended else batch.first_timestamp + since_first_ms
    offset = batch.base_offset + found.varint()
    key, value = found.bytes(), found.bytes()
    headers = []
    for _ in range(found.varint()):
        name = found.bytes() or b""
        headers.append((name.decode(errors="backslashreplace"), found.bytes()))
    found.ensure_ended()
    return _ReadRecord(offset, timestamp, batch.timestamp_type, key, value, headers)


class _Cursor:
    """Reads the fields of a record that ends before ``end``.

    Raises from its methods:
        ValueError, IndexError: a field reaches beyond that.
    """

    def __init__(self, data: bytearray, at: int, end: int) -> None:
        self.at = at
        self._data = data
        self._end = end

    def varint(self) -> int:
        number: int
        number, self.at = decode_varint(self._data, self.at)
        self._ensure()
        return number

    def bytes(self) -> bytes | None:
        """A field that says its length first; None if that is negative."""
        length = self.varint()
        if length < 0:
            return None
        begin = self.at
        self.at += length
        self._ensure()
        return bytes(self._data[begin : self.at])

    def ensure_ended(self) -> None:
        """Nothing is left of the record."""
        if self.at != self._end:
            raise ValueError(f"{self._end - self.at} bytes behind its last field")

    def _ensure(self) -> None:
        if self.at > self._end:
            raise ValueError(f"a field reaches {self.at - self._end} bytes beyond its record")

"""Tells of a compressed batch whose records would take too much memory before they are unpacked: 1 MB may be 30 GB.

Faust seam: none; no I/O.

What must hold for it to be right: what ``aiokafka.codec`` would unpack to more than a batch may is always told,
whatever the bytes are, and nothing else is but what cannot be unpacked at all. What a batch says of its own size is not
believed, if a decompressor does not either.

What it costs: of nearly every batch its blocks are counted, some microseconds, as each can only become so much. Where
that leaves it open the batch is unpacked once more, and what comes out is dropped, which for a moment takes what the
largest batch may at most (gzip: 1 MB). So it is with all gzip above 65 KB, about 2 ms for 1 MB of events; with zstd of
more than 512 blocks, as of a producer that flushes after each record; with lz4 above 260 KB in blocks of up to 4 MB.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable, Iterator
from gzip import GzipFile
from io import BytesIO
from struct import Struct, error
from typing import Any, Final

import cramjam
from aiokafka.record.default_records import DefaultRecordBatch

LARGEST: Final = 64 << 20
"""Bytes that the records of one batch may unpack to. Producers bound a batch before they compress it: 1 MB, if nobody
has set another."""
BEFORE_RECORDS: Final = 61
"""Bytes of a batch before its records."""
WITH_HEADERS: Final = 2
"""The format from which on records have headers, and a batch is no message itself."""

_U32: Final = Struct("<I")
_I32: Final = Struct(">i")
_FORMAT_AT: Final = 16
_ATTRIBUTES_AT: Final = 22
"""Of those the byte with the codec."""
_MESSAGE_ATTRIBUTES_AT: Final = 17
_MESSAGE_KEY_AT: Final = 18
_DATE_BYTES: Final = 8
"""Of the date that stands before the key in format 1."""
_CODEC: Final = 0x07
_GZIP_RATIO: Final = 1_032
"""Most that DEFLATE makes of a byte (zlib's technical details)."""
_LZ4_RATIO: Final = 255
_GZIP_STEP: Final = 1 << 20
_ZSTD_BLOCK: Final = 128 << 10
_ZSTD_SMALLEST_WINDOW: Final = 1 << 10
_ZSTD_SKIPPED: Final = range(0x184D2A50, 0x184D2A60)
_ZSTD_MAGIC: Final = 0xFD2FB528
_LZ4_MAGIC: Final = 0x184D2204
_XERIAL: Final = b"\x82SNAPPY\0"
_XERIAL_HEAD: Final = 16
_BLOCKS: Final = 4_096
"""Of more blocks than that it takes longer to count them than to unpack them."""


def compressed(raw: bytes, at: int, end: int) -> tuple[bytes, int]:
    """The records of a batch, if they are compressed, and by which codec; else nothing and 0.

    Args:
        raw: bytes of an answer.
        at: where the batch begins, of any format; it has at least the attributes.
        end: where it ends.
    """
    form = int.from_bytes(raw[at + _FORMAT_AT : at + _FORMAT_AT + 1], signed=True)
    if form >= WITH_HEADERS:
        codec = raw[at + _ATTRIBUTES_AT] & _CODEC
        return (raw[at + BEFORE_RECORDS : end] if codec else b"", codec)
    codec = raw[at + _MESSAGE_ATTRIBUTES_AT] & _CODEC
    last_codec = DefaultRecordBatch.CODEC_SNAPPY if form == 0 else DefaultRecordBatch.CODEC_LZ4
    if not 0 < codec <= last_codec:  # aiokafka refuses the others before it unpacks anything
        return b"", 0
    message, key_at = raw[at:end], _MESSAGE_KEY_AT + (_DATE_BYTES if form == 1 else 0)
    try:  # as aiokafka does
        (length,) = _I32.unpack_from(message, key_at)
        value_at = key_at + _I32.size + (length if length != -1 else 0)
        (length,) = _I32.unpack_from(message, value_at)
    except error:  # it ends too early: aiokafka says so
        return b"", 0
    begin = value_at + _I32.size
    return message[begin : begin + length], codec


def is_too_large(data: bytes, codec: int) -> bool:
    """Whether the records of a batch unpack to more than :data:`LARGEST` bytes, or perhaps not at all.

    Args:
        data: the records, compressed.
        codec: by which compression, as the batch's attributes say. Of one that is not known nothing is said.

    Raises:
        MemoryError: there is none to find it out.
    """
    if codec == DefaultRecordBatch.CODEC_GZIP:
        return len(data) * _GZIP_RATIO > LARGEST and _gzip(data)
    if codec == DefaultRecordBatch.CODEC_SNAPPY:
        return not _is_bounded(_snappy(data), len(data))
    if codec == DefaultRecordBatch.CODEC_LZ4:
        return not _is_bounded(_lz4(data), _BLOCKS) and _unpacks_to_more(data, cramjam.lz4.decompress_into)
    if codec == DefaultRecordBatch.CODEC_ZSTD:
        return not _is_bounded(_zstd(data), _BLOCKS) and _unpacks_to_more(data, cramjam.zstd.decompress_into)
    return False


def _is_bounded(sizes: Iterator[int], most: int) -> bool:
    """Whether blocks, of which no more than so many are looked at, cannot become too large together."""
    size = 0
    try:
        for number, block in enumerate(sizes):
            size += block
            if size > LARGEST or number > most:
                return False
    except (IndexError, error):  # it ends too early: the decompressor says so
        pass
    return True


def _unpacks_to_more(data: bytes, decompress_into: Callable[[Any, Any], int]) -> bool:
    """Unpacks into room that the system gives only as it is written to, and takes back at once."""
    try:
        room = mmap.mmap(-1, LARGEST + 1, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as failed:
        raise MemoryError from failed
    with room:
        try:
            return decompress_into(data, room) > LARGEST
        except cramjam.DecompressionError:  # too little room, or broken: which, only its text says
            return True


def _gzip(data: bytes) -> bool:
    """Unpacks in steps as ``gzip_decode`` does: zlib by itself refuses headers that this one takes."""
    size = 0
    with GzipFile(fileobj=BytesIO(data)) as file:
        try:
            while some := len(file.read(_GZIP_STEP)):
                size += some
                if size > LARGEST:
                    return True
        except (EOFError, OSError, zlib.error):  # the decompressor says so
            pass
    return False


def _snappy(data: bytes) -> Iterator[int]:
    """The sizes that its blocks say; a decompressor makes room for them, so it takes no more."""
    if not data.startswith(_XERIAL):
        yield _varint(data, 0)
        return
    at = _XERIAL_HEAD
    while at < len(data):
        (length,) = _I32.unpack_from(data, at)
        if length < 0:  # read backwards
            yield LARGEST + 1
        yield _varint(data, at + _I32.size)
        at += _I32.size + length


def _lz4(data: bytes) -> Iterator[int]:
    """The most that each block of each frame can become (LZ4 Frame Format 1.6)."""
    at = 0
    while at < len(data):
        (magic,) = _U32.unpack_from(data, at)
        at += _U32.size
        if magic in _ZSTD_SKIPPED:  # both formats have the same
            at += _U32.size + _U32.unpack_from(data, at)[0]
            yield 0
            continue
        if magic != _LZ4_MAGIC:  # nothing is known of it
            yield LARGEST + 1
        flags, largest = data[at], 1 << (8 + 2 * (data[at + 1] >> 4 & 7))
        has_size, has_dictionary = flags & 8, flags & 1
        at += 3 + (8 if has_size else 0) + (4 if has_dictionary else 0)
        while length := _U32.unpack_from(data, at)[0]:
            is_stored, length = length >> 31, length & 0x7FFFFFFF
            yield length if is_stored else min(largest, length * _LZ4_RATIO)
            at += _U32.size + length + (4 if flags & 16 else 0)
        yield 0
        at += _U32.size + (4 if flags & 4 else 0)


def _zstd(data: bytes) -> Iterator[int]:
    """The most that each block of each frame can become (RFC 8878)."""
    at = 0
    while at < len(data):
        (magic,) = _U32.unpack_from(data, at)
        at += _U32.size
        if magic in _ZSTD_SKIPPED:
            at += _U32.size + _U32.unpack_from(data, at)[0]
            yield 0
            continue
        if magic != _ZSTD_MAGIC:  # nothing is known of it: there are older formats
            yield LARGEST + 1
        has_checksum = data[at] & 4
        at, largest = _zstd_head(data, at)
        is_last = 0
        while not is_last:
            head = int.from_bytes(data[at : at + 3], "little")
            if at + 3 > len(data):
                return
            is_last, kind, length = head & 1, head >> 1 & 3, head >> 3
            yield largest if kind == 2 else length
            at += 3 + (1 if kind == 1 else length)
        at += 4 if has_checksum else 0


def _zstd_head(data: bytes, at: int) -> tuple[int, int]:
    """Where the blocks of a frame begin, and the most that a compressed one can become."""
    descriptor = data[at]
    is_single, size_bytes = descriptor >> 5 & 1, (0, 2, 4, 8)[descriptor >> 6] or descriptor >> 5 & 1
    if is_single:  # its window is the content
        size_at = at + 1 + (0, 1, 2, 4)[descriptor & 3]
        window = int.from_bytes(data[size_at : size_at + size_bytes], "little") + (256 if size_bytes == 2 else 0)
    else:
        exponent, eighths = data[at + 1] >> 3, data[at + 1] & 7
        window = (1 << 10 + exponent) // 8 * (8 + eighths)
    at += 1 + size_bytes + (1 - is_single) + (0, 1, 2, 4)[descriptor & 3]
    return at, min(max(window, _ZSTD_SMALLEST_WINDOW), _ZSTD_BLOCK)


def _varint(data: bytes, at: int) -> int:
    """A number of up to 32 bits, least bits first."""
    found = shift = 0
    while shift < 35:
        byte = data[at]
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found
        at, shift = at + 1, shift + 7
    return found

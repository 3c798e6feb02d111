"""How much the records of a compressed batch unpack to, told before they are unpacked: 1 MB may be 30 GB of zeros.

Faust seam: none; no I/O.

What must hold for it to be right: it is never less than what the decompressors of ``aiokafka.codec`` give, whatever
the bytes are; of what ordinary producers send it is at most some 128 KiB more. What a batch says of its own size is not
believed, if a decompressor does not either. Only gzip does not tell it in what it looks like, and has to be tried.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from struct import Struct, error
from typing import Final

from aiokafka.record.default_records import DefaultRecordBatch

LARGEST: Final = 64 << 20
"""Bytes that the records of one batch may unpack to. Producers bound a batch before they compress it: 1 MB, if nobody
has set another."""

_U32: Final = Struct("<I")
_I32: Final = Struct(">i")
_GZIP_RATIO: Final = 1_032
"""Most that DEFLATE makes of a byte (zlib's technical details)."""
_LZ4_RATIO: Final = 255
_GZIP_STEP: Final = 1 << 20
_ZSTD_BLOCK: Final = 128 << 10
_ZSTD_SKIPPED: Final = range(0x184D2A50, 0x184D2A60)
_ZSTD_MAGIC: Final = 0xFD2FB528
_LZ4_MAGIC: Final = 0x184D2204
_XERIAL: Final = b"\x82SNAPPY\0"
_XERIAL_HEAD: Final = 16


def is_too_large(data: bytes, codec: int) -> bool:
    """Whether the records of a batch may unpack to more than :data:`LARGEST` bytes.

    Args:
        data: the records, compressed.
        codec: by which compression, as the batch's attributes say. Of one that is not known nothing is said.
    """
    if codec == DefaultRecordBatch.CODEC_GZIP:
        return len(data) * _GZIP_RATIO > LARGEST and _gzip(data)
    blocks = {
        DefaultRecordBatch.CODEC_SNAPPY: _snappy,
        DefaultRecordBatch.CODEC_LZ4: _lz4,
        DefaultRecordBatch.CODEC_ZSTD: _zstd,
    }.get(codec)
    size = 0
    try:
        for block in () if blocks is None else blocks(data):
            size += block
            if size > LARGEST:
                return True
    except (IndexError, error):  # it ends too early: the decompressor says so
        pass
    return False


def _gzip(data: bytes) -> bool:
    size, left = 0, data
    while left:
        member = zlib.decompressobj(wbits=31)
        try:
            while not member.eof:
                some = member.decompress(left, _GZIP_STEP)
                left, size = member.unconsumed_tail, size + len(some)
                if size > LARGEST:
                    return True
                if not some and not left and not member.eof:  # cut off
                    return False
        except zlib.error:  # the decompressor says so
            return False
        left = member.unused_data.lstrip(b"\0")
    return False


def _snappy(data: bytes) -> Iterator[int]:
    """The sizes that its blocks say; a decompressor makes room for them, so it takes no more."""
    if not data.startswith(_XERIAL):
        yield _varint(data, 0)
        return
    at = _XERIAL_HEAD
    while at < len(data):
        (length,) = _I32.unpack_from(data, at)
        if length <= 0:
            return
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
            continue
        if magic != _LZ4_MAGIC:
            return
        flags, largest = data[at], 1 << (8 + 2 * (data[at + 1] >> 4 & 7))
        has_size, has_dictionary = flags & 8, flags & 1
        at += 3 + (8 if has_size else 0) + (4 if has_dictionary else 0)
        while length := _U32.unpack_from(data, at)[0]:
            is_stored, length = length >> 31, length & 0x7FFFFFFF
            yield length if is_stored else min(largest, length * _LZ4_RATIO)
            at += _U32.size + length + (4 if flags & 16 else 0)
        at += _U32.size + (4 if flags & 4 else 0)


def _zstd(data: bytes) -> Iterator[int]:
    """The most that each block of each frame can become (RFC 8878)."""
    at = 0
    while at < len(data):
        (magic,) = _U32.unpack_from(data, at)
        at += _U32.size
        if magic in _ZSTD_SKIPPED:
            at += _U32.size + _U32.unpack_from(data, at)[0]
            continue
        if magic != _ZSTD_MAGIC:
            return
        descriptor = data[at]
        is_single, size_bytes = descriptor >> 5 & 1, (0, 2, 4, 8)[descriptor >> 6]
        at += 1 + (size_bytes or is_single) + (1 - is_single) + (0, 1, 2, 4)[descriptor & 3]
        is_last = 0
        while not is_last:
            head = int.from_bytes(data[at : at + 3], "little")
            if at + 3 > len(data):
                return
            is_last, kind, length = head & 1, head >> 1 & 3, head >> 3
            yield _ZSTD_BLOCK if kind == 2 else length
            at += 3 + (1 if kind == 1 else length)
        at += 4 if descriptor & 4 else 0


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

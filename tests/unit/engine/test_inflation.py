"""What a batch unpacks to is never guessed too low, whatever is in it, and of ordinary batches hardly too high."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import cramjam
import lz4.frame
import pytest
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, snappy_encode, zstd_decode
from hypothesis import given
from hypothesis import strategies as st

from streamer.engine.kafka import inflation
from tests.odd_batches import CODECS

DECODERS: dict[int, Callable[[bytes], bytes]] = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}
COMPRESSED = sorted(DECODERS)
XERIAL = bytes(snappy_encode(b""))
"""What stands before blocks of Snappy."""


def said(data: bytes, codec: int, largest: int) -> bool:
    """What is said if a batch may unpack to no more than this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inflation, "LARGEST", largest)
        return inflation.is_too_large(data, codec)


def of_events(size: int) -> bytes:
    """Bytes as producers send them."""
    some = random.Random(size)
    return b"".join(b'{"user_id":"user-%d","ts":%d}' % (some.randrange(10**6), number) for number in range(size // 30))


@given(st.sampled_from(COMPRESSED), st.binary(max_size=2_000), st.integers(1, 20_000))
def test_what_unpacks_to_more_is_always_said_to(codec: int, some: bytes, times: int) -> None:
    content = some * (times % 300) + bytes(times)
    assert said(bytes(CODECS[codec](content)), codec, len(content) - 1)


def flushed(compressor: cramjam.zstd.Compressor | cramjam.lz4.Compressor, records: Iterable[bytes]) -> bytes:
    """What a producer sends that flushes after each record."""
    found = bytearray()
    for record in records:
        compressor.compress(record)
        found += bytes(compressor.flush())
    return bytes(found + bytes(compressor.finish()))


@given(st.sampled_from(COMPRESSED), st.binary(max_size=300), st.data())
def test_bytes_that_were_changed_unpack_to_no_more_than_is_said(codec: int, some: bytes, data: st.DataObject) -> None:
    changed = bytearray(CODECS[codec](some * 40 + bytes(2_000)))
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    raw = bytes(changed)
    try:
        found = DECODERS[codec](raw)
    except Exception:  # noqa: BLE001 - a decompressor's errors have no common root
        return
    assert not found or said(raw, codec, len(found) - 1)


@given(st.sampled_from([3, 4]), st.lists(st.binary(min_size=1, max_size=50), min_size=1), st.integers(1, 2_000))
def test_blocks_of_whatever_size_unpack_to_no_more_than_is_said_and_no_less(
    codec: int, records: list[bytes], times: int
) -> None:
    raw = flushed(
        cramjam.lz4.Compressor() if codec == 3 else cramjam.zstd.Compressor(), [one * times for one in records]
    )
    size = len(DECODERS[codec](raw))
    assert (said(raw, codec, size - 1), said(raw, codec, size)) == (True, False)


@given(st.sampled_from([*COMPRESSED, 0, 7]), st.binary(max_size=200))
def test_it_says_something_of_whatever_bytes(codec: int, raw: bytes) -> None:
    assert said(raw, codec, 1 << 30) in (True, False)


@pytest.mark.parametrize("codec", COMPRESSED)
@pytest.mark.parametrize("size", [3_000, 400_000, 3_000_000])
def test_what_ordinary_producers_send_is_not_said_to_be_more_than_it_is(codec: int, size: int) -> None:
    content = of_events(size)
    raw = bytes(CODECS[codec](content))
    assert DECODERS[codec](raw) == content
    assert not said(raw, codec, len(content))


@pytest.mark.parametrize("block", [4, 5, 6, 7])
@pytest.mark.parametrize("sizes", [False, True])
def test_lz4_frames_of_every_kind_are_read(block: int, sizes: bool) -> None:
    raw = lz4.frame.compress(
        bytes(9_000_000), block_size=block, block_checksum=sizes, content_checksum=sizes, store_size=sizes
    )
    assert not said(raw, 3, 9_000_000)
    assert said(raw, 3, 8_999_999)
    assert said(lz4.frame.compress(b"some") + raw, 3, 8_999_999)


def test_snappy_without_blocks_and_frames_behind_frames_are_read() -> None:
    bare = bytes(snappy_encode(bytes(500_000), xerial_compatible=False))
    assert (said(bare, 2, 499_999), said(bare, 2, 500_000)) == (True, False)
    for codec in (1, 3, 4):
        twice = bytes(CODECS[codec](bytes(300_000))) * 2
        assert said(twice, codec, 599_999)


def test_events_that_are_flushed_each_are_no_bomb() -> None:
    events = [b'{"user_id":"user-%d","ts":1760000000000,"item_id":"i%d"}' % (one, one % 7) for one in range(600)]
    raw = flushed(cramjam.zstd.Compressor(), events)
    assert zstd_decode(raw) == b"".join(events)
    assert not inflation.is_too_large(raw, 4)


def test_lz4_blocks_that_may_be_of_4_mb_and_are_not_are_no_bomb() -> None:
    some = random.Random(1)
    packing = lz4.frame.LZ4FrameCompressor(block_size=lz4.frame.BLOCKSIZE_MAX4MB, auto_flush=True)
    records = [some.randbytes(15_000) + bytes(5_000) for _ in range(40)]
    raw = packing.begin() + b"".join(map(packing.compress, records)) + packing.flush()
    assert lz4_decode(raw) == b"".join(records)
    assert not inflation.is_too_large(raw, 3)


@pytest.mark.parametrize("codec", COMPRESSED)
def test_to_find_out_takes_no_more_memory_than_the_largest_batch_may(codec: int) -> None:
    bomb = bytes(CODECS[codec](bytes(2 * inflation.LARGEST)))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak_kb()
    assert inflation.is_too_large(bomb, codec)
    assert (peak_kb() - before) << 10 <= inflation.LARGEST + (16 << 20)


def peak_kb() -> int:
    """The most memory that this process had, also what Python knows nothing of."""
    (found,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(found.split()[1])


def test_a_gzip_header_that_only_zlib_refuses_hides_nothing() -> None:
    raw = bytearray(gzip.compress(bytes(300_000)))
    raw[3] |= 0x20  # a flag that nobody has defined
    assert len(gzip_decode(bytes(raw))) == 300_000
    assert said(bytes(raw), 1, 299_999)


def test_a_xerial_block_of_negative_length_hides_nothing_behind_it() -> None:
    """To aiokafka it reaches to that far from the end, and where the next one ends counts from the front."""
    first, second = (bytes(cramjam.snappy.compress_raw(one)) for one in (b"some", bytes(100_000)))
    behind = 4 + len(second)
    lengths = [-behind - 4, 4 + len(first) + behind + behind - 4]
    blocks = [length.to_bytes(4, "big", signed=True) for length in lengths]
    raw = XERIAL + blocks[0] + first + blocks[1] + second
    assert len(snappy_decode(raw)) == 100_004
    assert said(raw, 2, 100_003)


def test_frames_of_a_kind_that_is_not_known_are_left_to_the_decompressor() -> None:
    assert said(b"\x27\xb5\x2f\xfd" + bytes(40), 4, 1 << 20)  # zstd 0.7
    assert said(b"\x02\x21\x4c\x18" + bytes(40), 3, 1 << 20)  # lz4 before frames


def test_each_byte_of_many_gzip_members_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            taken.append(len(found))
            return found

    monkeypatch.setattr(inflation, "BytesIO", Counted)
    raw = gzip.compress(b"") * 5_000
    assert not inflation.is_too_large(raw, 1)
    assert sum(taken) == len(raw)


def test_a_few_bytes_that_claim_gigabytes_are_not_unpacked() -> None:
    claims = b"\xff\xff\xff\xff\x0f" + b"\0" * 20
    assert inflation.is_too_large(claims, 2)

"""What a batch unpacks to is never guessed too low, whatever is in it, and of ordinary batches hardly too high."""

from __future__ import annotations

import random
from collections.abc import Callable

import lz4.frame
import pytest
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, snappy_encode, zstd_decode
from hypothesis import given
from hypothesis import strategies as st

from streamer.engine.kafka import inflation
from tests.odd_batches import CODECS

DECODERS: dict[int, Callable[[bytes], bytes]] = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}
COMPRESSED = sorted(DECODERS)
SLACK = 128 << 10
"""The last block of a batch may be that much smaller than blocks may be."""


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


@given(st.sampled_from(COMPRESSED), st.binary(max_size=300), st.data())
def test_bytes_that_were_changed_unpack_to_no_more_than_is_said(codec: int, some: bytes, data: st.DataObject) -> None:
    changed = bytearray(CODECS[codec](some * 40 + bytes(2_000)))
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    raw = bytes(changed)
    if said(raw, codec, 1 << 20):
        return  # then it is not unpacked
    try:
        found = DECODERS[codec](raw)
    except Exception:  # noqa: BLE001 - a decompressor's errors have no common root
        return
    assert len(found) <= 1 << 20


@given(st.sampled_from([*COMPRESSED, 0, 7]), st.binary(max_size=200))
def test_it_says_something_of_whatever_bytes(codec: int, raw: bytes) -> None:
    assert said(raw, codec, 1 << 30) in (True, False)


@pytest.mark.parametrize("codec", COMPRESSED)
@pytest.mark.parametrize("size", [3_000, 400_000, 3_000_000])
def test_what_ordinary_producers_send_is_not_said_to_be_more_than_it_is(codec: int, size: int) -> None:
    content = of_events(size)
    raw = bytes(CODECS[codec](content))
    assert DECODERS[codec](raw) == content
    assert not said(raw, codec, len(content) + SLACK)


@pytest.mark.parametrize("block", [4, 5, 6, 7])
@pytest.mark.parametrize("sizes", [False, True])
def test_lz4_frames_of_every_kind_are_read(block: int, sizes: bool) -> None:
    raw = lz4.frame.compress(
        bytes(9_000_000), block_size=block, block_checksum=sizes, content_checksum=sizes, store_size=sizes
    )
    assert not said(raw, 3, 9_000_000 + (4 << 20))
    assert said(raw, 3, 8_999_999)
    assert said(lz4.frame.compress(b"some") + raw, 3, 8_999_999)


def test_snappy_without_blocks_and_frames_behind_frames_are_read() -> None:
    bare = bytes(snappy_encode(bytes(500_000), xerial_compatible=False))
    assert (said(bare, 2, 499_999), said(bare, 2, 500_000)) == (True, False)
    for codec in (1, 3, 4):
        twice = bytes(CODECS[codec](bytes(300_000))) * 2
        assert said(twice, codec, 599_999)


def test_a_few_bytes_that_claim_gigabytes_are_not_unpacked() -> None:
    claims = b"\xff\xff\xff\xff\x0f" + b"\0" * 20
    assert inflation.is_too_large(claims, 2)

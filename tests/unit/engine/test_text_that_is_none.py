"""Bytes with text in them that is no UTF-8: whoever decodes them says so by an error of ours, or passes over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streamer.engine.kafka.records import Record
from streamer.engine.population import totals_mark
from streamer.engine.state import last_written, store
from streamer.engine.state.journal import epoch_of
from streamer.errors import StateCorrupt
from streamer.population import deltas, telling, user_delta
from streamer.profile import codec
from streamer.replay.resume import load_point
from streamer.scoring import priors
from streamer.sinks.updates import Update

PACKED = b"\x94\x01\xa1\xff\xa1\xff\xa1\xff"
"""msgpack: an array of a number and three texts that are none."""
JSON = b'{"schema": 1, "user_id": "\xff"}'
DEEP = b'{"x":' + b"[" * 100_000

DECODERS: dict[str, Callable[[], object]] = {
    "a head": lambda: codec.HEAD.decode(PACKED),
    "a tile": lambda: codec.TILE.decode(PACKED),
    "a mark": lambda: store.decode_mark(PACKED),
    "a mark of totals": lambda: totals_mark.decode_mark(PACKED),
    "a last written document": lambda: last_written.decode("ann", PACKED),
    "a user's delta": lambda: user_delta.decode_saved(PACKED),
    "deltas": lambda: telling.decode_told(PACKED),
    "sums": lambda: deltas.decode(b'["everyone"]', PACKED),
    "a key of sums": lambda: deltas.decode_key(b'["tag", "\xff"]'),
    "a snapshot": lambda: priors.decode(b'{"schema": 1, "tags": {"\xff": 0.1}}'),
    "a snapshot that is deep": lambda: priors.decode(DEEP),
    "a document": lambda: Update.of(Record(0, b"ann", JSON, 0), 0, 1),
    "a document that is deep": lambda: Update.of(Record(0, b"ann", DEEP, 0), 0, 1),
}


@pytest.mark.parametrize("what", DECODERS)
def test_who_decodes_it_says_what_it_is(what: str) -> None:
    with pytest.raises(StateCorrupt):
        DECODERS[what]()


def test_an_epoch_that_cannot_be_read_is_none() -> None:
    assert epoch_of(PACKED) is None


def test_a_resume_point_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "point"
    file.write_bytes(b'{"name": "\xff"}')
    with pytest.raises(StateCorrupt, match="--restart"):
        load_point(file)

"""The mark in the population's totals: whose they are, and which deltas are in them.

Faust seam: none. It is a record of the totals' changelog, key ``@``, as the mark of a checkpoint is of the state's.

What must hold for it to be right: it is written after all totals that it is of, and before what they are made of is
committed; an agent looks at it before it claims the totals, and again afterwards (``engine/state/ownership.py``).
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from streamer.engine.kafka.compacted import newest_values
from streamer.engine.kafka.ports import Reader
from streamer.errors import UNREADABLE, StateCorrupt, StateForeign, StateTooNew
from streamer.population.telling import Place, Source, version_of
from streamer.settings import Settings

KEY: Final = b"@"
VERSION: Final = 1
"""Leads a mark; a newer one is refused."""


class TotalsMark(Struct, array_like=True, frozen=True):
    """What the totals are of.

    Attributes:
        group: the deployment's, as the setting.
        deltas_end: offset after the last record of the topic ``population`` that they have counted.
        counted: by changelog, the last record that they have counted of what it tells.
    """

    version: int
    group: str
    deltas_end: int
    counted: dict[Source, Place]


class _Stored(Struct, array_like=True):
    version: int
    group: str
    deltas_end: int
    counted: list[tuple[Source, Place]]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Stored).decode


def encode_mark(mark: TotalsMark) -> bytes:
    """Its bytes: msgpack, the version first."""
    return _encode(_Stored(mark.version, mark.group, mark.deltas_end, list(mark.counted.items())))


def decode_mark(raw: bytes) -> TotalsMark:
    """The mark in these bytes.

    Raises:
        StateTooNew: a newer Streamer wrote it.
        StateCorrupt: it does not decode.
    """
    if version_of(raw) > VERSION:
        raise StateTooNew("the population's totals were written by a newer Streamer: upgrade this one")
    try:
        stored = _decode(raw)
    except UNREADABLE as error:
        raise StateCorrupt(
            f"the mark of the population's totals does not decode ({error}): find out who else writes to their topic"
        ) from None
    return TotalsMark(stored.version, stored.group, stored.deltas_end, dict(stored.counted))


async def newest_mark(topics: Reader, topic: str) -> TotalsMark | None:
    """The newest mark that the totals have; None: there is none yet.

    Raises:
        StateCorrupt, StateTooNew: it cannot be read.
    """
    newest = (await newest_values(topics, topic)).get(KEY)
    return None if newest is None else decode_mark(newest)


def hold_to(settings: Settings, mark: TotalsMark | None) -> None:
    """Makes sure that totals are of this deployment; without a mark they are anybody's.

    Raises:
        StateForeign: they are not; says what to do.
    """
    if mark is not None and mark.group not in (settings.group, settings.former_group):
        raise StateForeign(
            f"the totals in {settings.topics.totals} belong to group {mark.group!r}, and this is the population agent "
            f"of group {settings.group!r}: use another topic_prefix, or set former_group={mark.group} to take them over"
        )

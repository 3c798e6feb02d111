"""The last written document of a user, as small as the write rule of spec §9 allows (state part ``w``).

Faust seam: none; no I/O. The rule compares `avoid` and of each entry kind, value, context, tier, reasons, multiplier
and expiry, and how old the document is; evidence, log odds and completion are left out.

What must hold for it to be right: ``must_write`` looks at nothing else.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from streamer.errors import UNREADABLE, StateCorrupt
from streamer.scoring.document import SCHEMA, Avoid, Document, Entry, Evidence, Kind, Reason, Tier

_NO_EVIDENCE: Final = Evidence()


class _Entry(Struct, array_like=True, frozen=True):
    kind: Kind
    value: str | int
    context: dict[str, str] | None
    tier: Tier
    reasons: tuple[Reason, ...]
    multiplier: float
    expires_at: int | None


class _Written(Struct, array_like=True, frozen=True):
    version: int
    as_of: int
    creators: tuple[str, ...]
    tags: tuple[str, ...]
    duration_max_seconds: int | None
    content_ids: tuple[str, ...]
    entries: tuple[_Entry, ...]


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Written)


def encode(document: Document) -> bytes:
    """What must be remembered of a written document."""
    avoid = document.avoid
    entries = tuple(
        _Entry(e.kind, e.value, e.context, e.tier, e.reasons, e.multiplier, e.expires_at) for e in document.entries
    )
    return _encoder.encode(
        _Written(
            SCHEMA, document.as_of, avoid.creators, avoid.tags, avoid.duration_max_seconds, avoid.content_ids, entries
        )
    )


NOWHERE: Final = encode(Document(SCHEMA, "", -(1 << 60), None, Avoid((), (), None, ()), (), {}))
"""Something was written, but not to the outbox that there is now: whatever the document is, it must be written."""


def decode(user_id: str, raw: bytes) -> Document:
    """A document that ``must_write`` takes for the one written.

    Raises:
        StateCorrupt: if ``raw`` is not what :func:`encode` gives.
    """
    try:
        written = _decoder.decode(raw)
    except UNREADABLE as error:
        raise StateCorrupt(f"last written document of {user_id!r}: {error}") from None
    return Document(
        schema=written.version,
        user_id=user_id,
        as_of=written.as_of,
        cohort=None,
        avoid=Avoid(written.creators, written.tags, written.duration_max_seconds, written.content_ids),
        entries=tuple(
            Entry(e.kind, e.value, e.context, e.tier, e.multiplier, None, e.reasons, _NO_EVIDENCE, 0, e.expires_at)
            for e in written.entries
        ),
        completion={},
    )

"""The avoid list document of spec §9: its shape, its bytes, and when a new one must be written."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import Struct

from streamer.events import DAY_MS

SCHEMA: Final = 1

Kind = Literal["creator", "tag", "duration", "content"]
Tier = Literal["hard", "strong", "soft"]
Reason = Literal[
    "explicit", "abandoned", "one_and_done", "ignored", "returned", "low_rating", "too_long", "cohort", "below_own_rate"
]


class Evidence(Struct, frozen=True, gc=False):
    """What an entry rests on: undecayed counts over the window, and the decayed sums it was scored from.

    ``expected``, ``observed`` are engagements, ``explicit`` nats. Hard entries have zeros and null days.
    """

    shown: int = 0
    started: int = 0
    abandoned: int = 0
    engaged: int = 0
    ignored: int = 0
    sessions: int = 0
    expected: float = 0.0
    observed: float = 0.0
    explicit: float = 0.0
    first_day: str | None = None
    last_day: str | None = None


class Entry(Struct, frozen=True):
    """One thing to avoid: why, how strongly, and until when (ms; None: until undone)."""

    kind: Kind
    value: str | int
    context: dict[str, str] | None
    tier: Tier
    multiplier: float
    log_odds: float | None
    reasons: tuple[Reason, ...]
    evidence: Evidence
    since: int
    expires_at: int | None


class Avoid(Struct, frozen=True):
    """The plain lists, for consumers that can only filter."""

    creators: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    duration_max_seconds: int | None = None
    content_ids: tuple[str, ...] = ()


class Document(Struct, frozen=True):
    """One user's avoid list, self-contained: a reader needs only it and the clock (I10)."""

    schema: int
    user_id: str
    as_of: int
    cohort: str | None
    avoid: Avoid
    entries: tuple[Entry, ...]
    completion: dict[str, float]


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Document)


def encode(document: Document) -> bytes:
    """The document's bytes: UTF-8 JSON, keys in the order of spec §9, no spaces."""
    return _encoder.encode(document)


def decode(raw: bytes) -> Document:
    """The document in these bytes.

    Raises:
        msgspec.DecodeError: if they hold none.
    """
    return _decoder.decode(raw)


MULTIPLIER_STEP: Final = 0.05
EXPIRY_STEP_MS: Final = DAY_MS


def must_write(previous: Document | None, current: Document | None, most_age_ms: int | None = None) -> bool:
    """Whether ``current`` differs from the document last written by enough to be written (spec §9).

    It does when ``avoid`` or any entry's (kind, value, context, tier, reasons) changes, a multiplier moves by
    .05 or an expiry by a day, and when a document begins or ceases to be.

    Args:
        previous: the document last written.
        current: the computed one.
        most_age_ms: events' time after which it is written though nothing changed, so that the TTL of an active
            user's list, which counts from ``as_of``, never runs out; None: never.
    """
    if previous is None or current is None:
        return previous is not current
    if most_age_ms is not None and current.as_of - previous.as_of >= most_age_ms:
        return True
    if previous.avoid != current.avoid or len(previous.entries) != len(current.entries):
        return True
    if previous.entries == current.entries:
        return False
    written = {_identity(entry): entry for entry in previous.entries}
    return any(
        (old := written.get(_identity(entry))) is None
        or abs(entry.multiplier - old.multiplier) >= MULTIPLIER_STEP - 1e-9
        or _moved(old.expires_at, entry.expires_at)
        for entry in current.entries
    )


def _identity(entry: Entry) -> tuple[object, ...]:
    context = None if entry.context is None else tuple(sorted(entry.context.items()))
    return (entry.kind, entry.value, context, entry.tier, entry.reasons)


def _moved(before: int | None, after: int | None) -> bool:
    if before is None or after is None:
        return before is not after
    return abs(after - before) >= EXPIRY_STEP_MS

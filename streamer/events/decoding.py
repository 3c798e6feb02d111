"""From the bytes of a record to its event, or why it is rejected (spec §1).

Decoding is strict about what is known (types, ranges, enumerations) and silent about what is not (unknown fields), so
that producers may add fields at will. What ordinary producers write differently and mean the same is taken
(``streamer/events/lenient.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from streamer.errors import InvalidEvent, RejectCode
from streamer.events.contracts import EVENT_TYPES, MISSING, RANGE, Erasure, Event, Watermark
from streamer.events.lenient import LenientDecoder
from streamer.events.tags import MAX_TAGS, tags_that_count

MAX_VALUE_BYTES: Final = 64 * 1024
_LONG_VALUE_BYTES: Final = 4096
"""Of a longer one only tags that count are kept: 64 KiB may hold 16,000 of them, which take a megabyte when decoded."""
LEAST_TS_MS: Final = 100_000_000_000
"""ts below this, in 1973, are of another unit: 10^11 s lie in the year 5138."""


def _code(message: str) -> RejectCode:
    """The code of what msgspec, or a check of ours, says of a record: its messages have no codes of their own."""
    if message.startswith(("Object missing required field", MISSING)):
        return "missing_field"
    if message.startswith("Invalid enum value"):
        return "unknown_value"
    if message.startswith("Expected `object`, got") and "`$." not in message:
        return "not_an_object"
    if (
        message.startswith((RANGE, "Number out of range"))
        or " >" in message
        or " <" in message
        or "of length" in message
    ):
        return "out_of_range"
    return "wrong_type"


class EventDecoder:
    """Decodes and checks the records of one source topic.

    Args:
        topic: one of ``impressions``, ``plays``, ``dislikes``, ``feedback``, ``erasures``.
        max_future_ms: how far past the worker's clock an event's ts may lie.
    """

    def __init__(self, topic: str, max_future_ms: int) -> None:
        kind: type[Event] | type[Erasure] = Erasure if topic == "erasures" else EVENT_TYPES[topic]
        self._decode: Callable[[bytes], Event | Erasure] = msgspec.json.Decoder(kind).decode
        self._decode_leniently: Callable[[bytes], Event | Erasure] = LenientDecoder(kind).decode
        self._decode_watermark = LenientDecoder(Watermark).decode
        self._max_future_ms = max_future_ms

    def decode(self, key: bytes | None, value: bytes | None, now_ms: int) -> Event | Erasure | Watermark:
        """Returns the record's event, or the watermark it carries.

        Args:
            key: the record's key, None if it has none.
            value: the record's value.
            now_ms: the worker's clock, ms since 1970.

        Raises:
            InvalidEvent: with the reject code of spec §1.
        """
        if value is None:
            raise InvalidEvent("malformed_json", "the record has no value")
        if len(value) > MAX_VALUE_BYTES:
            raise InvalidEvent("too_large", f"{len(value)} bytes, at most {MAX_VALUE_BYTES} are taken")
        try:
            event = self._decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            looked_at = self._second_look(value)
            if isinstance(looked_at, Watermark):
                self._check_time(looked_at.watermark, now_ms)
                return looked_at
            event = looked_at
        if key is not None and key != event.user_id.encode():
            raise InvalidEvent("key_mismatch", f"record key {key[:300]!r}, user_id {event.user_id!r}")
        if len(value) > _LONG_VALUE_BYTES and not isinstance(event, Erasure) and len(event.tags) > MAX_TAGS:
            event = msgspec.structs.replace(event, tags=tags_that_count(event.tags))
        if not LEAST_TS_MS <= event.ts <= now_ms + self._max_future_ms:
            self._check_time(event.ts, now_ms)
        return event

    def _second_look(self, value: bytes) -> Event | Erasure | Watermark:
        """What a record says that strict decoding has refused."""
        try:
            return self._decode_leniently(value)
        except msgspec.ValidationError as error:
            message = str(error)
            if "`user_id`" in message:
                with suppress(msgspec.DecodeError):
                    return self._decode_watermark(value)
            raise InvalidEvent(_code(message), message) from None
        except RecursionError:
            raise InvalidEvent("malformed_json", "arrays or objects nested too deeply") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidEvent("malformed_json", str(error)) from None

    def _check_time(self, ts: int, now_ms: int) -> None:
        if ts < LEAST_TS_MS <= now_ms:
            raise InvalidEvent(
                "out_of_range", f"ts {ts} would be in 1973 or before: ms since 1970 are wanted, this looks like seconds"
            )
        if ts > now_ms + self._max_future_ms:
            ahead_s = (ts - now_ms) // 1000
            raise InvalidEvent("from_the_future", f"ts {ts} is {ahead_s} s ahead of the worker's clock")

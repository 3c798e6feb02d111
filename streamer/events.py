"""Wire contracts of spec §1: the four kinds of event, and erasures; their decoding, and why one is rejected.

An event is a frozen struct. Decoding is strict about what is known (types, ranges, enumerations) and
silent about what is not (unknown fields), so that producers may add fields at will.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Final, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta, Struct

from streamer.errors import InvalidEvent, RejectCode

DAY_MS: Final = 86_400_000
"""A day of event time, ms."""

MAX_VALUE_BYTES: Final = 64 * 1024
MAX_TAGS: Final = 16
CLAIM: Final = "~claim"
"""Key of the empty record with which a worker claims a partition of the topics it writes; nobody's user id."""

Text = Annotated[str, Meta(min_length=1, max_length=256)]
RawTag = Annotated[str, Meta(max_length=256)]
TimestampMs = Annotated[int, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0)]
Media = Literal["video", "audio", "article", "product"]
Action = Literal["dislike", "not_interested", "hide", "block", "report", "undo"]
Scope = Literal["content", "creator", "tag"]
FeedbackKind = Literal["click", "like", "love", "save", "share", "follow", "comment", "rating", "purchase", "return"]
FeedbackKindOrUndo = Literal[FeedbackKind, "undo"]
REJECT_CODES: Final[tuple[str, ...]] = get_args(RejectCode)


class _Common(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    user_id: Text
    ts: TimestampMs
    event_id: Text | None = None
    session_id: Text | None = None
    device: Text | None = None
    surface: Text | None = None
    cohort: Text | None = None
    tz_offset_min: Annotated[int, Meta(ge=-840, le=840)] = 0
    creator_id: Text | None = None
    tags: tuple[RawTag, ...] = ()
    media: Media | None = None
    duration_s: Annotated[float, Meta(gt=0)] | None = None


class Impression(_Common, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An item was put on a screen. ``visible_ms`` and ``visible_ratio`` say how much of it was seen."""

    content_id: Text
    position: Annotated[int, Meta(ge=0)] | None = None
    visible_ms: Annotated[int, Meta(ge=0)] | None = None
    visible_ratio: Fraction = 1.0


class Play(_Common, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An item was watched, listened to or read; ``ended=False`` is a progress report."""

    content_id: Text
    playback_id: Annotated[str, Meta(max_length=256)] = ""
    played_s: Seconds | None = None
    position_s: Seconds | None = None
    scroll_depth: Fraction | None = None
    ended: bool = True


class Dislike(_Common, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An explicit "no" to a content, creator or tag, or its undo."""

    action: Action
    scope: Scope = "content"
    content_id: Text | None = None
    tag: RawTag | None = None

    def __post_init__(self) -> None:
        if self.scope == "content" and self.content_id is None:
            raise ValueError(_MISSING + "`content_id`, the target of scope content")
        if self.scope == "creator" and self.creator_id is None:
            raise ValueError(_MISSING + "`creator_id`, the target of scope creator")
        if self.scope == "tag":
            if self.tag is None:
                raise ValueError(_MISSING + "`tag`, the target of scope tag")
            if not normal_tag(self.tag):
                raise ValueError(_RANGE + "`tag` is blank")

    @property
    def target(self) -> str:
        """The id (for scope tag the normal form of the tag) that this is about."""
        if self.scope == "content":
            assert self.content_id is not None
            return self.content_id
        if self.scope == "creator":
            assert self.creator_id is not None
            return self.creator_id
        assert self.tag is not None
        return normal_tag(self.tag)


class Feedback(_Common, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A click, a like, a rating, a purchase … or the undo of one (``kind="undo"``, ``of`` what)."""

    kind: FeedbackKindOrUndo
    content_id: Text | None = None
    value: Annotated[int, Meta(ge=1, le=5)] | None = None
    of: FeedbackKind | None = None
    order_id: Text | None = None

    def __post_init__(self) -> None:
        if self.kind == "undo" and self.of is None:
            raise ValueError(_MISSING + "`of`, the kind undone")
        if self.kind == "rating" and self.value is None:
            raise ValueError(_MISSING + "`value`, the rating")
        if self.family == "follow":
            if self.creator_id is None:
                raise ValueError(_MISSING + "`creator_id`, the target of follow")
        elif self.content_id is None:
            raise ValueError(_MISSING + "`content_id`")

    @property
    def family(self) -> FeedbackKind:
        """The kind this is about: its own, or for an undo the kind undone."""
        if self.kind == "undo":
            assert self.of is not None
            return self.of
        return self.kind

    @property
    def target(self) -> str:
        """The creator of a follow, else the content."""
        target = self.creator_id if self.family == "follow" else self.content_id
        assert target is not None
        return target


class Erasure(Struct, frozen=True, gc=False):
    """A request to delete everything known of a user up to ``ts`` (topic ``erasures``)."""

    user_id: Text
    ts: TimestampMs


class Watermark(Struct, frozen=True, gc=False):
    """``{"watermark": ts}`` on a source topic: no event older than ``ts`` will follow in this partition."""

    watermark: TimestampMs


Event: TypeAlias = Impression | Play | Dislike | Feedback
EVENT_TYPES: Final[dict[str, type[Impression] | type[Play] | type[Dislike] | type[Feedback]]] = {
    "impressions": Impression,
    "plays": Play,
    "dislikes": Dislike,
    "feedback": Feedback,
}
"""Source topic (without prefix) -> what its records are."""

_MISSING: Final = "missing field: "
_RANGE: Final = "out of range: "


@lru_cache(maxsize=65_536)
def normal_tag(tag: str) -> str:
    """The normal form of a tag: Unicode NFC, stripped, case-folded (spec §1).

    >>> normal_tag("  True-Crime ")
    'true-crime'
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", tag).strip().casefold())


def normal_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Normal forms in order, empties and repeats dropped, the first 16 kept.

    >>> normal_tags(("News", " news", "", "Sport"))
    ('news', 'sport')
    """
    known = _normal_tags.get(tags)
    if known is None:
        if len(_normal_tags) >= _TAGS_KNOWN:
            _normal_tags.clear()
        known = tuple(dict.fromkeys(n for t in tags if (n := normal_tag(t))))[:MAX_TAGS]
        _normal_tags[known if known == tags else tags] = known  # few strings, shared by all, are compared sooner
    return known


_TAGS_KNOWN: Final = 65_536
_normal_tags: Final[dict[tuple[str, ...], tuple[str, ...]]] = {}
"""By tags as sent; half as dear to look up as an lru_cache, and that for every event."""


def _code(message: str) -> RejectCode:
    """The code of what msgspec, or a check of ours, says of a record: its messages have no codes of their own."""
    if message.startswith(("Object missing required field", _MISSING)):
        return "missing_field"
    if message.startswith("Invalid enum value"):
        return "unknown_value"
    if message.startswith("Expected `object`, got") and "`$." not in message:
        return "not_an_object"
    if (
        message.startswith((_RANGE, "Number out of range"))
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
        self._decode_watermark = msgspec.json.Decoder(Watermark).decode
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
        except msgspec.ValidationError as error:
            return self._watermark_or_reject(value, str(error), now_ms)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidEvent("malformed_json", str(error)) from None
        if key is not None and key != event.user_id.encode():
            raise InvalidEvent("key_mismatch", f"record key {key[:300]!r}, user_id {event.user_id!r}")
        if event.ts > now_ms + self._max_future_ms:
            raise self._from_the_future(event.ts, now_ms)
        return event

    def _watermark_or_reject(self, value: bytes, message: str, now_ms: int) -> Watermark:
        if "`user_id`" in message:
            try:
                mark = self._decode_watermark(value)
            except msgspec.MsgspecError:
                pass
            else:
                if mark.watermark > now_ms + self._max_future_ms:
                    raise self._from_the_future(mark.watermark, now_ms)
                return mark
        raise InvalidEvent(_code(message), message)

    @staticmethod
    def _from_the_future(ts: int, now_ms: int) -> InvalidEvent:
        return InvalidEvent("from_the_future", f"ts {ts} is {(ts - now_ms) // 1000} s ahead of the worker's clock")


def encode(event: Event | Erasure | Watermark) -> bytes:
    """The JSON bytes of an event, fields at their default left out."""
    return _encoder.encode(event)


_encoder: Final = msgspec.json.Encoder()

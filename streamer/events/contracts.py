"""Wire contracts of spec §1: the four kinds of event, erasures and watermarks.

Every number has bounds: what has been accepted can be encoded, in JSON and msgpack, by anybody.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta, Struct

from streamer.errors import RejectCode
from streamer.events.tags import normal_tag

DAY_MS: Final = 86_400_000
"""A day of event time, ms."""

CLAIM: Final = "~claim"
"""Key of the empty record with which a worker claims a partition of the topics it writes; nobody's user id."""

Text = Annotated[str, Meta(min_length=1, max_length=256)]
RawTag = Annotated[str, Meta(max_length=256)]
TimestampMs = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
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
    duration_s: Annotated[float, Meta(gt=0, le=1e9)] | None = None


class Impression(_Common, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An item was put on a screen. ``visible_ms`` and ``visible_ratio`` say how much of it was seen."""

    content_id: Text
    position: Count | None = None
    visible_ms: Count | None = None
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
            raise ValueError(MISSING + "`content_id`, the target of scope content")
        if self.scope == "creator" and self.creator_id is None:
            raise ValueError(MISSING + "`creator_id`, the target of scope creator")
        if self.scope == "tag":
            if self.tag is None:
                raise ValueError(MISSING + "`tag`, the target of scope tag")
            if not normal_tag(self.tag):
                raise ValueError(RANGE + "`tag` is blank")

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
            raise ValueError(MISSING + "`of`, the kind undone")
        if self.kind == "rating" and self.value is None:
            raise ValueError(MISSING + "`value`, the rating")
        if self.family == "follow":
            if self.creator_id is None:
                raise ValueError(MISSING + "`creator_id`, the target of follow")
        elif self.content_id is None:
            raise ValueError(MISSING + "`content_id`")

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

MISSING: Final = "missing field: "
RANGE: Final = "out of range: "


def encode(event: Event | Erasure | Watermark) -> bytes:
    """The JSON bytes of an event, fields at their default left out."""
    return _encoder.encode(event)


_encoder: Final = msgspec.json.Encoder()

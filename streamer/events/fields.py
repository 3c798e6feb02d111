"""The fields of events as keyword arguments: what a type checker and an editor know of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Required, TypedDict

from streamer.events.contracts import Action, FeedbackKind, FeedbackKindOrUndo, Media, Scope


class _CommonFields(TypedDict, total=False):
    user_id: Required[str]
    ts: int
    event_id: str | None
    session_id: str | None
    device: str | None
    surface: str | None
    cohort: str | None
    tz_offset_min: int
    creator_id: str | None
    tags: Collection[str]
    media: Media | None
    duration_s: float | None


class ImpressionFields(_CommonFields, total=False):
    """Those of :class:`~streamer.events.Impression`; ``ts`` (ms since 1970) may be left out for now."""

    content_id: Required[str]
    position: int | None
    visible_ms: int | None
    visible_ratio: float


class PlayFields(_CommonFields, total=False):
    """Those of :class:`~streamer.events.Play`; ``ts`` (ms since 1970) may be left out for now."""

    content_id: Required[str]
    playback_id: str
    played_s: float | None
    position_s: float | None
    scroll_depth: float | None
    ended: bool


class DislikeFields(_CommonFields, total=False):
    """Those of :class:`~streamer.events.Dislike`; ``ts`` (ms since 1970) may be left out for now."""

    action: Required[Action]
    scope: Scope
    content_id: str | None
    tag: str | None


class FeedbackFields(_CommonFields, total=False):
    """Those of :class:`~streamer.events.Feedback`; ``ts`` (ms since 1970) may be left out for now."""

    kind: Required[FeedbackKindOrUndo]
    content_id: str | None
    value: int | None
    of: FeedbackKind | None
    order_id: str | None

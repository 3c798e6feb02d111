"""How the events of a session that name one content become its interaction (spec §2).

Merging is commutative, associative and idempotent: every field is a maximum, a minimum or a set, so any
order of arrival and any repeats give the same interaction (I1).
"""

from __future__ import annotations

from typing import Final

from streamer.events import Event, Feedback, Impression, Media, Play, normal_tags
from streamer.signals.context import daypart
from streamer.signals.exposure import Attention, Gate
from streamer.signals.interaction import Interaction
from streamer.signals.showings import merged, name_of

PLAYBACKS: Final = 8
"""Playbacks of one content remembered per session; the longest stay (I6)."""

_ItemFields = tuple[int, str | None, int, tuple[str, ...], int, Media | None, int, float | None]
"""Creator, tags, media and duration (s), each after the ts (ms) of the event that named it."""


def opened_by(content_id: str, event: Event) -> Interaction:
    """An interaction with the context and the item fields of ``event``, which has yet to act on it.

    Args:
        content_id: of what.
        event: the first to name it.
    """
    ts, creator, media, duration_s = event.ts, event.creator_id, event.media, event.duration_s
    tags = normal_tags(event.tags) if event.tags else ()
    return Interaction(
        content_id,
        ts,
        event.device,
        daypart(ts, event.tz_offset_min),
        creator,
        -1 if creator is None else ts,
        tags,
        ts if tags else -1,
        media,
        -1 if media is None else ts,
        duration_s,
        -1 if duration_s is None else ts,
    )


def merge(item: Interaction, event: Event, gate: Gate, attention: Attention) -> None:
    """Takes in one event that names this content."""
    ts, tags = event.ts, event.tags
    if tags and tags != item.tags:
        tags = normal_tags(tags)
    _take_fields(item, (ts, event.creator_id, ts, tags, ts, event.media, ts, event.duration_s))
    if ts <= item.first:
        _take_context(item, ts, event.device, daypart(ts, event.tz_offset_min))
    act(item, event, gate, attention)


def act(item: Interaction, event: Event, gate: Gate, attention: Attention) -> None:
    """Takes in what an event did; its context and item fields are known."""
    kind = type(event)
    if kind is Impression:
        assert isinstance(event, Impression)
        if gate.passes(event):
            item.seen = True
            item.showings = merged(item.showings, (name_of(event),))
            examined = attention.at(event.position, event.surface)
            if examined > item.attention:
                item.attention = examined
    elif kind is Play:
        assert isinstance(event, Play)
        item.started = True
        item.ended |= event.ended
        if event.played_s is not None:
            _take_playback(item, event.playback_id, event.played_s)
        item.position_s = greater(item.position_s, event.position_s)
        item.scroll_depth = greater(item.scroll_depth, event.scroll_depth)
    else:
        item.responded = True
        item.clicked |= isinstance(event, Feedback) and event.kind == "click"


def join(item: Interaction, other: Interaction) -> None:
    """Takes in what another session, now the same one, knew of this content."""
    _take_context(item, other.first, other.device, other.daypart)
    item.seen |= other.seen
    if other.showings:
        item.showings = merged(item.showings, other.showings)
    item.attention = max(item.attention, other.attention)
    item.clicked |= other.clicked
    item.responded |= other.responded
    item.started |= other.started
    item.ended |= other.ended
    for playback_id, played_s in (other.playbacks or {}).items():
        _take_playback(item, playback_id, played_s)
    item.position_s = greater(item.position_s, other.position_s)
    item.scroll_depth = greater(item.scroll_depth, other.scroll_depth)
    newer = other.media_at, other.media, other.duration_at, other.duration_s
    _take_fields(item, (other.creator_at, other.creator, other.tags_at, other.tags, *newer))


def _take_fields(item: Interaction, fields: _ItemFields) -> None:
    """Of each item field the newest wins, ties the greater value."""
    creator_at, creator, tags_at, tags, media_at, media, duration_at, duration_s = fields
    if creator is not None and (creator_at, creator) > (item.creator_at, item.creator or ""):
        item.creator_at, item.creator = creator_at, creator
    if tags and (tags_at, tags) > (item.tags_at, item.tags):
        item.tags_at, item.tags = tags_at, tags
    if media is not None and (media_at, media) > (item.media_at, item.media or ""):
        item.media_at, item.media = media_at, media
    if duration_s is not None and (duration_at, duration_s) > (item.duration_at, item.duration_s or 0.0):
        item.duration_at, item.duration_s = duration_at, duration_s


def _take_context(item: Interaction, ts: int, device: str | None, part: str) -> None:
    """The context of the earliest event; ties the smaller value, absent first."""
    if ts < item.first:
        item.first, item.device, item.daypart = ts, device, part
    elif ts == item.first:
        item.device = None if item.device is None or device is None else min(item.device, device)
        item.daypart = min(item.daypart, part)


def _take_playback(item: Interaction, playback_id: str, played_s: float) -> None:
    playbacks = item.playbacks
    if playbacks is None:
        item.playbacks = {playback_id: played_s}
        return
    known = playbacks.get(playback_id)
    if known is None or played_s > known:
        playbacks[playback_id] = played_s
        if len(playbacks) > PLAYBACKS:
            del playbacks[max(playbacks, key=lambda p: (-playbacks[p], p))]


def greater(a: float | None, b: float | None) -> float | None:
    """The greater of two numbers that may be unknown."""
    if a is None:
        return b
    return a if b is None or a >= b else b

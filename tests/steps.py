"""A user's events in few words, for worked examples: ``after(shown(NOON, "a", "news"), NOON + HOUR)``."""

from __future__ import annotations

from typing import Any

from streamer.events import DAY_MS, Dislike, Event, Feedback, Impression, Play
from streamer.profile import Profile, Rules
from streamer.profile.session import Session
from streamer.settings import Settings
from streamer.signals.interaction import NOTHING_SAID, Interaction, SessionFeedback

DAY0 = 20_000
NOON = DAY0 * DAY_MS + DAY_MS // 2
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def shown(ts: int, content: str, *tags: str, **more: Any) -> Impression:
    """An impression long enough in view for a video."""
    return Impression(user_id="u", ts=ts, content_id=content, tags=tags, **{"visible_ms": 2_000, **more})


def unseen(ts: int, content: str = "filler", **more: Any) -> Impression:
    """An impression that only lengthens the session."""
    return Impression(user_id="u", ts=ts, content_id=content, visible_ms=0, **more)


def played(ts: int, content: str, *tags: str, **more: Any) -> Play:
    return Play(user_id="u", ts=ts, content_id=content, tags=tags, **more)


def disliked(ts: int, content: str | None, *tags: str, action: Any = "dislike", **more: Any) -> Dislike:
    return Dislike(user_id="u", ts=ts, content_id=content, tags=tags, action=action, **more)


def gave(ts: int, content: str | None, kind: Any, *tags: str, **more: Any) -> Feedback:
    return Feedback(user_id="u", ts=ts, content_id=content, kind=kind, tags=tags, **more)


def met(content: str, *events: Event, settings: Settings | None = None) -> tuple[Interaction, SessionFeedback]:
    """What a session of these events knows of a content, and what was said of it."""
    rules, session = Rules(settings or Settings()), Session.opened_by(events[0], 0)
    for event in events:
        session.add(event, rules)
    return session.interactions[content], session.feedback().get(content, NOTHING_SAID)


def after(*steps: Event | int, settings: Settings | None = None) -> Profile:
    """The profile after events and watermarks."""
    profile = Profile("u", Rules(settings or Settings()))
    return and_then(profile, *steps)


def and_then(profile: Profile, *steps: Event | int) -> Profile:
    """The same profile after more of them."""
    for step in steps:
        if isinstance(step, int):
            profile.advance(step)
        else:
            profile.apply(step, profile.watermark)
    return profile

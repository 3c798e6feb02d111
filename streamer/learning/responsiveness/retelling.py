"""The events that an exported example was made of, as far as it tells: avoid lists are made of events.

What an example does not tell is not told again: showings that were not really seen, dislikes of creators and tags,
undos, and which order or stars there were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from streamer.events import Dislike, Event, Feedback, FeedbackKind, Impression, Play
from streamer.learning.responsiveness.state import Item
from streamer.settings import Settings
from streamer.signals.exposure import VIDEO_FACTOR

_KINDS: Final[tuple[FeedbackKind, ...]] = ("like", "love", "save", "share", "comment", "purchase", "return")
_APART_MS: Final = 1000
_AT_ONCE_S: Final = 1.0


class Seen(NamedTuple):
    """An exported example, as far as events are made of it; fields as in docs/training.md.

    Attributes:
        item: what was met.
        first, last: ts of its first event, and of the session's last, ms.
    """

    user_id: str
    session_id: str | None
    item: Item
    first: int
    last: int
    device: str | None
    position: int | None
    is_seen: bool
    clicked: bool
    started: bool
    completion: float | None
    outcome: str | None
    signals: Mapping[str, float]


class Retelling:
    """Makes events of examples.

    Args:
        settings: the deployment's.
    """

    def __init__(self, settings: Settings) -> None:
        self._visible_ms = VIDEO_FACTOR * settings.viewable_ms

    def events(self, seen: Iterable[Seen]) -> list[Event]:
        """All events of one user's examples, earliest first."""
        found = [event for each in seen for event in self._events(each)]
        found.sort(key=lambda event: event.ts)
        return found

    def _events(self, seen: Seen) -> list[Event]:
        user_id, session_id, device, carried = seen.user_id, seen.session_id, seen.device, seen.item.carried
        found: list[Event] = []

        def ts() -> int:
            return max(seen.first, min(seen.last, seen.first + _APART_MS * len(found)))

        def feedback(kind: FeedbackKind, value: int | None = None) -> None:
            found.append(
                Feedback(
                    user_id=user_id, ts=ts(), session_id=session_id, device=device, kind=kind, value=value, **carried
                )
            )

        if seen.is_seen:
            found.append(
                Impression(
                    user_id=user_id, ts=ts(), session_id=session_id, device=device, position=seen.position,
                    visible_ms=self._visible_ms, **carried,
                )
            )  # fmt: skip
        if seen.clicked:
            feedback("click")
        if seen.started:
            played_s, depth = _consumed(seen)
            found.append(
                Play(
                    user_id=user_id, ts=ts(), session_id=session_id, device=device, played_s=played_s,
                    scroll_depth=depth, **carried,
                )
            )  # fmt: skip
        for kind in _KINDS:
            if kind in seen.signals:
                feedback(kind)
        if "follow" in seen.signals and seen.item.creator_id is not None:
            feedback("follow")
        if seen.signals.get("rating"):
            feedback("rating", 5 if seen.signals["rating"] > 0 else 1)
        if "dislike" in seen.signals:
            found.append(
                Dislike(
                    user_id=user_id, ts=ts(), session_id=session_id, device=device, action="dislike", **carried
                )
            )  # fmt: skip
        return found


def _consumed(seen: Seen) -> tuple[float | None, float | None]:
    """Seconds played, and how deep an article was scrolled."""
    item, share = seen.item, seen.completion
    if item.media == "article":
        return None, share
    if share is not None and item.duration_s is not None:
        return share * item.duration_s, None
    return (_AT_ONCE_S if seen.outcome == "abandoned" else None), None

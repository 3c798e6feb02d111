"""What a user said no to and did not take back; several baselines start from it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from lab.evaluation.joining import Key, keys_of
from lab.evaluation.rules.base import Rule
from streamer.events import Dislike, Event
from streamer.profile import Rules


class Complaint(Struct, frozen=True):
    """A standing "no". ``named``: what it was said about; ``keys``: tags and creator of the item, if known."""

    ts: int
    named: Key
    keys: tuple[Key, ...]


class Complaints:
    """One user's complaints, events given in ts order."""

    def __init__(self) -> None:
        self._standing: dict[Key, Complaint] = {}
        self._items: dict[str, Event] = {}

    def see(self, event: Event) -> None:
        """Takes in one event."""
        if not isinstance(event, Dislike):
            if event.tags and event.content_id is not None:
                self._items[event.content_id] = event
            return
        named = (event.scope, event.target)
        if event.action == "undo":
            self._standing.pop(named, None)
            return
        item = event if event.tags else self._items.get(event.content_id or "", event)
        keys = keys_of(item.tags, item.creator_id) if event.scope == "content" else (named,)
        self._standing[named] = Complaint(event.ts, named, keys)

    def __iter__(self) -> Iterator[Complaint]:
        return iter(self._standing.values())


class ComplaintRule(Rule):
    """A rule that listens to complaints, whatever else it does."""

    def __init__(self, user_id: str, rules: Rules) -> None:
        super().__init__(user_id, rules)
        self._complaints = Complaints()

    def see(self, event: Event) -> None:
        self._complaints.see(event)

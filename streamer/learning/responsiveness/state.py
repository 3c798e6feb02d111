"""A user as a recommender finds them: what they met, and the events that told so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypedDict, overload

from msgspec import Struct

from streamer.events import Event, Media
from streamer.learning.retriever.histories import Met
from streamer.serving import Candidate


class Carried(TypedDict):
    """What an event that names an item says of it."""

    content_id: str
    creator_id: str | None
    tags: tuple[str, ...]
    media: Media
    duration_s: float | None


class Item(Struct, frozen=True):
    """Something that can be shown; fields as those of events."""

    content_id: str
    creator_id: str | None = None
    tags: tuple[str, ...] = ()
    media: Media = "video"
    duration_s: float | None = None

    @property
    def carried(self) -> Carried:
        """What events say of it."""
        return {
            "content_id": self.content_id,
            "creator_id": self.creator_id,
            "tags": self.tags,
            "media": self.media,
            "duration_s": self.duration_s,
        }

    @property
    def candidate(self) -> Candidate:
        """The item as serving asks about it."""
        return Candidate(self.content_id, self.creator_id, self.tags, self.duration_s)


class State(Sequence[Met]):
    """A user's history, as any recommender reads it, and with it what an avoid list is made of.

    Args:
        user_id: whose.
        met: what they acted on, earliest first.
        events: all of theirs, earliest first, what they only saw included.
        now_ms: when a list is asked for, ms since 1970.
    """

    def __init__(self, user_id: str, met: tuple[Met, ...], events: tuple[Event, ...], now_ms: int) -> None:
        self.user_id = user_id
        self.met = met
        self.events = events
        self.now_ms = now_ms

    def at(self, now_ms: int) -> State:
        """The same at another time."""
        return State(self.user_id, self.met, self.events, now_ms)

    def with_more(self, met: Sequence[Met], events: Sequence[Event]) -> State:
        """The same, and then this."""
        return State(self.user_id, (*self.met, *met), (*self.events, *events), self.now_ms)

    @overload
    def __getitem__(self, index: int) -> Met: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Met]: ...
    def __getitem__(self, index: int | slice) -> Met | Sequence[Met]:
        return self.met[index]

    def __len__(self) -> int:
        return len(self.met)

    def __iter__(self) -> Iterator[Met]:
        return iter(self.met)


class Asked(Protocol):
    """Whatever proposes items to a state: every :class:`streamer.learning.recommender.Recommender` does."""

    def recommend(self, state: State, k: int) -> list[str]:
        """At most ``k`` content ids, the best first, none that is in the state."""

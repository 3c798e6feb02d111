"""What a serving tier asks about: one item that it could recommend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import force_setattr

from streamer.events import normal_tags


class Candidate(Struct, frozen=True):
    """One item that could be recommended. Make it once and use it for any number of users.

    Args:
        content_id: the item's id, as producers send it.
        creator_id: its creator's id, if it has one.
        tags: its tags in any spelling; kept in their normal form (spec §1), so that they compare with listed ones.
        duration_s: its length in seconds, if it has one.
        context: where it would be shown, for example ``{"daypart": "morning"}``, if that differs from the
            request's.

    >>> Candidate("c1", tags=(" True-Crime", "NEWS")).tags
    ('true-crime', 'news')
    """

    content_id: str
    creator_id: str | None = None
    tags: Sequence[str] = ()
    duration_s: float | None = None
    context: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.tags:
            if isinstance(self.tags, str):
                raise TypeError(f"tags is one string, {self.tags!r}: give a tuple of tags")
            force_setattr(self, "tags", normal_tags(tuple(self.tags)))

"""One item in one session: what was shown, joined with what was done (spec §2). How: ``signals/merging.py``."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from streamer.events import Media


class SessionFeedback(Struct, frozen=True, gc=False):
    """What was said of one content in one session, and stands: neither undone nor, of purchases, returned there.

    Attributes:
        kinds: of like, love, save, share, follow and comment, sorted.
        rating: the newest rating.
        purchases: how many; one per order.
        returned: a return.
        disliked: a dislike, not_interested, hide, block or report of the content itself.
    """

    kinds: tuple[str, ...] = ()
    rating: int | None = None
    purchases: int = 0
    returned: bool = False
    disliked: bool = False

    @property
    def positive(self) -> bool:
        """Whether a like, love, save, share, follow, comment or purchase stands; ratings are judged elsewhere."""
        return bool(self.kinds) or self.purchases > 0


NOTHING_SAID: Final = SessionFeedback()


class Interaction(Struct, array_like=True, gc=False):
    """All that is known of one content in one session. Times are ms, ``attention`` thousandths.

    ``*_at`` is the ts of the event a field was taken from, −1 if there was none: the newest for item fields, the
    earliest for the context. ``responded``: some event of dislikes or feedback named it; what it said is in the
    session's records. ``showings`` name the impressions that passed the gate (``signals/showings.py``).
    ``former``: where version 1 kept feedback; None.
    """

    content_id: str
    first: int
    device: str | None
    daypart: str
    creator: str | None = None
    creator_at: int = -1
    tags: tuple[str, ...] = ()
    tags_at: int = -1
    media: Media | None = None
    media_at: int = -1
    duration_s: float | None = None
    duration_at: int = -1
    seen: bool = False
    attention: int = 0
    clicked: bool = False
    responded: bool = False
    started: bool = False
    ended: bool = False
    playbacks: dict[str, float] | None = None
    position_s: float | None = None
    scroll_depth: float | None = None
    former: object = None
    showings: tuple[int, ...] = ()

    @property
    def times_seen(self) -> int:
        """How often it was seen in the session; what an older version stored tells no more than whether."""
        return len(self.showings) or int(self.seen)

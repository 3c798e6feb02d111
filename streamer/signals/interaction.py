"""One item in one session: what was shown, joined with what was done (spec §2). How: ``signals/merging.py``."""

from __future__ import annotations

from msgspec import Struct, field

from streamer.events import Media


class SessionFeedback(Struct, array_like=True, gc=False):
    """Explicit feedback within one session: the newest ts by kind, of undos too; of purchases and returns by order.

    Orders: "" is "without an order".
    """

    acted: dict[str, int] = field(default_factory=dict)
    undone: dict[str, int] = field(default_factory=dict)
    rating: int = 0
    rating_at: int = -1
    purchases: dict[str, int] = field(default_factory=dict)
    returns: dict[str, int] = field(default_factory=dict)

    @property
    def positive(self) -> bool:
        """Whether a like, love, save, share, follow or comment stands, or a purchase; ratings are judged elsewhere."""
        if any(ts > self.undone.get(kind, -1) for kind, ts in self.acted.items()):
            return True
        return bool(self.standing_purchases)

    @property
    def standing_kinds(self) -> tuple[str, ...]:
        """The kinds among like, love, save, share, follow and comment that stand, sorted."""
        return tuple(sorted(kind for kind, ts in self.acted.items() if ts > self.undone.get(kind, -1)))

    @property
    def standing_purchases(self) -> list[int]:
        """When the purchases were made that are neither undone nor returned, ms; one per order."""
        undone = self.undone.get
        return standing_purchases(self.purchases, undone("purchase", -1), self.returns, undone("return", -1))

    @property
    def standing_rating(self) -> int | None:
        """The newest rating, if it was not undone in this session."""
        return self.rating if self.rating_at > self.undone.get("rating", -1) else None

    @property
    def returned(self) -> bool:
        """Whether a return was made and not undone."""
        return max(self.returns.values(), default=-1) > self.undone.get("return", -1)


class Interaction(Struct, array_like=True, gc=False):
    """All that is known of one content in one session. Times are ms, ``attention`` thousandths.

    ``*_at`` is the ts of the event a field was taken from, −1 if there was none: the newest for item fields, the
    earliest for the context. ``responded``: some event of dislikes or feedback named it. ``given``: None until feedback
    is.
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
    given: SessionFeedback | None = None

    @property
    def standing_rating(self) -> int | None:
        """The newest rating, if it was not undone in this session."""
        return None if self.given is None else self.given.standing_rating

    @property
    def returned(self) -> bool:
        """Whether a return was made here and not undone."""
        return self.given is not None and self.given.returned


def standing_purchases(
    purchases: dict[str, int], purchase_undone: int, returns: dict[str, int], return_undone: int
) -> list[int]:
    """The ts of the purchases that are neither undone nor taken by a standing return.

    A return takes the purchase of its order, without an order all purchases up to it; a purchase without an
    order is taken by any return not older. Orders map to their newest ts; "" is "without an order".

    >>> standing_purchases({"a": 1, "b": 2, "c": 4}, -1, {"b": 3}, -1)
    [1, 4]
    >>> standing_purchases({"": 5}, -1, {"b": 3}, -1), standing_purchases({"a": 5}, -1, {"": 9}, -1)
    ([5], [])
    """
    taken = {order: ts for order, ts in returns.items() if ts > return_undone}
    any_return = max(taken.values(), default=-1)
    blanket = taken.get("", -1)
    return [
        ts
        for order, ts in purchases.items()
        if ts > purchase_undone and (ts > any_return if order == "" else order not in taken and ts > blanket)
    ]


def newest_standing_purchase(
    purchases: dict[str, int], purchase_undone: int, returns: dict[str, int], return_undone: int
) -> int | None:
    """The newest of :func:`standing_purchases`; None if none stands."""
    return max(standing_purchases(purchases, purchase_undone, returns, return_undone), default=None)

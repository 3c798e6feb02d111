"""The newest ts (ms) of what was stated, by key; and which purchases stand, by order. "" is "without an order"."""

from __future__ import annotations

from typing import Final

ORDERS: Final = 32
"""Orders of one content remembered; the newest stay (I6)."""


def newest(newest_ts: dict[str, int], key: str, ts: int) -> None:
    """Keeps the greatest ts of a key."""
    if ts > newest_ts.get(key, -1):
        newest_ts[key] = ts


def newest_by_key(into: dict[str, int], other: dict[str, int]) -> None:
    """Keeps the greatest ts of every key of both."""
    for key, ts in other.items():
        newest(into, key, ts)


def keep_newest(newest_ts: dict[str, int], most: int) -> None:
    """Drops the oldest keys beyond ``most``; ties: the greater key goes."""
    while len(newest_ts) > most:
        del newest_ts[min(newest_ts, key=lambda k: (newest_ts[k], [-ord(c) for c in k]))]


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

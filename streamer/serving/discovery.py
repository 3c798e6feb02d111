"""Discovery (spec §9): now and then a listed item is shown anyway, or nobody would learn that tastes change."""

from __future__ import annotations

from xxhash import xxh64_intdigest


def is_discovery(user_id: str, content_id: str, day: str, one_in: int) -> bool:
    """Whether soft and strong entries are passed over for this user and content today.

    A hash decides, not a random number: every server answers alike, all day long.

    Args:
        day: today's UTC date, YYYY-MM-DD.
        one_in: of so many (user, content, day) one is a discovery.

    >>> [n for n in range(40) if is_discovery("u1", f"content-{n}", "2025-10-09", 20)]
    [27, 29, 34]
    """
    return xxh64_intdigest(f"{user_id}\n{content_id}\n{day}".encode()) % one_in == 0


def one_in(explore: float) -> int:
    """Of how many (user, content, day) one is a discovery; 0: none is.

    >>> one_in(0.05), one_in(0.0)
    (20, 0)

    Raises:
        ValueError: if explore is not a fraction.
    """
    if not 0 <= explore <= 1:
        raise ValueError(f"explore is {explore}: it must be from 0 to 1")
    return round(1 / explore) if explore else 0

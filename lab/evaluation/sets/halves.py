"""A set's users in two halves: constants are chosen on the first, and reported on the second."""

from __future__ import annotations

import xxhash


def in_half(user_id: str, half: str) -> bool:
    """Whether a user is in a half (``first``, ``second``), or any (``all``): by a hash, the same ones at all times.

    >>> [user for user in "abcdef" if in_half(user, "first")], in_half("a", "all")
    (['d', 'e'], True)
    """
    return half == "all" or (xxhash.xxh64_intdigest(user_id.encode()) % 2 == 0) == (half == "first")

"""The context of an interaction: the part of the local day, and the device."""

from __future__ import annotations

from typing import Final

HOUR_MS: Final = 3_600_000
_DAYPARTS: Final = ("night",) * 6 + ("morning",) * 6 + ("afternoon",) * 6 + ("evening",) * 6


def daypart(ts: int, tz_offset_min: int) -> str:
    """Night 0–5, morning 6–11, afternoon 12–17, evening 18–23, in local time.

    >>> daypart(0, 0), daypart(0, -60), daypart(6 * HOUR_MS, 0)
    ('night', 'evening', 'morning')
    """
    return _DAYPARTS[(ts + tz_offset_min * 60_000) // HOUR_MS % 24]

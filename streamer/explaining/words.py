"""Times and counts as people say them."""

from __future__ import annotations

from datetime import UTC, datetime

from streamer.events import DAY_MS

_UNITS = ((DAY_MS, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def span(ms: int) -> str:
    """A length of time in its greatest fitting unit.

    >>> span(7_200_000), span(400), span(9_072_000_000)
    ('2 h', '400 ms', '105 d')
    """
    for unit, name in _UNITS:
        if ms >= unit:
            return f"{ms // unit} {name}"
    return f"{ms} ms"


def relative(ms: int | None, now_ms: int) -> str:
    """A time as seen from now; None is never.

    >>> relative(1_000, 61_000), relative(86_400_000, 0), relative(None, 0)
    ('1 min ago', 'in 1 d', 'never')
    """
    if ms is None:
        return "never"
    return f"in {span(ms - now_ms)}" if ms > now_ms else f"{span(now_ms - ms)} ago"


def moment(ms: int) -> str:
    """A time, UTC.

    >>> moment(1_760_000_000_000)
    '2025-10-09 08:53 UTC'
    """
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def probability(p: float) -> str:
    """A probability, 0–1, in percent.

    >>> probability(0.59), probability(0.004), probability(0.999)
    ('59%', 'under 1%', 'over 99%')
    """
    if 0 < p < 0.01:
        return "under 1%"
    return "over 99%" if 0.99 < p < 1 else f"{p:.0%}"


def of(part: int, whole: int, what: str) -> str:
    """A share in numbers.

    >>> of(3, 4, "tag"), of(1, 1, "tag")
    ('3 of 4 tags', '1 of 1 tag')
    """
    return f"{part} of {whole} {what}{'' if whole == 1 else 's'}"

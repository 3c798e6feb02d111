"""Creators who were tried once, and those whose items are left again and again (spec §7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from streamer.events import DAY_MS
from streamer.scoring.counts import Cell
from streamer.scoring.document import Reason, Tier

CONTENT_ENTRY_DAYS: Final = 30
"""Days after which content entries and those of creators by a rule of this page are forgotten; default lists last as
long."""
ONE_DAY_DAYS: Final = 14
"""The same of what a single day says: a bad afternoon is soon forgotten."""
ONE_AND_DONE_EXPECTED: Final = 3_000_000
ONE_AND_DONE_SESSIONS: Final = 3
LEFT: Final = 10
"""Items of a creator begun and left since one was last engaged with, that lower the creator."""
LEFT_STRONG: Final = 20
MULTIPLIER: Final = 0.5


class Row(NamedTuple):
    """One rule that lists a key: how strongly, until when (ms), and the reason that it is by itself, if it is one."""

    tier: Tier
    multiplier: float
    expires_at: int
    reason: Reason | None = None


def one_and_done(days: Sequence[tuple[int, Cell]]) -> Row | None:
    """What lists a creator who was tried once and never again; None: nothing does.

    Engaged on exactly one day of the window; on later days three engagements were expected over three sessions
    that showed it, and none came.
    """
    engaged = [day for day, cell in days if cell.engaged]
    if len(engaged) != 1:
        return None
    later = [cell for day, cell in days if day > engaged[0]]
    if sum(cell.e for cell in later) < ONE_AND_DONE_EXPECTED:
        return None
    if sum(cell.sessions for cell in later) < ONE_AND_DONE_SESSIONS:
        return None
    until = max(day for day, cell in days if cell.shown) + CONTENT_ENTRY_DAYS
    return Row("soft", MULTIPLIER, until * DAY_MS, "one_and_done")


class Leavings(NamedTuple):
    """How often items of a creator were begun and left since one was last engaged with.

    Attributes:
        times: how often.
        days: on how many days.
        last: the last of them; −1: there is none.
    """

    times: int
    days: int
    last: int


def leavings(days: Sequence[tuple[int, Cell]]) -> Leavings:
    """What a creator's counts by day, ascending, say of how often their items were left."""
    times = on_days = 0
    last = -1
    for day, cell in reversed(days):
        if cell.engaged:
            break
        if cell.abandoned:
            times, on_days, last = times + cell.abandoned, on_days + 1, max(last, day)
    return Leavings(times, on_days, last)


def left_again(days: Sequence[tuple[int, Cell]]) -> Row | None:
    """What lists a creator whose items were begun and left again and again, and none of them was not; None: nothing.

    How much was expected does not matter: whoever clicks seldom, and leaves each time, is drawn in and let down.
    """
    left = leavings(days)
    if left.times < LEFT:
        return None
    tier: Tier = "strong" if left.times >= LEFT_STRONG and left.days > 1 else "soft"
    lasts = CONTENT_ENTRY_DAYS if left.days > 1 else ONE_DAY_DAYS
    return Row(tier, MULTIPLIER, (left.last + lasts) * DAY_MS, "abandoned")

"""What a user's tiles add up to, by key and as a whole, in the rising frame (``profile/rollup/frame.py``)."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from streamer.profile.tile import Tile
from streamer.scoring.counts import TAG, Cell
from streamer.scoring.entries import Scored


class Sums(Struct, gc=False):
    """Decayed o, e (engagements) and ld (nats) of one key in the rising frame.

    ``blamed``: the positive ld alone, at least: no context of a tag has more. ``left``: abandonments, not decayed.
    ``days``: those that have counts; ``last_day``: its last evidence day, −1 if there is none; ``scored``: its
    score, once somebody asked for it; ``place``: what it counts as among all users, likewise.
    """

    days: list[int]
    o: float = 0.0
    e: float = 0.0
    ld: float = 0.0
    blamed: float = 0.0
    left: int = 0
    last_day: int = -1
    scored: Scored | None = None
    place: int | None = None

    def add(self, cell: Cell, against: int, day: int, weight: float) -> None:
        """Adds a day's counts.

        Args:
            cell: the counts.
            against: what was said against the key, millionths of a nat.
            day: theirs; its place among ``days`` is for the caller to see to.
            weight: of a millionth on that day.
        """
        if cell.o:
            self.o += cell.o * weight
        self.e += cell.e * weight
        if cell.ld:
            self.ld += cell.ld * weight
        if against:
            self.blamed += against * weight
        if cell.plays:
            self.left += cell.abandoned
        if day > self.last_day and (cell.e or cell.o or cell.ld):
            self.last_day = day


class DecayedTotals(Struct, gc=False):
    """The user's decayed totals in the rising frame; ratings are not decayed. Units as in :class:`Totals`.

    ``buckets``: upper edge of a duration bucket -> [plays, plays decayed, abandoned decayed]; ``plays``: all of them,
    not decayed.
    """

    theta: float = 0.0
    starts: float = 0.0
    engaged: float = 0.0
    explained: float = 0.0
    abandoned: float = 0.0
    expected_abandoned: float = 0.0
    ratings: int = 0
    rating_sum: int = 0
    completions: dict[str, list[float]] = field(default_factory=dict)
    buckets: dict[int, list[float]] = field(default_factory=dict)
    plays: int = 0

    def add(self, tile: Tile, weight: float) -> None:
        """Adds a day's."""
        totals = tile.totals
        self.theta += totals.theta * weight
        self.starts += totals.starts * weight
        self.engaged += totals.engaged * weight
        self.explained += totals.explained * weight
        self.abandoned += totals.abandoned * weight
        self.expected_abandoned += totals.expected_abandoned * weight
        self.ratings += totals.ratings
        self.rating_sum += totals.rating_sum
        add_completions(self.completions, tile.completions, weight)
        if tile.buckets:
            self.plays += add_plays(self.buckets, tile.buckets, weight)


def add_completions(into: dict[str, list[float]], completions: Mapping[str, list[int]], weight: float) -> None:
    """Adds a day's completions by media to [n decayed, their sum decayed]."""
    for media, (n, completed) in completions.items():
        sums = into.setdefault(media, [0.0, 0.0])
        sums[0] += n * weight
        sums[1] += completed * weight


def add_plays(into: dict[int, list[float]], buckets: Mapping[int, list[int]], weight: float) -> int:
    """Adds a day's plays by duration to [plays, plays decayed, abandoned decayed]; returns how many they are."""
    added = 0
    for edge, (plays, abandoned) in buckets.items():
        added += plays
        sums = into.get(edge)
        if sums is None:
            sums = into[edge] = [0, 0.0, 0.0]
        sums[0] += plays
        sums[1] += plays * weight
        sums[2] += abandoned * weight
    return added


def blamed_in(groups: Iterable[Mapping[str, Cell]]) -> dict[str, int]:
    """What was said against keys (positive ld), a tag in all contexts, whatever was said for it in others."""
    found: dict[str, int] = {}
    for cells in groups:
        for value, cell in cells.items():
            if cell.ld > 0:
                found[value] = found.get(value, 0) + cell.ld
    return found


def blamed_of(tile: Tile, kind: str, value: str) -> dict[str, int]:
    """The same of one tag or creator in a day's tile."""
    groups = tile.tags.values() if kind == TAG else [tile.creators]
    return blamed_in({value: own} for cells in groups if (own := cells.get(value)) is not None)


def insert(days: list[int], day: int) -> None:
    """Adds a day to others that are in order."""
    last = days[-1] if days else -1
    if day > last:
        days.append(day)
    elif day != last and day not in days:
        insort(days, day)


def with_day(days: list[int] | int, day: int) -> list[int] | int:
    """Days, one alone as itself, and one more."""
    if days == day:
        return days
    known = [days] if isinstance(days, int) else days
    insert(known, day)
    return known


def as_list(days: list[int] | int | None) -> list[int]:
    """Days ascending, whichever way they are kept."""
    if days is None:
        return []
    return [days] if isinstance(days, int) else days

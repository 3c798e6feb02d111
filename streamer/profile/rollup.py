"""R: one user's tiles and their decayed sums, kept up to date instead of recomputed (spec §5).

Sums live in a *rising frame* (forward decay; Cormode, Shkapenyuk, Srivastava, Xu 2009): a day's counts enter
with weight 2^(day/half-life) and are scaled down once when read. Nothing has to be touched as days pass; a tile
that leaves the window is subtracted.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Final

from streamer.profile.shelf import Shelf
from streamer.profile.tile import Tile
from streamer.scoring.counts import CONTENT, CREATOR, TAG, Cell, total
from streamer.scoring.entries import LISTED_EXPECTED, LISTED_EXPLICIT, ONE_AND_DONE_EXPECTED, Scored, Scorer
from streamer.settings import TileCaps

MOST_HALF_LIVES: Final = 400
"""Half-lives a day may lie from the frame's origin: 2^±400 and its products stay far inside a float's range."""

MARGIN: Final = 1 - 1e-6
"""Cheap bounds are taken this much lower, so that rounding never decides."""
LEAST_EXPLICIT: Final = LISTED_EXPLICIT * MARGIN


class Sums:
    """Decayed o, e (engagements) and ld (nats) of one key in the rising frame.

    ``days``: those that have counts; ``last_day``: its last evidence day, −1 if there is none; ``scored``: its
    score, once somebody asked for it.
    """

    __slots__ = ("days", "e", "last_day", "ld", "o", "scored")

    def __init__(self) -> None:
        self.o = 0.0
        self.e = 0.0
        self.ld = 0.0
        self.last_day = -1
        self.days: list[int] = []
        self.scored: Scored | None = None


class Frame:
    """The decay of a deployment, worked out once for every distance of days.

    Args:
        half_life_days: days after which evidence weighs half.
        window_days: days after which it is gone.
    """

    def __init__(self, half_life_days: float, window_days: int) -> None:
        self.window_days = window_days
        self.most_days = half_life_days * MOST_HALF_LIVES
        self._half_life_days = half_life_days
        self._growths: dict[int, float] = {}
        most_decay = 2 ** (-window_days / half_life_days)
        one_and_done = ONE_AND_DONE_EXPECTED / 1e6 * most_decay
        self.least_expected = {TAG: LISTED_EXPECTED * MARGIN, CREATOR: min(LISTED_EXPECTED, one_and_done) * MARGIN}
        """Decayed e below which a key of this kind can be neither listed nor one-and-done."""

    def growth(self, days: int) -> float:
        """2^(days/half-life)."""
        growth = self._growths.get(days)
        if growth is None:
            growth = self._growths[days] = 2.0 ** min(days / self._half_life_days, 2.0 * MOST_HALF_LIVES)
        return growth


class Rollup:
    """The tiles of a user's sealed sessions, and what they add up to.

    Args:
        frame: the deployment's rising frame.
        tiles: the tiles to begin with.
    """

    def __init__(self, frame: Frame, tiles: Iterable[Tile] = ()) -> None:
        self.frame = frame
        self._reset(tiles)

    def _reset(self, tiles: Iterable[Tile]) -> None:
        self.tiles: dict[int, Tile] = {}
        self.keys: dict[tuple[str, str], Sums] = {}
        self.content_days: dict[str, list[int]] = {}
        self._trimmed: tuple[int, Rollup] | None = None
        self.shelf = Shelf()
        for tile in sorted(tiles, key=lambda t: t.day):
            self.tiles[tile.day] = tile
        self._origin = max(self.tiles, default=0)
        self._recount_totals()
        for tile in self.tiles.values():
            self._sum_tile(tile)

    def weight(self, day: int) -> float:
        """The weight of a day's counts in the rising frame."""
        return self.frame.growth(day - self._origin)

    def scale(self, day: int) -> float:
        """What turns a sum of the rising frame into one decayed to a day."""
        return self.frame.growth(self._origin - day)

    def _reach(self, day: int) -> None:
        """Moves the frame's origin if a day lies so far from it that weights would leave a float's range."""
        if abs(day - self._origin) > self.frame.most_days:
            self._origin = day
            self.keys, self.content_days = {}, {}
            self._recount_totals()
            for tile in self.tiles.values():
                self._sum_tile(tile)

    def as_of(self, today: int) -> Rollup:
        """R as seen on a day: itself, or a copy without the tiles that have left the window by then."""
        self._reach(today)
        if not self.tiles or min(self.tiles) > today - self.frame.window_days:
            return self
        if self._trimmed is None or self._trimmed[0] != today:
            kept = [tile for day, tile in self.tiles.items() if day > today - self.frame.window_days]
            trimmed = Rollup(self.frame, kept)
            trimmed._reach(today)
            self._trimmed = (today, trimmed)
        return self._trimmed[1]

    def fold(self, delta: Tile) -> set[tuple[str, str]]:
        """Adds a session's counts, which are given away, to their day. Returns the keys whose o, e or ld changed."""
        self._trimmed = None
        self._reach(delta.day)
        touched = self._sum_tile(delta)
        self._count(delta)
        tile = self.tiles.get(delta.day)
        if tile is None:
            self.tiles[delta.day] = delta
        else:
            tile.add(delta)
        return touched

    def evict(self, day: int, caps: TileCaps) -> list[tuple[str, str, Cell]]:
        """Applies the caps to a day's tile; returns what was dropped."""
        dropped = self.tiles[day].evict(caps)
        for kind, value, _ in dropped:
            self._recount(kind, value)
        return dropped

    def take_back(self, day: int, kind: str, value: str, context: str, ld: int) -> bool:
        """Takes ``ld`` millionths back from a key's day; False if that day is gone."""
        tile = self.tiles.get(day)
        if tile is None:
            return False
        self._trimmed = None
        cell = tile.cell_to_add(kind, value, context)
        cell.ld -= ld
        if cell.empty:
            if kind == TAG:
                del tile.tags[value][context]
                if not tile.tags[value]:
                    del tile.tags[value]
            else:
                del (tile.creators if kind == CREATOR else tile.contents)[value]
        self._add_day(kind, value, day)
        self._recount(kind, value)
        return True

    def could_be_listed(self, kind: str, value: str, provisional: Iterable[tuple[int, Cell]] = ()) -> bool:
        """Whether a tag or creator has evidence enough to be listed or one-and-done: a cheap upper bound.

        Args:
            kind: tag or creator.
            value: which.
            provisional: counts of open sessions by day, on top of R.
        """
        sums = self.keys.get((kind, value))
        expected, explicit, last_day = (0.0, 0.0, -1) if sums is None else (sums.e, sums.ld, sums.last_day)
        for day, cell in provisional:
            if cell.ld and day == last_day:
                return True  # an undo may take away all evidence of that day, and an earlier one is the last then
            weight = self.weight(day) / 1e6
            expected += cell.e * weight
            explicit += cell.ld * weight
            if day > last_day and cell.has_evidence:
                last_day = day
        if last_day < 0:
            return False
        scale = self.scale(last_day)
        least = self.frame.least_expected[kind]
        return expected * scale >= least or explicit * scale >= LEAST_EXPLICIT

    def score(self, kind: str, value: str, scorer: Scorer) -> Scored | None:
        """The score of a tag or creator by its sealed counts; None if there is no evidence."""
        sums = self.keys.get((kind, value))
        if sums is None:
            return None
        if sums.scored is None:
            sums.scored = scorer.score(self.days(kind, value))
        return sums.scored

    def prune(self, day: int) -> None:
        """Drops a day's tile if nothing is left in it."""
        if self.tiles.get(day) == Tile(day):
            del self.tiles[day]

    def days(self, kind: str, value: str) -> list[tuple[int, Cell]]:
        """A key's counts by day, ascending."""
        if kind == CONTENT:
            found = self.content_days.get(value, [])
        else:
            sums = self.keys.get((kind, value))
            found = [] if sums is None else sums.days
        return [(day, cell) for day in found if (cell := self.tiles[day].cell(kind, value)) is not None]

    def leave(self, today: int) -> tuple[list[int], set[tuple[str, str]]]:
        """Drops the tiles that have left the window; returns their days and the keys whose sums changed."""
        gone = sorted(day for day in self.tiles if day <= today - self.frame.window_days)
        touched: set[tuple[str, str]] = set()
        for day in gone:
            self._trimmed = None
            tile = self.tiles.pop(day)
            for kind, value, cell in tile.cells():
                self._recount(kind, value)
                if cell.has_evidence:
                    touched.add((kind, value))
        if gone:
            self._recount_totals()
        return gone, touched

    def clear(self) -> list[int]:
        """Forgets everything; returns the days that had tiles."""
        days = sorted(self.tiles)
        self._reset(())
        return days

    def _recount_totals(self) -> None:
        self.totals: dict[str, float] = dict.fromkeys(_DECAYED_TOTALS, 0.0)
        self.completions: dict[str, list[float]] = {}
        self.ratings = 0
        self.rating_sum = 0
        for tile in self.tiles.values():
            self._count(tile)

    def _count(self, tile: Tile) -> None:
        weight = self.weight(tile.day)
        for name in _DECAYED_TOTALS:
            self.totals[name] += getattr(tile.totals, name) * weight
        self.ratings += tile.totals.ratings
        self.rating_sum += tile.totals.rating_sum
        for media, (n, completed) in tile.completions.items():
            sums = self.completions.setdefault(media, [0.0, 0.0])
            sums[0] += n * weight
            sums[1] += completed * weight

    def _add_day(self, kind: str, value: str, day: int) -> None:
        if kind == CONTENT:
            _insert(self.content_days.setdefault(value, []), day)
        else:
            _insert(self.keys.setdefault((kind, value), Sums()).days, day)

    def _sum_tile(self, tile: Tile) -> set[tuple[str, str]]:
        """Adds a tile's counts to the sums; returns the keys whose o, e or ld changed."""
        touched: set[tuple[str, str]] = set()
        for tag, contexts in tile.tags.items():
            self._sum(TAG, tag, tile.day, total(contexts), touched)
        for creator, cell in tile.creators.items():
            self._sum(CREATOR, creator, tile.day, cell, touched)
        for content_id in tile.contents:
            self._add_day(CONTENT, content_id, tile.day)
            self.shelf.stale.add((CONTENT, content_id))
        return touched

    def _sum(self, kind: str, value: str, day: int, cell: Cell, touched: set[tuple[str, str]]) -> None:
        key = (kind, value)
        sums = self.keys.get(key)
        if sums is None:
            sums = self.keys[key] = Sums()
        _insert(sums.days, day)
        sums.scored = None
        self.shelf.stale.add(key)
        if cell.o or cell.e or cell.ld:
            weight = self.weight(day) / 1e6
            sums.o += cell.o * weight
            sums.e += cell.e * weight
            sums.ld += cell.ld * weight
            if day > sums.last_day:
                sums.last_day = day
            touched.add(key)

    def _recount(self, kind: str, value: str) -> None:
        """Sums a key afresh from its tiles: after something was taken away, so that no rounding residue stays."""
        self.shelf.stale.add((kind, value))
        days = self.content_days.pop(value, []) if kind == CONTENT else []
        if kind != CONTENT:
            sums = self.keys.pop((kind, value), None)
            days = sums.days if sums is not None else []
        for day in days:
            tile = self.tiles.get(day)
            cell = None if tile is None else tile.cell(kind, value)
            if cell is None or cell.empty:
                continue
            if kind == CONTENT:
                self._add_day(kind, value, day)
            else:
                self._sum(kind, value, day, cell, set())


def _insert(days: list[int], day: int) -> None:
    if not days or days[-1] < day:
        days.append(day)
    elif days[-1] != day and day not in days:
        insort(days, day)


_DECAYED_TOTALS: Final = ("theta", "starts", "engaged", "explained", "abandoned", "expected_abandoned")

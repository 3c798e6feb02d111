"""R: one user's tiles and their decayed sums, kept up to date instead of recomputed (spec §5).

Sums live in a *rising frame* (forward decay; Cormode, Shkapenyuk, Srivastava, Xu 2009): a day's counts enter
with weight 2^(day/half-life) and are scaled down once when read. Nothing has to be touched as days pass; a tile
that leaves the window is subtracted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from streamer.profile.rollup.frame import Frame
from streamer.profile.rollup.sealed_entries import SealedEntries
from streamer.profile.rollup.sums import DecayedTotals, Sums, as_list, blamed_in, blamed_of, insert, with_day
from streamer.profile.tile import Tile
from streamer.scoring.contents import may_have_content_entry
from streamer.scoring.counts import CONTENT, CREATOR, TAG, Cell
from streamer.scoring.creators import LEFT
from streamer.scoring.duration import LEAST_PLAYS
from streamer.scoring.entries import Scored, Scorer
from streamer.settings import TileCaps

Key = tuple[str, str]
"""(kind, value)."""


class Rollup:
    """The tiles of a user's sealed sessions, and what they add up to.

    Attributes:
        tiles: by day.
        sums: of tags and creators, by kind and value. A key that has counts on one day alone, and nothing said against
            it, is that day until somebody asks for its sums (:meth:`sums_of`): most keys never come again.
        contents: days on which a content has counts, one alone as itself.
        listed: (kind, value) of keys that were listed when last touched -> when that expires, ms; its owner sets it.
        totals: of the whole user.
        often_left: tags and creators whose items were left early as often as a cap takes.
        sealed_entries: entries that follow from the tiles alone.
        version: another one after every change.

    Args:
        frame: the deployment's rising frame.
        listed: the listed bits.
        tiles: the tiles to begin with.
    """

    def __init__(self, frame: Frame, listed: dict[Key, int], tiles: Iterable[Tile] = ()) -> None:
        self.frame = frame
        self.listed = listed
        self.version = 0
        self._reset(tiles)

    def _reset(self, tiles: Iterable[Tile]) -> None:
        self.tiles: dict[int, Tile] = {tile.day: tile for tile in sorted(tiles, key=lambda t: t.day)}
        self.sealed_entries = SealedEntries(self.listed)
        self._origin = max(self.tiles, default=0)
        self._oldest = min(self.tiles, default=0)
        self._recount()

    def _recount(self) -> None:
        """Sums everything afresh."""
        self.version += 1
        self._trimmed: tuple[int, Rollup] | None = None
        self.sums: dict[str, dict[str, Sums | int]] = {TAG: {}, CREATOR: {}}
        self.contents: dict[str, list[int] | int] = {}
        self.often_left: set[Key] = set()
        self.totals = DecayedTotals()
        for tile in self.tiles.values():
            self.totals.add(tile, self.weight(tile.day))
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
            self._recount()

    def as_of(self, today: int) -> Rollup:
        """R as seen on a day: itself, or a copy without the tiles that have left the window by then."""
        self._reach(today)
        if not self.tiles or self._oldest > today - self.frame.window_days:
            return self
        if self._trimmed is None or self._trimmed[0] != today:
            kept = [tile for day, tile in self.tiles.items() if day > today - self.frame.window_days]
            trimmed = Rollup(self.frame, self.listed, kept)
            trimmed._reach(today)
            self._trimmed = (today, trimmed)
        return self._trimmed[1]

    # --- changes ----------------------------------------------------------------------------------------------

    def fold(self, delta: Tile) -> set[Key]:
        """Adds a session's counts, which are given away, to their day.

        Returns:
            The keys whose o, e or ld changed and that are listed, or could be.
        """
        day = delta.day
        self._reach(day)
        self.version += 1
        self._trimmed = None
        self.totals.add(delta, self.weight(day))
        touched = self._sum_tile(delta)
        tile = self.tiles.setdefault(day, delta)
        if tile is delta:
            self._oldest = min(self.tiles)
        else:
            tile.add(delta)
        return touched

    def evict(self, day: int, caps: TileCaps) -> list[tuple[str, str, Cell]]:
        """Applies the caps to a day's tile; returns what was dropped."""
        dropped = self.tiles[day].evict(caps)
        for kind, value, _ in dropped:
            self._recount_key(kind, value)
        return dropped

    def take_back(self, day: int, kind: str, value: str, context: str, ld: int, returned: int = 0) -> bool:
        """Takes ``ld`` millionths, and returns, back from a key's day; False if that day is gone."""
        tile = self.tiles.get(day)
        if tile is None:
            return False
        cell = tile.cell_to_add(kind, value, context)
        cell.state(-ld, -returned)
        if cell.empty and kind == TAG:
            del tile.tags[context][value]
            if not tile.tags[context]:
                del tile.tags[context]
        elif cell.empty:
            del (tile.creators if kind == CREATOR else tile.contents)[value]
        self._add_day(kind, value, day)
        self._recount_key(kind, value)
        return True

    def prune(self, day: int) -> None:
        """Drops a day's tile if nothing is left in it."""
        tile = self.tiles.get(day)
        if tile is not None and tile.empty:
            del self.tiles[day]
            self._oldest = min(self.tiles, default=0)

    def leaving(self, today: int) -> list[Tile]:
        """The tiles that have left the window by a day."""
        last_out = today - self.frame.window_days
        return [tile for day, tile in self.tiles.items() if day <= last_out]

    def leave(self, today: int) -> tuple[list[int], set[Key]]:
        """Drops the tiles that have left the window; returns their days and the keys whose sums changed."""
        last_out = today - self.frame.window_days
        if not self.tiles or self._oldest > last_out:
            return [], set()
        gone = sorted(day for day in self.tiles if day <= last_out)
        touched: set[Key] = set()
        for day in gone:
            for kind, value, cell in self.tiles.pop(day).cells():
                self._recount_key(kind, value)
                if cell.has_evidence:
                    touched.add((kind, value))
        self._oldest = min(self.tiles, default=0)
        self.totals = DecayedTotals()
        for tile in self.tiles.values():
            self.totals.add(tile, self.weight(tile.day))
        return gone, touched

    def clear(self) -> list[int]:
        """Forgets everything; returns the days that had tiles."""
        days = sorted(self.tiles)
        self._reset(())
        return days

    # --- what is known of a key -------------------------------------------------------------------------------

    def score(self, kind: str, value: str, scorer: Scorer) -> Scored | None:
        """The score of a tag or creator by its sealed counts; None if there is no evidence."""
        sums = self.sums_of(kind, value)
        if sums is None:
            return None
        if sums.scored is None:
            sums.scored = scorer.score(kind, value, self.days(kind, value))
        return sums.scored

    def reconsider(self, keys: Collection[Key] | None) -> bool:
        """Forgets the scores of keys whose prior has changed; None: of all keys. Returns whether there are any."""
        self._trimmed = None
        known = ((kind, value) for kind, sums in self.sums.items() for value in sums)
        if keys is None:
            changed = list(known)
        elif len(keys) < sum(map(len, self.sums.values())):
            changed = [(kind, value) for kind, value in keys if value in self.sums[kind]]
        else:
            changed = [key for key in known if key in keys]
        for sums in [self.sums[kind][value] for kind, value in changed]:
            if isinstance(sums, Sums):
                sums.scored = None
        self.sealed_entries.doubtful.update(changed)
        return bool(changed)

    def days(self, kind: str, value: str) -> list[tuple[int, Cell]]:
        """A key's counts by day, ascending."""
        tiles = self.tiles
        return [(day, cell) for day in self.days_of(kind, value) if (cell := tiles[day].cell(kind, value)) is not None]

    def sums_of(self, kind: str, value: str) -> Sums | None:
        """The sums of a tag or creator, kept up to date from now on; None if there are no counts."""
        known = self.sums[kind].get(value)
        return self._summed(kind, value, known) if isinstance(known, int) else known

    def _summed(self, kind: str, value: str, day: int) -> Sums:
        """The sums of a key that has counts on one day alone."""
        sums = self.sums[kind][value] = Sums([day])
        if (cell := self.tiles[day].cell(kind, value)) is not None:
            sums.add(cell, 0, day, self.weight(day) / 1e6)
        return sums

    def days_of(self, kind: str, value: str) -> list[int]:
        """The days on which a key has counts, ascending; not to be changed."""
        known = self.contents.get(value) if kind == CONTENT else self.sums[kind].get(value)
        return known.days if isinstance(known, Sums) else as_list(known)

    # --- sums -------------------------------------------------------------------------------------------------

    def _sum_tile(self, tile: Tile) -> set[Key]:
        """Adds a tile's counts, not yet among :attr:`tiles`; returns the keys touched that are listed, or could be."""
        touched: set[Key] = set()
        day = tile.day
        self._sum(TAG, tile.tag_totals(), blamed_in(tile.tags.values()), day, touched)
        self._sum(CREATOR, tile.creators, blamed_in([tile.creators]), day, touched)
        contents, doubtful = self.contents, self.sealed_entries.doubtful
        for content_id, cell in tile.contents.items():
            days = contents.get(content_id)
            contents[content_id] = day if days is None else with_day(days, day)
            if days is not None or may_have_content_entry(cell):
                doubtful.add((CONTENT, content_id))
        return touched

    def _sum(
        self, kind: str, cells: Mapping[str, Cell], blamed: Mapping[str, int], day: int, touched: set[Key]
    ) -> None:
        known, sealed_entries, bounds = self.sums[kind], self.sealed_entries, self.frame.bounds
        weight, today = self.weight(day) / 1e6, self.scale(day)
        least, watching = bounds.unblamed[kind], sealed_entries.watching
        for value, cell in cells.items():
            sums = known.get(value)
            against = blamed.get(value, 0) if blamed else 0
            if sums is None and not against:
                known[value] = day
                expected, all_against, left = cell.e / 1e6, 0.0, cell.abandoned if cell.plays else 0
            else:
                if sums is None:
                    sums = known[value] = Sums([day])
                else:
                    if isinstance(sums, int):
                        sums = self._summed(kind, value, sums)
                    insert(sums.days, day)
                    sums.scored = sums.place = None
                sums.add(cell, against, day, weight)
                scale = today if sums.last_day == day else self.scale(sums.last_day)
                expected, all_against, left = sums.e * scale, sums.blamed * scale, sums.left
            likely = (expected >= least or all_against) and bounds.listable(kind, value, expected, all_against)
            if left >= LEAST_PLAYS:
                self.often_left.add((kind, value))
            if likely or left >= LEFT or (watching and sealed_entries.watches((kind, value))):
                sealed_entries.doubtful.add((kind, value))
                if cell.has_evidence:
                    touched.add((kind, value))

    def _add_day(self, kind: str, value: str, day: int) -> None:
        days = self.days_of(kind, value)
        if not days:
            (self.contents if kind == CONTENT else self.sums[kind])[value] = day
        elif kind == CONTENT:
            self.contents[value] = with_day(self.contents[value], day)
        elif day not in days:
            sums = self.sums_of(kind, value)
            assert sums is not None
            insert(sums.days, day)

    def _recount_key(self, kind: str, value: str) -> None:
        """Sums a key afresh from its tiles: after something was taken away, so that no rounding residue stays."""
        self.version += 1
        self._trimmed = None
        self.sealed_entries.doubtful.add((kind, value))
        days = self.days_of(kind, value)
        self.often_left.discard((kind, value))
        (self.contents if kind == CONTENT else self.sums[kind]).pop(value, None)
        for day in days:
            if (tile := self.tiles.get(day)) is None or (cell := tile.cell(kind, value)) is None or cell.empty:
                continue
            if kind == CONTENT:
                self._add_day(kind, value, day)
            else:
                self._sum(kind, {value: cell}, blamed_of(tile, kind, value), day, set())

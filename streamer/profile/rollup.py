"""R: one user's tiles and their decayed sums, kept up to date instead of recomputed (spec §5).

Sums live in a *rising frame* (forward decay; Cormode, Shkapenyuk, Srivastava, Xu 2009): a day's counts enter
with weight 2^(day/half-life) and are scaled down once when read. Nothing has to be touched as days pass; a tile
that leaves the window is subtracted.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct, field

from streamer.profile.frame import Frame
from streamer.profile.shelf import Shelf
from streamer.profile.tile import Tile
from streamer.scoring.contextual import MOST_PER_EXPECTED
from streamer.scoring.counts import CONTENT, CREATOR, TAG, Cell
from streamer.scoring.entries import Scored, Scorer, may_have_content_entry
from streamer.settings import TileCaps

Key = tuple[str, str]
"""(kind, value)."""


class Sums(Struct, gc=False):
    """Decayed o, e (engagements) and ld (nats) of one key in the rising frame.

    ``blamed``: the positive ld alone, at least: no context of a tag has more.
    ``days``: those that have counts; ``last_day``: its last evidence day, −1 if there is none; ``scored``: its
    score, once somebody asked for it; ``place``: what it counts as among all users, likewise.
    """

    days: list[int]
    o: float = 0.0
    e: float = 0.0
    ld: float = 0.0
    blamed: float = 0.0
    last_day: int = -1
    scored: Scored | None = None
    place: int | None = None


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
        for media, (n, completed) in tile.completions.items():
            sums = self.completions.setdefault(media, [0.0, 0.0])
            sums[0] += n * weight
            sums[1] += completed * weight
        if tile.buckets:
            self.plays += add_plays(self.buckets, tile.buckets, weight)


def add_plays(into: dict[int, list[float]], buckets: Mapping[int, list[int]], weight: float) -> int:
    """Adds a day's plays by duration to [plays, plays decayed, abandoned decayed]; returns how many they are."""
    added = 0
    for edge, (plays, abandoned) in buckets.items():
        added += plays
        sums = into.get(edge)
        if sums is None:
            into[edge] = [plays, plays * weight, abandoned * weight]
        else:
            sums[0] += plays
            sums[1] += plays * weight
            sums[2] += abandoned * weight
    return added


class Rollup:
    """The tiles of a user's sealed sessions, and what they add up to.

    Attributes:
        tiles: by day.
        sums: of tags and creators, by kind and value.
        contents: days on which a content has counts.
        listed: (kind, value) of keys that were listed when last touched -> when that expires, ms; its owner sets it.
        totals: of the whole user.
        shelf: entries that follow from the tiles alone.
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
        self.shelf = Shelf(self.listed)
        self._origin = max(self.tiles, default=0)
        self._oldest = min(self.tiles, default=0)
        self._recount()

    def _recount(self) -> None:
        """Sums everything afresh."""
        self.version += 1
        self._trimmed: tuple[int, Rollup] | None = None
        self.sums: dict[str, dict[str, Sums]] = {TAG: {}, CREATOR: {}}
        self.contents: dict[str, list[int]] = {}
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
        tile = self.tiles.get(day)
        if tile is None:
            self.tiles[day] = delta
            self._oldest = day if len(self.tiles) == 1 else min(self._oldest, day)
            return self._sum_tile(delta)
        touched = self._sum_tile(delta)
        tile.add(delta)
        return touched

    def evict(self, day: int, caps: TileCaps) -> list[tuple[str, str, Cell]]:
        """Applies the caps to a day's tile; returns what was dropped."""
        dropped = self.tiles[day].evict(caps)
        for kind, value, _ in dropped:
            self._recount_key(kind, value)
        return dropped

    def take_back(self, day: int, kind: str, value: str, context: str, ld: int) -> bool:
        """Takes ``ld`` millionths back from a key's day; False if that day is gone."""
        tile = self.tiles.get(day)
        if tile is None:
            return False
        cell = tile.cell_to_add(kind, value, context)
        cell.ld -= ld
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
            tile = self.tiles.pop(day)
            for kind, value, cell in tile.cells():
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

    def could_be_listed(self, kind: str, value: str, provisional: Mapping[int, Cell]) -> bool:
        """Whether a tag or creator has evidence enough to be listed or one-and-done: a cheap upper bound.

        Args:
            kind: tag or creator.
            value: which.
            provisional: counts of open sessions by day, on top of R.
        """
        sums = self.sums[kind].get(value)
        expected, blamed, last_day = (0.0, 0.0, -1) if sums is None else (sums.e, sums.blamed, sums.last_day)
        for day, cell in provisional.items():
            if cell.ld and day == last_day:
                return True  # an undo may take away all evidence of that day, and an earlier one is the last then
            weight = self.weight(day) / 1e6
            expected += cell.e * weight
            blamed += max(cell.ld, 0) * weight
            if day > last_day and cell.has_evidence:
                last_day = day
        if last_day < 0:
            return False
        scale = self.scale(last_day)
        if expected * scale >= self.frame.least_expected[kind] or blamed * scale >= self.frame.least_blamed[kind]:
            return True
        suspect = self.frame.suspects.get(value) if kind == TAG else None
        return suspect is not None and (MOST_PER_EXPECTED * expected + blamed) * scale >= suspect.now

    def could_stand_out(self, tag: str, provisional: Mapping[int, Cell], today: int) -> bool:
        """Whether any context of a tag could have an entry on a day: a cheap upper bound.

        The context has L ≥ 0 on one of the tag's days, and L ≥ −1.5 by today; it has no more than the tag of what
        was expected and of what was said against it.

        Args:
            tag: the tag.
            provisional: its counts of open sessions by day, in which nothing was said, on top of R.
            today: the day of the newest event.
        """
        sums = self.sums[TAG].get(tag)
        most, first_day = (0.0, today) if sums is None else (MOST_PER_EXPECTED * sums.e + sums.blamed, sums.days[0])
        for day, cell in provisional.items():
            most += MOST_PER_EXPECTED * cell.e * self.weight(day) / 1e6
            first_day = min(first_day, day)
        least = self.frame.suspects.get(tag, self.frame.stand_out)
        return most * self.scale(first_day) >= least.ever and most * self.scale(today) >= least.now

    def tag_days(self, tag: str) -> list[int]:
        """Days on which a tag has counts, ascending; not to be changed."""
        sums = self.sums[TAG].get(tag)
        return [] if sums is None else sums.days

    def score(self, kind: str, value: str, scorer: Scorer) -> Scored | None:
        """The score of a tag or creator by its sealed counts; None if there is no evidence."""
        sums = self.sums[kind].get(value)
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
        for kind, value in changed:
            self.sums[kind][value].scored = None
        self.shelf.stale.update(changed)
        return bool(changed)

    def days(self, kind: str, value: str) -> list[tuple[int, Cell]]:
        """A key's counts by day, ascending."""
        if kind == CONTENT:
            found = self.contents.get(value, [])
        else:
            sums = self.sums[kind].get(value)
            found = [] if sums is None else sums.days
        return [(day, cell) for day in found if (cell := self.tiles[day].cell(kind, value)) is not None]

    # --- sums -------------------------------------------------------------------------------------------------

    def _sum_tile(self, tile: Tile) -> set[Key]:
        """Adds a tile's counts to the sums; returns the keys touched that are listed, or could be."""
        touched: set[Key] = set()
        for tags in tile.tags.values():
            self._sum(TAG, tags, tile.day, touched)
        self._sum(CREATOR, tile.creators, tile.day, touched)
        contents, shelf = self.contents, self.shelf
        for content_id, cell in tile.contents.items():
            days = contents.get(content_id)
            if days is None:
                contents[content_id] = [tile.day]
                if may_have_content_entry(cell):
                    shelf.stale.add((CONTENT, content_id))
            else:
                _insert(days, tile.day)
                shelf.stale.add((CONTENT, content_id))
        return touched

    def _sum(self, kind: str, cells: Mapping[str, Cell], day: int, touched: set[Key]) -> None:
        known = self.sums[kind]
        frame_weight = self.weight(day)
        weight = frame_weight / 1e6
        least, least_blamed = (
            self.frame.least_expected[kind] * frame_weight,
            self.frame.least_blamed[kind] * frame_weight,
        )
        suspects = self.frame.suspects if kind == TAG else None
        shelf = self.shelf
        watching = shelf.watching
        for value, cell in cells.items():
            o, e, ld = cell.o, cell.e, cell.ld
            evidence = o or e or ld
            sums = known.get(value)
            if sums is None:
                blamed = ld * weight if ld > 0 else 0.0
                sums = known[value] = Sums([day], o * weight, e * weight, ld * weight, blamed, day if evidence else -1)
            else:
                _insert(sums.days, day)
                sums.scored = sums.place = None
                sums.o += o * weight
                sums.e += e * weight
                if ld:
                    sums.ld += ld * weight
                    if ld > 0:
                        sums.blamed += ld * weight
                if evidence and day > sums.last_day:
                    sums.last_day = day
            if sums.last_day == day:
                likely = sums.e >= least or sums.blamed >= least_blamed
                if suspects and not likely and (suspect := suspects.get(value)) is not None:
                    likely = MOST_PER_EXPECTED * sums.e + sums.blamed >= suspect.now * frame_weight
            else:
                likely = self.could_be_listed(kind, value, {})
            if likely or (watching and shelf.watches((kind, value))):
                shelf.stale.add((kind, value))
                if evidence:
                    touched.add((kind, value))

    def _add_day(self, kind: str, value: str, day: int) -> None:
        if kind == CONTENT:
            _insert(self.contents.setdefault(value, []), day)
            return
        sums = self.sums[kind].get(value)
        if sums is None:
            self.sums[kind][value] = Sums([day])
        else:
            _insert(sums.days, day)

    def _recount_key(self, kind: str, value: str) -> None:
        """Sums a key afresh from its tiles: after something was taken away, so that no rounding residue stays."""
        self.version += 1
        self._trimmed = None
        self.shelf.stale.add((kind, value))
        if kind == CONTENT:
            days = self.contents.pop(value, [])
        else:
            sums = self.sums[kind].pop(value, None)
            days = [] if sums is None else sums.days
        for day in days:
            tile = self.tiles.get(day)
            cell = None if tile is None else tile.cell(kind, value)
            if cell is None or cell.empty:
                continue
            if kind == CONTENT:
                self._add_day(kind, value, day)
            else:
                self._sum(kind, {value: cell}, day, set())


def _insert(days: list[int], day: int) -> None:
    last = days[-1] if days else -1
    if day > last:
        days.append(day)
    elif day != last and day not in days:
        insort(days, day)

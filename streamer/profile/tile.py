"""One user's day: the windowed counts of spec §5, all integers.

Tags are grouped by context (daypart and device), so that counts of a tag, of a tag in the morning and of a tag on a
phone are sums of the same cells. A session that a key was shown in without engagement is counted in the context in
which the key was first exposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeVar

from msgspec import Struct, field

from streamer.scoring.buckets import bucket
from streamer.scoring.counts import CONTENT, CREATOR, TAG, Cell
from streamer.settings import TileCaps

_K = TypeVar("_K", str, int)


class DayTotals(Struct, array_like=True, gc=False):
    """Key ``*``: one user's whole day. ``theta`` thousandths, ``explained``, ``expected_abandoned`` millionths."""

    theta: int = 0
    starts: int = 0
    engaged: int = 0
    explained: int = 0
    abandoned: int = 0
    expected_abandoned: int = 0
    ratings: int = 0
    rating_sum: int = 0

    def add(self, other: DayTotals) -> None:
        self.theta += other.theta
        self.starts += other.starts
        self.engaged += other.engaged
        self.explained += other.explained
        self.abandoned += other.abandoned
        self.expected_abandoned += other.expected_abandoned
        self.ratings += other.ratings
        self.rating_sum += other.rating_sum


class Tile(Struct, array_like=True, gc=False):
    """All counts of one day, a tag's by context.

    ``completions``: media -> [n, sum in millionths]; ``buckets``: edge -> [plays, abandoned], the unbounded last bucket
    has edge 0.
    """

    day: int
    tags: dict[str, dict[str, Cell]] = field(default_factory=dict)
    creators: dict[str, Cell] = field(default_factory=dict)
    contents: dict[str, Cell] = field(default_factory=dict)
    totals: DayTotals = field(default_factory=DayTotals)
    completions: dict[str, list[int]] = field(default_factory=dict)
    buckets: dict[int, list[int]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing is counted."""
        counted = self.tags or self.creators or self.contents or self.completions or self.buckets
        return not counted and self.totals == DayTotals()

    def tags_in(self, context: str) -> dict[str, Cell]:
        """The tags of a context, to add to."""
        tags = self.tags.get(context)
        if tags is None:
            tags = self.tags[context] = {}
        return tags

    def cell_to_add(self, kind: str, value: str, context: str) -> Cell:
        """The cell of any key to add to, made if there is none; ``context`` matters for tags."""
        cells = self.tags_in(context) if kind == TAG else self.creators if kind == CREATOR else self.contents
        cell = cells.get(value)
        if cell is None:
            cell = cells[value] = Cell()
        return cell

    def cell(self, kind: str, value: str) -> Cell | None:
        """The counts of a tag (over all contexts), creator or content; None if it has none."""
        if kind != TAG:
            return (self.creators if kind == CREATOR else self.contents).get(value)
        found: Cell | None = None
        for tags in self.tags.values():
            cell = tags.get(value)
            if cell is not None:
                found = cell if found is None else found.plus(cell)
        return found

    def tag_totals(self) -> Mapping[str, Cell]:
        """Every tag's counts over all contexts; not to be changed."""
        contexts = list(self.tags.values())
        if len(contexts) == 1:
            return contexts[0]
        totals: dict[str, Cell] = {}
        for tags in contexts:
            for tag, cell in tags.items():
                known = totals.get(tag)
                totals[tag] = cell if known is None else known.plus(cell)
        return totals

    def cells(self) -> Iterator[tuple[str, str, Cell]]:
        """Every key with its counts: (kind, value, cell)."""
        for tag, cell in self.tag_totals().items():
            yield TAG, tag, cell
        for creator, cell in self.creators.items():
            yield CREATOR, creator, cell
        for content_id, cell in self.contents.items():
            yield CONTENT, content_id, cell

    def add(self, other: Tile) -> None:
        """Adds another tile's counts, which are given away."""
        for context, tags in other.tags.items():
            _add_cells(self.tags_in(context), tags)
        _add_cells(self.creators, other.creators)
        _add_cells(self.contents, other.contents)
        self.totals.add(other.totals)
        _add_pairs(self.completions, other.completions)
        _add_pairs(self.buckets, other.buckets)

    def add_completion(self, media: str, millionths: int) -> None:
        _add_pair(self.completions, media, 1, millionths)

    def add_play(self, duration_s: float, abandoned: bool) -> None:
        """Counts a play in its duration bucket."""
        _add_pair(self.buckets, bucket(duration_s), 1, int(abandoned))

    def evict(self, caps: TileCaps) -> list[tuple[str, str, Cell]]:
        """Drops the lightest keys beyond the caps and returns them.

        Least (ld ≠ 0, shown, engaged) goes first, ties the greater value; keys with explicit evidence never go.
        """
        dropped: list[tuple[str, str, Cell]] = []
        if sum(map(len, self.tags.values())) > caps.tags:
            totals = self.tag_totals()
            dropped += [(TAG, tag, totals[tag]) for tag in _lightest(totals, caps.tags)]
            for _, tag, _ in dropped:
                for tags in self.tags.values():
                    tags.pop(tag, None)
            self.tags = {context: tags for context, tags in self.tags.items() if tags}
        for kind, cells, cap in ((CREATOR, self.creators, caps.creators), (CONTENT, self.contents, caps.contents)):
            if len(cells) > cap:
                dropped += [(kind, value, cells.pop(value)) for value in _lightest(cells, cap)]
        return dropped


@lru_cache(maxsize=4_096)
def context_name(daypart: str, device: str | None) -> str:
    """How a context is named in a tile: the daypart, then the device if there is one.

    >>> context_name("night", None), context_name("night", "tv")
    ('night', 'night/tv')
    """
    return daypart if device is None else f"{daypart}/{device}"


def _add_cells(into: dict[str, Cell], other: dict[str, Cell]) -> None:
    for value, cell in other.items():
        known = into.get(value)
        if known is None:
            into[value] = cell
        else:
            known.add(cell)


def _lightest(cells: Mapping[str, Cell], cap: int) -> list[str]:
    removable = sorted((value for value, cell in cells.items() if cell.ld == 0), reverse=True)
    removable.sort(key=lambda value: (cells[value].shown, cells[value].engaged))
    return removable[: max(0, len(cells) - cap)]


def _add_pairs(into: dict[_K, list[int]], other: dict[_K, list[int]]) -> None:
    for key, (first, second) in other.items():
        _add_pair(into, key, first, second)


def _add_pair(into: dict[_K, list[int]], key: _K, first: int, second: int) -> None:
    pair = into.setdefault(key, [0, 0])
    pair[0] += first
    pair[1] += second

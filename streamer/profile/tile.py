"""One user's day: the windowed counts of spec §5, all integers.

A tag's counts are kept by context (daypart and device), so that counts of a tag, of a tag in the morning and
of a tag on a phone are sums of the same cells. A session that a key was shown in without engagement is counted
in the context in which the key was first exposed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from msgspec import Struct, field

from streamer.scoring.counts import CONTENT, CREATOR, TAG, Cell, total
from streamer.settings import TileCaps

BUCKET_EDGES: Final = (30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 960, 1440, 1920, 2880)
"""Upper edges of the duration buckets, seconds, edge included; the last bucket has none."""

_K = TypeVar("_K", str, int)


class Totals(Struct, array_like=True):
    """Key ``*``: one user's whole day. ``theta`` thousandths, ``explained``, ``expected_abandoned`` millionths."""

    theta: int = 0
    starts: int = 0
    engaged: int = 0
    explained: int = 0
    abandoned: int = 0
    expected_abandoned: int = 0
    ratings: int = 0
    rating_sum: int = 0

    def add(self, other: Totals) -> None:
        self.theta += other.theta
        self.starts += other.starts
        self.engaged += other.engaged
        self.explained += other.explained
        self.abandoned += other.abandoned
        self.expected_abandoned += other.expected_abandoned
        self.ratings += other.ratings
        self.rating_sum += other.rating_sum


class Tile(Struct, array_like=True):
    """All counts of one day. ``completions``: media -> [n, sum in millionths]; ``buckets``: edge -> [plays, abandoned].

    The unbounded last bucket has edge 0.
    """

    day: int
    tags: dict[str, dict[str, Cell]] = field(default_factory=dict)
    creators: dict[str, Cell] = field(default_factory=dict)
    contents: dict[str, Cell] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    completions: dict[str, list[int]] = field(default_factory=dict)
    buckets: dict[int, list[int]] = field(default_factory=dict)

    def tag_cell(self, tag: str, context: str) -> Cell:
        """The cell to add to, made if there is none."""
        contexts = self.tags.get(tag)
        if contexts is None:
            contexts = self.tags[tag] = {}
        cell = contexts.get(context)
        if cell is None:
            cell = contexts[context] = Cell()
        return cell

    def cell_to_add(self, kind: str, value: str, context: str) -> Cell:
        """The cell of any key to add to, made if there is none; ``context`` matters for tags."""
        if kind == TAG:
            return self.tag_cell(value, context)
        return _cell_of(self.creators if kind == CREATOR else self.contents, value)

    def creator_cell(self, creator: str) -> Cell:
        return _cell_of(self.creators, creator)

    def content_cell(self, content_id: str) -> Cell:
        return _cell_of(self.contents, content_id)

    def cell(self, kind: str, value: str) -> Cell | None:
        """The counts of a tag (over all contexts), creator or content; None if it has none."""
        if kind == TAG:
            contexts = self.tags.get(value)
            return None if contexts is None else total(contexts)
        return (self.creators if kind == CREATOR else self.contents).get(value)

    def cells(self) -> Iterator[tuple[str, str, Cell]]:
        """Every key with its counts: (kind, value, cell)."""
        for tag, contexts in self.tags.items():
            yield TAG, tag, total(contexts)
        for creator, cell in self.creators.items():
            yield CREATOR, creator, cell
        for content_id, cell in self.contents.items():
            yield CONTENT, content_id, cell

    def add(self, other: Tile) -> None:
        """Adds another tile's counts."""
        for tag, contexts in other.tags.items():
            for context, cell in contexts.items():
                self.tag_cell(tag, context).add(cell)
        for creator, cell in other.creators.items():
            self.creator_cell(creator).add(cell)
        for content_id, cell in other.contents.items():
            self.content_cell(content_id).add(cell)
        self.totals.add(other.totals)
        _add_pairs(self.completions, other.completions)
        _add_pairs(self.buckets, other.buckets)

    def add_completion(self, media: str, millionths: int) -> None:
        _add_pairs(self.completions, {media: [1, millionths]})

    def add_play(self, duration_s: float, abandoned: bool) -> None:
        """Counts a play in its duration bucket."""
        _add_pairs(self.buckets, {bucket(duration_s): [1, int(abandoned)]})

    def evict(self, caps: TileCaps) -> list[tuple[str, str, Cell]]:
        """Drops the lightest keys beyond the caps and returns them.

        Least (ld ≠ 0, shown, engaged) goes first, ties the greater value; keys with explicit evidence never go.
        """
        dropped: list[tuple[str, str, Cell]] = []
        if len(self.tags) > caps.tags:
            totals = {tag: total(contexts) for tag, contexts in self.tags.items()}
            for tag in _lightest(totals, caps.tags):
                del self.tags[tag]
                dropped.append((TAG, tag, totals[tag]))
        for kind, cells, cap in ((CREATOR, self.creators, caps.creators), (CONTENT, self.contents, caps.contents)):
            if len(cells) > cap:
                dropped += [(kind, value, cells.pop(value)) for value in _lightest(cells, cap)]
        return dropped


def bucket(duration_s: float) -> int:
    """The upper edge of the duration's bucket; 0 for the unbounded last one.

    >>> bucket(30), bucket(30.5), bucket(9000)
    (30, 45, 0)
    """
    for edge in BUCKET_EDGES:
        if duration_s <= edge:
            return edge
    return 0


def context_name(daypart: str, device: str | None) -> str:
    """How a context is named in a tile: the daypart, then the device if there is one.

    >>> context_name("night", None), context_name("night", "tv")
    ('night', 'night/tv')
    """
    return daypart if device is None else f"{daypart}/{device}"


def _cell_of(cells: dict[str, Cell], value: str) -> Cell:
    cell = cells.get(value)
    if cell is None:
        cell = cells[value] = Cell()
    return cell


def _lightest(cells: dict[str, Cell], cap: int) -> list[str]:
    removable = sorted((value for value, cell in cells.items() if cell.ld == 0), reverse=True)
    removable.sort(key=lambda value: (cells[value].shown, cells[value].engaged))
    return removable[: len(cells) - cap]


def _add_pairs(into: dict[_K, list[int]], other: dict[_K, list[int]]) -> None:
    for key, (first, second) in other.items():
        pair = into.get(key)
        if pair is None:
            into[key] = [first, second]
        else:
            pair[0] += first
            pair[1] += second

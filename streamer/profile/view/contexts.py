"""A tag's counts in each of its contexts, and which of these speak against it (spec §5, §7).

Tiles keep a tag's counts by daypart and device together (``tile.context_name``). What is asked for is the tag in the
morning, and the tag on a TV: sums over one of the two, made from the tiles when a tag may need them and never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from streamer.profile.rollup.rollup import Rollup
from streamer.profile.tile import Tile
from streamer.scoring.contextual import Context, InContext, most_log_odds
from streamer.scoring.counts import TAG, Cell
from streamer.scoring.entries import Days, Scorer
from streamer.scoring.score import STRONG


def contexts_of(rollup: Rollup, provisional: Mapping[int, Tile], tag: str) -> dict[Context, Days]:
    """A tag's counts by context and day, days without a nonzero number left out.

    Args:
        rollup: R.
        provisional: what open sessions add, by day.
        tag: the tag.
    """
    sums = rollup.days_of(TAG, tag)
    days = sorted({*sums, *provisional}) if provisional else sums
    found: dict[Context, list[tuple[int, Cell]]] = {}
    for day in days:
        for tile in (rollup.tiles.get(day), provisional.get(day)):
            if tile is None:
                continue
            for name, cells in tile.tags.items():
                cell = cells.get(tag)
                if cell is None:
                    continue
                for context in parts_of(name):
                    series = found.get(context)
                    if series is None:
                        found[context] = [(day, cell)]
                    elif series[-1][0] == day:
                        series[-1] = (day, series[-1][1].plus(cell))
                    else:
                        series.append((day, cell))
    return {context: [(d, cell) for d, cell in series if not cell.empty] for context, series in found.items()}


def disliked_in(tag: str, days_by_context: Mapping[Context, Days], scorer: Scorer) -> list[InContext]:
    """The contexts of a tag with L ≥ 0."""
    found = []
    prior = scorer.prior(TAG, tag)
    for context, days in days_by_context.items():
        expected = sum(cell.e for _, cell in days) / 1e6
        blamed = sum(cell.ld for _, cell in days if cell.ld > 0) / 1e6
        if most_log_odds(expected, blamed, prior) < STRONG:  # a bound that spares most the score
            continue
        scored = scorer.score(TAG, tag, days)
        if scored is not None and scored.log_odds >= STRONG:
            found.append(InContext(context, days, scored))
    return found


@lru_cache(maxsize=4_096)
def parts_of(name: str) -> tuple[Context, ...]:
    """The contexts that what a tile names so belongs to.

    >>> parts_of("night/tv"), parts_of("night"), parts_of("")
    ((('daypart', 'night'), ('device', 'tv')), (('daypart', 'night'),), ())
    """
    daypart, _, device = name.partition("/")
    named = (("daypart", daypart), ("device", device))
    return tuple((dimension, value) for dimension, value in named if value)

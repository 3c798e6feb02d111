"""The plays of a user by duration, sealed and provisional: what the duration cap is judged by (spec §8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from streamer.profile.rollup.rollup import Rollup
from streamer.profile.rollup.sums import add_plays
from streamer.profile.tile import Tile
from streamer.profile.view.provisional import cells_of
from streamer.scoring import duration
from streamer.scoring.counts import CONTENT
from streamer.scoring.document import Entry
from streamer.scoring.duration import LEAST_DAYS, LEAST_PLAYS, Plays, Side, cap, duration_entry
from streamer.scoring.priors import Priors


def plays_by_duration(rollup: Rollup, provisional: Mapping[int, Tile], today: int, priors: Priors) -> dict[int, Plays]:
    """Plays by the upper edge of their bucket, decayed to a day.

    Args:
        rollup: R.
        provisional: what open sessions add, by day.
        today: the day.
        priors: how much of a bucket people at large abandon.
    """
    sums = rollup.totals.buckets
    added = [(day, tile) for day, tile in provisional.items() if tile.buckets]
    if added:
        sums = {edge: list(plays) for edge, plays in sums.items()}
        for day, tile in added:
            add_plays(sums, tile.buckets, rollup.weight(day))
    scale = rollup.scale(today)
    return {
        edge: Plays(int(count), plays * scale * priors.abandonment_in(edge), abandoned * scale)
        for edge, (count, plays, abandoned) in sums.items()
    }


def days_above(rollup: Rollup, provisional: Mapping[int, Tile], edge: int) -> int:
    """Days on which something longer than this, s, was left early."""
    return len(
        {
            day
            for tiles in (rollup.tiles, provisional)
            for day, tile in tiles.items()
            if any(abandoned and (not at or at > edge) for at, (_, abandoned) in tile.buckets.items())
        }
    )


def is_explained(rollup: Rollup, provisional: Mapping[int, Tile], edge: int) -> bool:
    """Whether a cap, s, is what one tag or creator explains."""
    buckets = [
        (at, each)
        for tiles in (rollup.tiles, provisional)
        for tile in tiles.values()
        for at, each in tile.buckets.items()
    ]
    above = [each for at, each in buckets if not at or at > edge]
    keys = set(rollup.often_left)
    for tile in provisional.values():
        keys.update((kind, value) for kind, value, cell in tile.cells() if kind != CONTENT and cell.abandoned)
    sides = (_side(rollup, provisional, kind, value) for kind, value in keys)
    return duration.is_explained(
        _sum(above), (side for side in sides if side.abandoned >= LEAST_PLAYS), _sum(each for _, each in buckets)
    )


def _sum(plays: Iterable[Sequence[int]]) -> Side:
    found = list(plays)
    return Side(sum(number for number, _ in found), sum(abandoned for _, abandoned in found))


def _side(rollup: Rollup, provisional: Mapping[int, Tile], kind: str, value: str) -> Side:
    cells = [cell for _, cell in rollup.days(kind, value)] + list(cells_of(provisional, kind, value).values())
    return Side(sum(cell.started for cell in cells), sum(cell.abandoned for cell in cells))


def capped(rollup: Rollup, provisional: Mapping[int, Tile], today: int, as_of: int, priors: Priors) -> Entry | None:
    """The duration cap as of a time (ms), the other arguments as above; None if there is none."""
    count = rollup.totals.plays
    for tile in provisional.values():
        if tile.buckets:
            count += sum(plays for plays, _ in tile.buckets.values())
    if count < 2 * LEAST_PLAYS:
        return None
    edge = cap(plays_by_duration(rollup, provisional, today, priors))
    if edge is None or days_above(rollup, provisional, edge) < LEAST_DAYS or is_explained(rollup, provisional, edge):
        return None
    days = [day for tiles in (rollup.tiles, provisional) for day, tile in tiles.items() if tile.buckets]
    return duration_entry(edge, min(days), max(days), as_of)

"""The plays of a user by duration, sealed and provisional: what the duration cap is judged by (spec §8)."""

from __future__ import annotations

from collections.abc import Mapping

from streamer.profile.rollup.rollup import Rollup
from streamer.profile.rollup.sums import add_plays
from streamer.profile.tile import Tile
from streamer.scoring.document import Entry
from streamer.scoring.duration import LEAST_DAYS, LEAST_PLAYS, Plays, cap, duration_entry
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


def capped(rollup: Rollup, provisional: Mapping[int, Tile], today: int, as_of: int, priors: Priors) -> Entry | None:
    """The duration cap as of a time (ms), the other arguments as above; None if there is none."""
    count = rollup.totals.plays
    for tile in provisional.values():
        if tile.buckets:
            count += sum(plays for plays, _ in tile.buckets.values())
    if count < 2 * LEAST_PLAYS:
        return None
    edge = cap(plays_by_duration(rollup, provisional, today, priors))
    if edge is None or days_above(rollup, provisional, edge) < LEAST_DAYS:
        return None
    days = [day for tiles in (rollup.tiles, provisional) for day, tile in tiles.items() if tile.buckets]
    return duration_entry(edge, min(days), max(days), as_of)

"""In which bin of ℓ a user stands with a creator, from R alone (spec §10; the bins: ``population/bins.py``)."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from streamer.population.bins import EDGES, HAIR, NOWHERE, bin_of
from streamer.profile.rollup.rollup import Rollup
from streamer.scoring.counts import CREATOR, Cell
from streamer.scoring.entries import Scorer
from streamer.scoring.score import evidence


def creator_bin(rollup: Rollup, creator: str, scorer: Scorer) -> int:
    """The bin by a creator's sums, which remember it until they change."""
    sums = rollup.sums[CREATOR].get(creator)
    if sums is None:
        return NOWHERE
    if isinstance(sums, int):
        return bin_of_cell(rollup.tiles[sums].creators[creator])
    if sums.place is None:
        if sums.ld or sums.blamed or sums.last_day < 0:
            scored = rollup.score(CREATOR, creator, scorer)
            sums.place = NOWHERE if scored is None else _bin(scored.observed, scored.expected, scored.explicit)
        else:
            scale = rollup.scale(sums.last_day)
            sums.place = _bin(sums.o * scale, sums.e * scale, 0.0)
    return sums.place


def bin_of_cell(cell: Cell) -> int:
    """The bin by the counts of one day, if they are all there is."""
    if cell.o or cell.ld:
        return _bin(cell.o / 1e6, cell.e / 1e6, cell.ld / 1e6)
    return _WITHOUT_EVIDENCE + bisect_right(_EXPECTED_EDGES, cell.e / 1e6) if cell.e else NOWHERE


def _bin(observed: float, expected: float, explicit: float) -> int:
    """The bin of ℓ from a creator's decayed sums, in engagements and nats."""
    if observed or explicit:
        return bin_of(evidence(observed, expected, explicit))
    return _WITHOUT_EVIDENCE + bisect_right(_EXPECTED_EDGES, expected)


def _expected_at(nats: float) -> float:
    """The E at which ℓ, of nothing observed and nothing said, reaches so many nats; ℓ rises with E."""
    low, high = 0.0, 1.0
    while evidence(0.0, high, 0.0) < nats:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if evidence(0.0, middle, 0.0) < nats:
            low = middle
        else:
            high = middle
    return high


_WITHOUT_EVIDENCE: Final = bin_of(0.0)
_EXPECTED_EDGES: Final = [_expected_at(edge - HAIR) for edge in EDGES if edge > 0]
"""Where a creator that only was passed over moves up a bin, by E: most are, and need no logarithms."""

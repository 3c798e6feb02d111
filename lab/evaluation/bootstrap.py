"""Intervals: what a figure might have been with other users of the same kind.

The percentile bootstrap (Efron 1979, as ``scipy.stats.bootstrap`` draws it) over users, who are independent of one
another; impressions of one user are not. Every figure is a ratio of sums over users, such as right entries ÷ entries,
or a mean, where each user counts 1. All figures of a group are resampled alike, so that two rules can be compared user
by user.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.stats import bootstrap

Floats: TypeAlias = NDArray[np.float64]

RESAMPLES: Final = 500
COVERAGE: Final = 0.95
_AT_ONCE: Final = 10_000_000
"""Numbers that a batch of resamples holds at most: some 80 MB."""


class Share(NamedTuple):
    """What one user adds to a figure: ``amount`` ÷ ``of``. A user for whom there is nothing to tell adds (0, 0)."""

    amount: float
    of: float


NOTHING: Final = Share(0.0, 0.0)


class Estimate(Struct, frozen=True):
    """A figure with its 95 % interval. ``users``: those who had anything to add; ``of``: what they add up to.

    A figure of 0 or 1 has no width, since resampling cannot draw what never happened: look at ``of`` then.
    """

    value: float
    low: float
    high: float
    users: int
    of: float


class Figure(NamedTuple):
    """A figure of the users as they are, and of every resample: NaN where nobody drawn had anything to add."""

    value: float
    resampled: Floats
    users: int
    of: float

    def estimate(self) -> Estimate:
        """The figure and its interval."""
        low, high = np.nanquantile(self.resampled, ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
        return Estimate(self.value, float(low), float(high), self.users, self.of)

    def less(self, other: Figure) -> Estimate:
        """This figure less another of the same users, resample by resample."""
        resampled = self.resampled - other.resampled
        fewer = min(self.users, other.users), min(self.of, other.of)
        return Figure(self.value - other.value, resampled, *fewer).estimate()


def figures_of(shares: Sequence[Sequence[Share]], resamples: int, seed: int) -> list[Figure | None]:
    """The figures that these users make; None for one to which nobody has anything to add.

    Args:
        shares: for each figure, one for each user.
        resamples: how often users are drawn, with replacement.
        seed: of the draws: the same for the same arguments.
    """
    if not shares or not shares[0]:
        return [None] * len(shares)
    added = np.moveaxis(np.array(shares, dtype=np.float64), -1, 0)  # amounts and ofs, by figure, by user
    sums = added.sum(axis=-1)
    drawn = _ratios(_sums(added, resamples, seed))
    users = np.count_nonzero(added[1], axis=-1)
    each = zip(_ratios(sums).tolist(), drawn, users.tolist(), sums[1].tolist(), strict=True)
    return [Figure(*figure) if figure[-1] else None for figure in each]


def _sums(added: Floats, resamples: int, seed: int) -> Floats:
    """What the users of every resample add up to."""
    if added.shape[-1] == 1:  # one user can only be drawn as they are
        return added
    drawn: Floats = bootstrap(
        (added,),
        np.sum,
        n_resamples=resamples,
        batch=max(1, _AT_ONCE // added.size),
        vectorized=True,
        axis=-1,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).bootstrap_distribution
    return drawn


def _ratios(sums: Floats) -> Floats:
    amounts, ofs = sums
    ratios: Floats = np.divide(amounts, ofs, out=np.full_like(ofs, np.nan), where=ofs != 0)
    return ratios

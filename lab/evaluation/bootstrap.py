"""Intervals: what a figure might have been with other users of the same kind.

The percentile bootstrap (Efron 1979) over users, who are independent of one another; impressions of one user are not.
Every figure is a ratio of sums over users, such as right entries ÷ entries, or a mean, where each user counts 1.
All figures of a group are resampled alike, so that two rules can be compared user by user.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import compress
from operator import mul
from random import Random
from typing import Final, NamedTuple

from msgspec import Struct

RESAMPLES: Final = 500
COVERAGE: Final = 0.95


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


class Bootstrap:
    """Draws users with replacement, always the same for the same arguments.

    Args:
        users: how many there are.
        resamples: how often to draw.
        seed: of the draws.
    """

    def __init__(self, users: int, resamples: int, seed: int) -> None:
        rng = Random(f"{seed}/bootstrap/{users}")
        everybody = range(users)
        self._counts: list[list[int]] = []
        for _ in range(resamples):
            drawn = Counter(rng.choices(everybody, k=users))
            self._counts.append([drawn[user] for user in everybody])

    def of(self, shares: Sequence[Share]) -> Figure | None:
        """The figure that these users make; None if none has anything to add.

        Args:
            shares: one for each user.
        """
        value = _ratio(shares)
        if value is None:
            return None
        return Figure(value, self._ratios(shares), sum(share.of != 0 for share in shares), sum(s.of for s in shares))

    def _ratios(self, shares: Sequence[Share]) -> list[float | None]:
        tells = [share.of != 0 or share.amount != 0 for share in shares]
        amounts = [share.amount for share in compress(shares, tells)]
        ofs = [share.of for share in compress(shares, tells)]
        if not any(amounts):
            return [0.0] * len(self._counts)
        ratios: list[float | None] = []
        for counts in self._counts:
            drawn = list(compress(counts, tells))
            of = sum(map(mul, drawn, ofs))
            ratios.append(sum(map(mul, drawn, amounts)) / of if of else None)
        return ratios


class Figure:
    """A figure of the users as they are, and of every resample.

    Args:
        value: of the users as they are.
        resampled: of every resample, None where nobody drawn had anything to add.
        users: those who had anything to add.
        of: what they add up to.
    """

    def __init__(self, value: float, resampled: list[float | None], users: int, of: float) -> None:
        self._value = value
        self._resampled = resampled
        self._users = users
        self._of = of

    def estimate(self) -> Estimate:
        """The figure and its interval."""
        found = [ratio for ratio in self._resampled if ratio is not None]
        return Estimate(self._value, *_interval(found, self._value), self._users, self._of)

    def less(self, other: Figure) -> Estimate:
        """This figure less another of the same users, resample by resample."""
        pairs = zip(self._resampled, other._resampled, strict=True)
        found = [x - y for x, y in pairs if x is not None and y is not None]
        value = self._value - other._value
        return Estimate(value, *_interval(found, value), min(self._users, other._users), min(self._of, other._of))


def _ratio(shares: Sequence[Share]) -> float | None:
    of = sum(share.of for share in shares)
    return sum(share.amount for share in shares) / of if of else None


def _interval(found: list[float], value: float) -> tuple[float, float]:
    if not found:
        return value, value
    found.sort()
    tail = (1 - COVERAGE) / 2
    return found[int(tail * (len(found) - 1))], found[-1 - int(tail * (len(found) - 1))]

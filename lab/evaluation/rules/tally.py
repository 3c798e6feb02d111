"""Sums by key that fade: what all counting baselines keep, with the half-life that ours has."""

from __future__ import annotations

from collections.abc import Iterator

from lab.evaluation.joining import Key
from streamer.scoring.counts import CREATOR, TAG


class Tally:
    """Several sums for each key, halved every half-life.

    Args:
        half_life_days: days after which an amount weighs half.
        width: how many sums a key has.

    >>> tally = Tally(half_life_days=10, width=2)
    >>> tally.add(("tag", "news"), day=0, amounts=(1, 4))
    >>> tally.add(("tag", "news"), day=10, amounts=(1, 0))
    >>> tally.of(("tag", "news"), today=20)
    [0.75, 1.0]
    """

    def __init__(self, half_life_days: float, width: int) -> None:
        self._half_life_days = half_life_days
        self._width = width
        self._sums: dict[Key, list[float]] = {}
        self._days: dict[Key, int] = {}

    def add(self, key: Key, day: int, amounts: tuple[float, ...]) -> None:
        """Adds amounts to a key's sums; days must not go back."""
        sums = self._sums.get(key)
        if sums is None:
            self._sums[key] = list(amounts)
            self._days[key] = day
            return
        if self._days[key] != day:
            factor = self._fading(key, day)
            self._days[key] = day
            for n in range(self._width):
                sums[n] *= factor
        for n, amount in enumerate(amounts):
            sums[n] += amount

    def of(self, key: Key, today: int) -> list[float]:
        """A key's sums as of a day; zeros if it is unknown."""
        sums = self._sums.get(key)
        if sums is None:
            return [0.0] * self._width
        factor = self._fading(key, today)
        return [each * factor for each in sums]

    def items(self, today: int) -> Iterator[tuple[Key, list[float]]]:
        """All tags and creators with their sums as of a day."""
        factors: dict[int, float] = {}
        for key, sums in self._sums.items():
            day = self._days[key]
            factor = factors.get(day)
            if factor is None:
                factor = factors[day] = self._fading(key, today)
            if key[0] in (TAG, CREATOR):
                yield key, [each * factor for each in sums]

    def _fading(self, key: Key, today: int) -> float:
        return float(2.0 ** ((self._days[key] - today) / self._half_life_days))

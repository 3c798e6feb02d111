"""How often a user's later items would be wanted, whatever their tags: what a list's effect is measured against.

On real impressions surface, the item's appeal to everybody and the user's own rate decide nearly all; a list can only
be judged by what is left. So an item is expected to be wanted in surface rate × appeal × own rate of the cases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from lab.evaluation.sets.history import Test

APPEAL_LEAN: Final = 5.0
OWN_LEAN: Final = 5.0
"""Wanted items, as usual, that an item's appeal and a user's own rate lean on."""
_MOST: Final = 0.97


class Expectation:
    """Expectations of the later items of all users.

    Args:
        everybody: each user's later items.
    """

    def __init__(self, everybody: Iterable[Sequence[Test]]) -> None:
        users = list(everybody)
        shown: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for tests in users:
            for test in tests:
                shown[test.group][0] += not test.unwanted
                shown[test.group][1] += 1
        self._rates = {group: wanted / number for group, (wanted, number) in shown.items()}
        self._items: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for tests in users:
            for test in tests:
                self._count(test, 1)

    def _count(self, test: Test, sign: int) -> None:
        sums = self._items[test.content_id]
        sums[0] += sign * (not test.unwanted)
        sums[1] += sign * self._rates[test.group]

    def of(self, tests: Sequence[Test], which: Collection[int]) -> list[float]:
        """How likely some of a user's items are wanted, 0–1.

        The user's own rate is that of their other items, and an item's appeal that to other users: nothing is expected
        of an item because of itself.

        Args:
            tests: all later items of the user.
            which: places of those that are asked for.
        """
        for test in tests:
            self._count(test, -1)
        usual = [self._usual(test) for test in tests]
        for test in tests:
            self._count(test, 1)
        asked = set(which)
        others = [n for n in range(len(tests)) if n not in asked]
        wanted = sum(not tests[n].unwanted for n in others)
        own = (wanted + OWN_LEAN) / (sum(usual[n] for n in others) + OWN_LEAN)
        return [min(usual[n] * own, _MOST) for n in which]

    def _usual(self, test: Test) -> float:
        """Of any user."""
        wanted, expected = self._items[test.content_id]
        return self._rates[test.group] * (wanted + APPEAL_LEAN) / (expected + APPEAL_LEAN)

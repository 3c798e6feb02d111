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

    def of_user(self, tests: Sequence[Test]) -> UserExpectation:
        """Of one user's later items, all of them. An item's appeal is that to other users."""
        for test in tests:
            self._count(test, -1)
        usual = [self._usual(test) for test in tests]
        for test in tests:
            self._count(test, 1)
        return UserExpectation(tests, usual)

    def _usual(self, test: Test) -> float:
        """Of any user."""
        wanted, expected = self._items[test.content_id]
        return self._rates[test.group] * (wanted + APPEAL_LEAN) / (expected + APPEAL_LEAN)


class UserExpectation:
    """Expectations of one user's later items.

    Args:
        tests: all of them.
        usual: how likely any other user wanted each, 0–1.
    """

    def __init__(self, tests: Sequence[Test], usual: Sequence[float]) -> None:
        self._tests = tests
        self._usual = usual

    def of(self, which: Collection[int]) -> list[float]:
        """How likely some of the items are wanted, 0–1.

        The user's own rate is that of their other items: nothing is expected of an item because of itself.

        Args:
            which: places of those that are asked for.
        """
        asked = set(which)
        others = [n for n in range(len(self._tests)) if n not in asked]
        wanted = sum(not self._tests[n].unwanted for n in others)
        own = (wanted + OWN_LEAN) / (sum(self._usual[n] for n in others) + OWN_LEAN)
        return [min(self._usual[n] * own, _MOST) for n in which]

"""Creators who adapt: who is shown little turns to hooks, which draw people in and lose them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import Final

from msgspec import Struct, field

from lab.closed_loop.monitors import MONITORS
from lab.closed_loop.town import WARM_UP_DAYS, Town
from streamer.population.sums import CreatorSums

LOOKS_EVERY_DAYS: Final = 7
"""Creators look at their figures this often."""


class Creator(Struct):
    """What became of a creator.

    Attributes:
        creator_id: who.
        hook_since: the first day as a hook; None: never.
        flagged_on: the first day at whose end a monitor flags the creator, by its name.
    """

    creator_id: str
    hook_since: int | None = None
    flagged_on: dict[str, int] = field(default_factory=dict)


class Creators:
    """Who is a hook. Those who adapt become one when their items were shown less than those of most, and stay it.

    Args:
        town: whose creators.

    Attributes:
        hooks: those who are hooks now.
        known: what became of each creator who has items.
    """

    def __init__(self, town: Town) -> None:
        self._adapting = town.adapting
        self._items = Counter(item.creator_id for item in town.catalogue.items)
        self._shown: Counter[str] = Counter()
        self.hooks: frozenset[str] = frozenset()
        self.known: Mapping[str, Creator] = {name: Creator(name) for name in sorted(self._items)}

    def day_ends(self, day: int, shown: Counter[str], sums: Mapping[str, CreatorSums]) -> None:
        """Takes in a day.

        Args:
            day: which.
            shown: how often each creator was shown on it.
            sums: what the population knows of each at its end.
        """
        for name, of_creator in sums.items():
            for monitor, flags in MONITORS.items():
                if flags(of_creator):
                    self.known[name].flagged_on.setdefault(monitor, day)
        if day < WARM_UP_DAYS:
            return  # what is popular says nothing of how a recommender treats one
        self._shown += shown
        if (day - WARM_UP_DAYS) % LOOKS_EVERY_DAYS != LOOKS_EVERY_DAYS - 1:
            return
        rates = {name: self._shown[name] / count for name, count in self._items.items()}
        usual = median(rates.values())
        for name in sorted(self._adapting - self.hooks):
            if rates.get(name, usual) < usual:
                self.known[name].hook_since = day + 1
        self.hooks = frozenset(name for name, creator in self.known.items() if creator.hook_since is not None)
        self._shown.clear()

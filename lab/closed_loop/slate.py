"""What somebody is shown on a day: the best by relevance times penalty, and a few items to explore."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from lab.closed_loop.recommender import Floats
from lab.closed_loop.town import Town

CANDIDATES: Final = 200
"""Items that are retrieved, and then reranked by the list."""
EXPLORES: Final = 0.1
"""Share of a slate that is drawn from the whole catalogue, or a recommender would never learn of the rest."""
FORGETS_DAYS: Final = 14
"""What was shown is not shown again for so long."""

Penalties = Callable[[Sequence[int]], list[float]]


class Slate(Struct, frozen=True):
    """Items by number, in the order in which they are shown.

    Attributes:
        shown: all of them.
        without: the best ones if there were no list; those to explore are not among them.
        ranked: the best ones with it.
    """

    shown: Sequence[int]
    without: Sequence[int] = ()
    ranked: Sequence[int] = ()


class SlateMaker:
    """Makes slates, and remembers what was shown.

    Args:
        town: where.
    """

    def __init__(self, town: Town) -> None:
        self._town = town
        self._shown_on = np.full((town.plan.users, town.plan.items), -FORGETS_DAYS - 1)

    def popular(self, number: int, day: int, length: int) -> Slate:
        """What is popular."""
        found = [item for item in self._town.popular(number, day) if self._is_new(number, day)[item]][:length]
        self._shown_on[number, found] = day
        return Slate(found)

    def best(self, number: int, day: int, length: int, relevance: Floats, penalties: Penalties | None) -> Slate:
        """What is relevant.

        Args:
            number: whose slate.
            day: of which.
            length: how many items.
            relevance: (items,), ≥ 0.
            penalties: factors of the relevance of items; None: there is no list.
        """
        explored = round(EXPLORES * length)
        scores = np.where(self._is_new(number, day), relevance, -np.inf)
        candidates = np.argsort(-scores, kind="stable")[:CANDIDATES]
        candidates = candidates[scores[candidates] > -np.inf]
        without = candidates[: length - explored].tolist()
        ranked = without if penalties is None else _reranked(candidates, scores, penalties)[: length - explored]
        self._shown_on[number, ranked] = day
        shown = list(ranked)
        rng = self._town.chance("explores", number, day)
        places = sorted(rng.sample(range(length), k=explored))
        for place, item in zip(places, self._to_explore(number, day, explored, penalties), strict=False):
            shown.insert(place, item)
        self._shown_on[number, shown] = day
        return Slate(shown, without, ranked)

    def _to_explore(self, number: int, day: int, count: int, penalties: Penalties | None) -> list[int]:
        """Any items that are new to the user, in the same order in every arm; the list has its say on them, too."""
        rng = self._town.chance("explored", number, day)
        drawn = rng.sample(range(self._town.plan.items), k=min(self._town.plan.items, 20 * count))
        is_new = self._is_new(number, day)
        luck = {item: rng.random() for item in drawn}
        fresh = [item for item in drawn if is_new[item]]
        if penalties is not None:
            fresh = [item for item, factor in zip(fresh, penalties(fresh), strict=True) if luck[item] < factor]
        return fresh[:count]

    def _is_new(self, number: int, day: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = self._shown_on[number] < day - FORGETS_DAYS
        return found


def _reranked(
    candidates: np.ndarray[tuple[int, ...], np.dtype[np.int64]], scores: Floats, penalties: Penalties
) -> list[int]:
    factors = np.array(penalties(candidates.tolist()))
    final = np.where(factors > 0, scores[candidates] * factors, -np.inf)
    order = np.argsort(-final, kind="stable")
    return [int(candidates[place]) for place in order if final[place] > -np.inf]

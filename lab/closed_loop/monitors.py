"""Who flags creators: the population's monitor (spec §10), and a candidate that looks at what is left early alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Final

from streamer.population.health import LEAST_USERS, is_hook
from streamer.population.sums import CreatorSums

LEFT_RATIO: Final = 1.5
LEFT_SIGMAS: Final = 4.0


def is_left(creator: CreatorSums) -> bool:
    """Whether people leave this creator's items early much more often than others', and not by chance.

    Abandonments are at least 1.5 times as many as expected, and four standard deviations (of a Poisson number) more.
    What users come to dislike is not asked: within weeks, their evidence of a single creator is thin.

    >>> users = [0] * 4 + [50] + [0] * 7
    >>> [is_left(CreatorSums(users, 0, 0, 0, left, 50_000_000)) for left in (78, 79)], 50 + 4 * 50 ** .5
    ([False, True], 78.2842712474619)
    """
    expected = creator.expected_abandoned / 1e6
    return (
        creator.users >= LEAST_USERS
        and creator.abandoned >= LEFT_RATIO * expected
        and creator.abandoned - expected >= LEFT_SIGMAS * sqrt(expected)
    )


MONITORS: Final[Mapping[str, Callable[[CreatorSums], bool]]] = {"hook": is_hook, "left": is_left}
"""By name. ``hook`` is the one that the population agent runs."""

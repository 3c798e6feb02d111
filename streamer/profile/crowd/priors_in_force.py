"""The population's snapshots as they replace each other under a running worker (spec §10).

Every snapshot is compared with the one before once, for all profiles; a profile asks what has changed since the one it
knows, and so pays for those of its own keys that changed and for nothing else.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from streamer.scoring.counts import CREATOR, TAG
from streamer.scoring.priors import Priors

REMEMBERED: Final = 32
"""Changes kept: a profile that has slept for longer reconsiders all its keys."""

KEYS: Final = 50_000
"""Changed keys beyond which it is not said which: all may have."""

Key = tuple[str, str]


class Changed(NamedTuple):
    """What differs between two snapshots: ``keys`` with another π (None: all may have), ``rates``: any of the rest."""

    keys: frozenset[Key] | None
    rates: bool

    def and_then(self, later: Changed) -> Changed:
        """What differs after another change."""
        keys = None if self.keys is None or later.keys is None else self.keys | later.keys
        return Changed(None if keys is not None and len(keys) > KEYS else keys, self.rates or later.rates)


NOTHING: Final = Changed(frozenset(), False)
ANYTHING: Final = Changed(None, True)


class PriorsInForce:
    """The snapshot in force, and what the last ones changed.

    Attributes:
        current: the snapshot in force.
        number: how many there have been; another one after every change.

    Args:
        priors: the first.
    """

    def __init__(self, priors: Priors) -> None:
        self.current = priors
        self.number = 0
        self._changes: deque[Changed] = deque(maxlen=REMEMBERED)

    def adopt(self, priors: Priors) -> None:
        """Puts a snapshot in force."""
        self._changes.append(changes(self.current, priors))
        self.current = priors
        self.number += 1

    def since(self, number: int) -> Changed:
        """What has changed since there had been so many."""
        missed = self.number - number
        if missed > len(self._changes):
            return ANYTHING
        found = NOTHING
        for change in list(self._changes)[len(self._changes) - missed :]:
            found = found.and_then(change)
        return found


def changes(old: Priors, new: Priors) -> Changed:
    """What differs between two snapshots."""
    rates = (old.start_rate, old.abandonment, old.abandonments) != (new.start_rate, new.abandonment, new.abandonments)
    if old.prior != new.prior:
        return Changed(None, rates)
    keys = {
        (kind, value)
        for kind, before, after in ((TAG, old.tags, new.tags), (CREATOR, old.creators, new.creators))
        for value in before.keys() | after.keys()
        if before.get(value, old.prior) != after.get(value, new.prior)
    }
    return NOTHING.and_then(Changed(frozenset(keys), rates))

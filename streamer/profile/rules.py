"""All constants of one deployment, compiled from the settings once, so that nothing is decided per event."""

from __future__ import annotations

from collections import Counter

import xxhash

from streamer.events import DAY_MS
from streamer.profile.crowd.priors_in_force import PriorsInForce
from streamer.profile.rollup.frame import Frame
from streamer.scoring.entries import Scorer
from streamer.scoring.priors import DEFAULT, Priors
from streamer.scoring.score import Expiry
from streamer.settings import Settings
from streamer.signals.abandonment import Abandonment
from streamer.signals.exposure import Attention, Gate
from streamer.signals.feedback import TrainingWeights
from streamer.signals.outcome import OutcomeReader


class Rules:
    """What every profile of a process shares.

    ``dropped`` counts evidence left out because of a cap (I6), by name of the cap; ``starts`` counts what was begun, by
    whether it had been seen. ``emits``: whether seals say what they change in the sums over all users.
    """

    def __init__(self, settings: Settings, priors: Priors = DEFAULT) -> None:
        self.settings = settings
        self.snapshots = PriorsInForce(priors)
        self.emits = settings.population
        self._share = settings.population_share
        self.gate = Gate(settings)
        self.attention = Attention(settings)
        self.outcomes = OutcomeReader(Abandonment(settings))
        self._expiry = Expiry(settings.half_life_days, settings.window_days)
        self.scorer = Scorer(settings.half_life_days, self._expiry, priors)
        self.min_session_ms = round(settings.min_session * 1000)
        self.gap_ms = settings.session_gap * 1000
        self.grace_ms = settings.grace * 1000
        self.window_days = settings.window_days
        self.window_ms = settings.window_days * DAY_MS
        self.half_life_days = settings.half_life_days
        self.frame = Frame(settings.half_life_days, settings.window_days, priors)
        self.session_items = settings.session_items
        self.session_items_held = 4 * settings.session_items
        self.session_items_kept = 3 * settings.session_items
        self.explicit_cap = settings.explicit_cap
        self.records_held = 4 * settings.explicit_cap + 64
        self.tile_caps = settings.tile_caps
        self.by_daypart = "daypart" in settings.context_dimensions
        self.by_device = "device" in settings.context_dimensions
        self.avoid_tiers = frozenset(settings.avoid_tiers)
        self.entries_max = settings.entries_max
        self.labels = settings.labels
        self.training = TrainingWeights(settings)
        self.dropped: Counter[str] = Counter()
        self.starts: Counter[str] = Counter()

    @property
    def priors(self) -> Priors:
        """The snapshot in force."""
        return self.snapshots.current

    def adds_up(self, user_id: str) -> bool:
        """Whether a user is counted in the sums over all users, from their next seal on, by the snapshot in force."""
        return self.emits and _in_share(user_id, max(self._share, self.priors.share))

    def added_up(self, user_id: str) -> bool:
        """Whether a user is counted whose state does not say: that of before shares fell by themselves."""
        return self.emits and _in_share(user_id, self._share)

    def adopt(self, priors: Priors) -> bool:
        """Takes a snapshot in; every profile of these rules goes by it from its next step on.

        Returns:
            Whether it was taken: one that is not newer than the snapshot in force is passed over.
        """
        if priors.version <= self.priors.version:
            return False
        self.snapshots.adopt(priors)
        self.scorer = Scorer(self.half_life_days, self._expiry, priors)
        self.frame.adopt(priors)
        return True


def _in_share(user_id: str, share: float) -> bool:
    """Whether a user is among this share: those of a lesser share are among those of a greater one."""
    return xxhash.xxh64_intdigest(user_id.encode()) < share * 2**64

"""What stands between people and the recommender: events go in, and lists, training examples and flags come out.

A loop needs a deployment once a day. :class:`PureDeployment` is all of one but for its transport: the profiles, seals,
documents and population that a worker and the population agent run. A system test puts real Kafka and Redis here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from streamer.events import Event
from streamer.population import Totals
from streamer.population.rates import snapshot
from streamer.population.sums import CreatorSums
from streamer.profile import Label, Profile, Rules
from streamer.serving.rules import AvoidList
from streamer.settings import Settings


class Deployment(Protocol):
    """Takes in days."""

    def day_ends(self, events: Mapping[str, Sequence[Event]], now_ms: int) -> list[Label]:
        """Takes in a day.

        Args:
            events: by user, ts ascending.
            now_ms: when the day ends, ms since 1970.

        Returns:
            The labels of all sessions that sealed by then, in the order of users and times.
        """

    def lists(self, user_ids: Sequence[str]) -> Mapping[str, AvoidList]:
        """Their avoid lists as they are served now."""

    def creators(self) -> Mapping[str, CreatorSums]:
        """What all sealed sessions add up to for each creator; nothing where the population is off."""


class PureDeployment:
    """One in memory, without transport.

    Args:
        settings: of everything; with ``population``, a snapshot of the rates is made at the end of each day.
    """

    def __init__(self, settings: Settings) -> None:
        self._rules = Rules(settings)
        self._profiles: dict[str, Profile] = {}
        self._totals = Totals()

    def day_ends(self, events: Mapping[str, Sequence[Event]], now_ms: int) -> list[Label]:
        """See :class:`Deployment`."""
        labels: list[Label] = []
        for user_id in sorted(events):
            self._profile(user_id).apply_all(events[user_id], events[user_id][0].ts)
        for _, profile in sorted(self._profiles.items()):
            due = profile.deadline()
            if due is not None and due <= now_ms:
                profile.advance(now_ms)
                labels += profile.take_labels()
                if (delta := profile.take_delta()) is not None:
                    delta.add_to(self._totals)
        if self._rules.emits:
            before = self._rules.priors
            rates = self._rules.settings.population_tag_rates
            self._rules.adopt(snapshot(self._totals, before.version + 1, now_ms, before, tag_rates=rates))
        return labels

    def lists(self, user_ids: Sequence[str]) -> Mapping[str, AvoidList]:
        """See :class:`Deployment`."""
        return {user_id: AvoidList(self._profile(user_id).document(), user_id=user_id) for user_id in user_ids}

    def creators(self) -> Mapping[str, CreatorSums]:
        """See :class:`Deployment`."""
        return self._totals.creators

    def _profile(self, user_id: str) -> Profile:
        profile = self._profiles.get(user_id)
        if profile is None:
            profile = self._profiles[user_id] = Profile(user_id, self._rules)
        return profile

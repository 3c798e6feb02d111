"""What must come of a plan, whatever happens on the way: by the oracle, and by profiles that nothing happens to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from lab.oracle.oracle import Oracle, UserOracle
from lab.oracle.population import Sums
from lab.oracle.population import totals as totals_of
from streamer.events import Event
from streamer.profile import Profile, Rules
from streamer.profile.labels import encode
from streamer.scoring.document import Document
from streamer.settings import Settings
from tests.system.faults.storm.plan import Plan

Labels: TypeAlias = dict[tuple[str, str], bytes]
"""Labels by user and name, encoded."""


class Undisturbed(NamedTuple):
    """What must come of a plan.

    Attributes:
        users: by the oracle.
        labels: of users who are not erased, by the code itself: the oracle knows no labels.
        sums: the population's, by the oracle.
    """

    users: Mapping[str, UserOracle]
    labels: Labels
    sums: Sums

    @property
    def documents(self) -> dict[str, Document]:
        """The oracle's."""
        found = {user: each.document() for user, each in self.users.items()}
        return {user: document for user, document in found.items() if document is not None}


def undisturbed(settings: Settings, plan: Plan) -> Undisturbed:
    """What must come of a plan under these settings, by the constants of the population."""
    by_user: dict[str, list[Event]] = {}
    for _, event in plan.events:
        by_user.setdefault(event.user_id, []).append(event)
    oracle, rules = Oracle(settings), Rules(settings)
    users = {user: oracle.run([*own, plan.end]) for user, own in by_user.items()}
    labels = {
        (user, name): raw
        for user, own in by_user.items()
        if user not in plan.erased
        for name, raw in _labels(user, own, plan.end, rules)
    }
    return Undisturbed(users, labels, totals_of(each.sealed() for user, each in users.items() if rules.adds_up(user)))


def _labels(user: str, events: Iterable[Event], end: int, rules: Rules) -> Iterable[tuple[str, bytes]]:
    profile = Profile(user, rules)
    for event in events:
        profile.apply(event, -1)
    profile.advance(end)
    return [(label.name, encode(label)) for label in profile.take_labels()]

"""What users are judged by when there are others: rates that the other half of them give (spec §10).

A deployment's snapshot comes from a share of its users. Here nobody may be judged by their own evidence twice, so users
are cut into two halves, and each is judged by what the other one's seals add up to in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from lab.evaluation.contenders import Contender
from streamer.events import Event
from streamer.population import Totals
from streamer.population.rates import snapshot
from streamer.profile import Rules, lived
from streamer.scoring.priors import Priors
from streamer.settings import Settings


class Life(NamedTuple):
    """One user's events, ts ascending, and when all of them have sealed, ms."""

    user_id: str
    events: Sequence[Event]
    settled_ms: int


Halves = tuple[Sequence[Contender], Sequence[Contender]]
"""The contenders that users at even places meet, and those at odd ones."""


def among(contenders: Sequence[Contender], lives: Callable[[], Iterable[Life]]) -> Halves:
    """The contenders, each with the rates that the other half gives, if it goes by such.

    Args:
        contenders: by the constants.
        lives: all users, in the order in which they are judged; asked for once for each contender that goes by rates.
    """
    even: list[Contender] = []
    odd: list[Contender] = []
    for contender in contenders:
        if contender.rule.among:
            from_even, from_odd = rates(lives(), contender.rules.settings)
            even.append(contender.knowing(from_odd))
            odd.append(contender.knowing(from_even))
        else:
            even.append(contender)
            odd.append(contender)
    return even, odd


def rates(lives: Iterable[Life], settings: Settings) -> tuple[Priors, Priors]:
    """The snapshots of the users at even places, and at odd ones, after all of their sessions have sealed.

    Args:
        lives: all users.
        settings: of everything.
    """
    rules = Rules(settings.model_copy(update={"population": True}))
    totals = (Totals(), Totals())
    settled_ms = 0
    for place, life in enumerate(lives):
        profile = lived(life.user_id, life.events, rules)
        profile.advance(life.settled_ms)
        if (delta := profile.take_delta()) is not None:
            delta.add_to(totals[place % 2])
        settled_ms = max(settled_ms, life.settled_ms)
    even, odd = (snapshot(each, 1, settled_ms, tag_rates=settings.population_tag_rates) for each in totals)
    return even, odd

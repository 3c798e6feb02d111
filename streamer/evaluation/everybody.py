"""The population's snapshot of the very users of an evaluation, for contenders that use one (setting ``population``).

A pass of its own over all lives, judged by the constants, adds up what every seal says, as the worker and the
population agent do; the rates that follow are in force from the first day on. So it stands for a deployment that has
run for a while, and every user is one among those that the rates are made of, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from streamer.evaluation.contenders import Contender
from streamer.events import Event
from streamer.population import Totals
from streamer.population.rates import snapshot
from streamer.profile import Profile, Rules
from streamer.scoring.population import Population
from streamer.settings import DAY_MS

Lives = Iterable[tuple[str, Iterable[Event]]]
"""Users, each with their events, ts ascending."""


def informed(contenders: Sequence[Contender], lives: Callable[[], Lives]) -> list[Contender]:
    """The contenders, those that use the population knowing what these users add up to.

    Args:
        contenders: who is compared.
        lives: gives the users anew each time it is called.
    """
    known: dict[int, Rules] = {}
    found = []
    for contender in contenders:
        rules = contender.rules
        if contender.rule.informed and rules.emits:
            if id(rules) not in known:
                known[id(rules)] = Rules(rules.settings, snapshot_of(lives(), rules))
            contender = replace(contender, rules=known[id(rules)])
        found.append(contender)
    return found


def snapshot_of(lives: Lives, rules: Rules) -> Population:
    """The snapshot that these users add up to once all their sessions are sealed; ``rules`` emit."""
    totals, ended_ms = Totals(), 0
    for user_id, events in lives:
        profile = Profile(user_id, rules)
        due: int | None = None
        for event in events:
            if due is not None and event.ts >= due:
                profile.advance(event.ts)
            profile.apply(event, event.ts)
            due = profile.deadline()
        profile.advance(profile.watermark + DAY_MS)
        profile.take_population(totals)
        ended_ms = max(ended_ms, profile.watermark)
    return snapshot(totals, 1, ended_ms)

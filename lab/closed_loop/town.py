"""A town: people with true tastes, the items there are, and when everybody comes. The same in every arm."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from lab.worlds import REGIMES, Leanings, Resident
from lab.worlds.resident import DISLIKED, resident
from lab.worlds.visit import Visit
from lab.worlds.world import APPEAL_SIGMA, START_MS
from streamer.city.catalogue import Catalogue, Item
from streamer.events import DAY_MS, Event
from streamer.serving import Candidate

WARM_UP_DAYS: Final = 3
"""Days at first on which everybody is shown what is popular, as there is nothing to learn from."""

_REGIME: Final = REGIMES["feed"]
_LENGTH: Final = (10, 30)
_COMES: Final = (0.5, 1.0)
_HOURS: Final = (6, 14)
_HOUR_MS: Final = DAY_MS // 24
_INDIFFERENT: Final = 1.0


class Plan(Struct, frozen=True):
    """How large a closed loop is.

    Attributes:
        users: how many.
        days: how long, more than :data:`WARM_UP_DAYS`.
        items, tags, creators: of the catalogue; tags ≥ 5.
        adapting: share of creators who become hooks when they are shown little, 0–1.
        disappointed: share of users whom such a hook draws in and loses, 0–1; the others like it as before.
        dislikes: False: nobody dislikes anything.
        seed: of everything: the same plan gives the same town.
    """

    users: int = 150
    days: int = 28
    items: int = 1200
    tags: int = 60
    creators: int = 60
    adapting: float = 0.3
    disappointed: float = 0.8
    dislikes: bool = True
    seed: int = 1


class Coming(NamedTuple):
    """Somebody's visit of a day: when it begins, ms since 1970, and how many items are shown."""

    start_ms: int
    length: int


class Town:
    """The people and the catalogue of a plan.

    What is random hangs on names, never on what happened before: whether somebody comes on a day, and what they do with
    an item on it, is the same in every arm that shows it (common random numbers). So arms differ by what they show.

    Args:
        plan: how large.

    Attributes:
        plan: how large.
        start_ms: when the first day begins, ms since 1970.
        catalogue: what can be shown.
        candidates: its items as a serving tier asks about them.
        adapting: creators who become hooks when they are shown little.
        people: everybody. What disappoints them is by those who adapt, once they are hooks: ask :meth:`truth`.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.start_ms = START_MS
        self.catalogue = Catalogue(plan.items, plan.tags, plan.creators, plan.seed)
        self.candidates = tuple(
            Candidate(item.content_id, item.creator_id, item.tags, item.duration_s) for item in self.catalogue.items
        )
        rng = self.chance("town")
        self._appeals = {
            item.content_id: rng.lognormvariate(-(APPEAL_SIGMA**2) / 2, APPEAL_SIGMA) for item in self.catalogue.items
        }
        self.adapting = frozenset(rng.sample(self.catalogue.creators, k=round(plan.adapting * plan.creators)))
        self.people = tuple(self._resident(number) for number in range(plan.users))
        self._comes = [rng.uniform(*_COMES) for _ in self.people]

    def chance(self, *names: object) -> Random:
        """A source of chance of its own."""
        return Random(f"{self.plan.seed}/{'/'.join(map(str, names))}")

    def day_ms(self, day: int) -> int:
        """When a day begins, ms since 1970."""
        return self.start_ms + day * DAY_MS

    def coming(self, number: int, day: int) -> Coming | None:
        """The visit that somebody makes on a day; None: they do not come."""
        rng = self.chance("coming", number, day)
        if rng.random() >= self._comes[number]:
            return None
        return Coming(self.day_ms(day) + int(rng.uniform(*_HOURS) * _HOUR_MS), rng.randint(*_LENGTH))

    def truth(self, number: int, ts: int, hooks: frozenset[str]) -> Leanings:
        """What somebody likes and dislikes at a time (ms), when these creators are hooks."""
        truth = self.people[number].at(ts)
        return replace(truth, disappointing=truth.disappointing & hooks)

    def visit(self, number: int, day: int, start_ms: int, hooks: frozenset[str], feed: list[Item]) -> list[Event]:
        """The events of going through ``feed``, ts ascending."""
        truth = self.truth(number, start_ms, hooks)
        who = replace(self.people[number], before=truth, after=truth, changes_ms=None)
        rng = self.chance("mood", number, day)
        visit = Visit(
            who, _REGIME, hooks, self._appeals, start_ms, rng, lambda item: self.chance(number, day, item.content_id)
        )
        return visit.walk(feed)

    def popular(self, number: int, day: int) -> list[int]:
        """Items, by number, as somebody is shown them who is shown what is popular; each once."""
        feed = self.catalogue.feed(3 * _LENGTH[1], self.chance("popular", number, day))
        return [int(item.content_id.rpartition("-")[2]) for item in dict.fromkeys(feed)]

    def _resident(self, number: int) -> Resident:
        plan = self.plan
        span = (self.start_ms, self.day_ms(plan.days))
        who = resident(f"user-{number:05d}", "medium", _REGIME, self.catalogue, frozenset(), span, plan.seed)
        if not plan.dislikes:
            return _content(who)
        lost_by = frozenset(
            hook for hook in self.adapting if self.chance("lost", number, hook).random() < plan.disappointed
        )
        before, after = (replace(truth, disappointing=lost_by) for truth in (who.before, who.after))
        return replace(who, before=before, after=after)


def _content(who: Resident) -> Resident:
    """The same person, disliking nothing."""
    truth = who.before
    before = replace(
        truth,
        tags={tag: ratio if ratio > DISLIKED else _INDIFFERENT for tag, ratio in truth.tags.items()},
        creators={creator: ratio if ratio > DISLIKED else _INDIFFERENT for creator, ratio in truth.creators.items()},
        disappointing=frozenset(),
        cap_s=None,
    )
    return replace(who, before=before, after=before, changes_ms=None)

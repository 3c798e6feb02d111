"""The loop: every day is recommended, visited, concluded from and learned from; what happened is counted by user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from lab.closed_loop.creators import Creator, Creators
from lab.closed_loop.deployment import Deployment
from lab.closed_loop.recommender import DailyRecommender, rows_of
from lab.closed_loop.slate import Slate, SlateMaker
from lab.closed_loop.tally import Counts, Tally
from lab.closed_loop.town import WARM_UP_DAYS, Coming, Town
from streamer.events import Event
from streamer.serving import Candidate
from streamer.serving.rules import AvoidList

Judge: TypeAlias = Callable[[AvoidList, Sequence[Candidate], int], list[float]]
"""What a list is worth to candidates at a time (ms): factors of their relevance."""


def by_penalty(avoid: AvoidList, items: Sequence[Candidate], now_ms: int) -> list[float]:
    """As the reader has it."""
    return avoid.penalties(items, now_ms)


class Outcome(Struct, frozen=True):
    """What came of a run.

    Attributes:
        counts: by user and day.
        creators: what became of each.
        shown: what each user was shown, by (user, day).
    """

    counts: Counts
    creators: tuple[Creator, ...]
    shown: Mapping[tuple[int, int], tuple[int, ...]]


_NO_LIST: Final[Mapping[str, AvoidList]] = {}


class Loop:
    """One run.

    Args:
        town: where.
        deployment: what concludes.
        recommender: what learns.
        has_lists: whether avoid lists are applied.
        judge: how they are applied.
        knows_truth: an oracle takes off what displeases, whatever lists say: the best that any list could do.
    """

    def __init__(
        self,
        town: Town,
        deployment: Deployment,
        recommender: DailyRecommender,
        *,
        has_lists: bool,
        judge: Judge = by_penalty,
        knows_truth: bool = False,
    ) -> None:
        self._town = town
        self._deployment = deployment
        self._recommender = recommender
        self._has_lists = has_lists
        self._judge = judge
        self._knows_truth = knows_truth
        self._slates = SlateMaker(town)
        self._creators = Creators(town)
        self._tally = Tally(town)

    def run(self, told: Callable[[], None] = lambda: None) -> Outcome:
        """Lets all days pass; ``told`` is called after each."""
        shown: dict[tuple[int, int], tuple[int, ...]] = {}
        for day in range(self._town.plan.days):
            slates = self._slates_of(day)
            events: dict[str, Sequence[Event]] = {}
            showings: Counter[str] = Counter()
            for number, (coming, slate) in slates.items():
                feed = [self._town.catalogue.items[item] for item in slate.shown]
                who = self._town.people[number].user_id
                hooks = self._creators.hooks
                events[who] = self._town.visit(number, day, coming.start_ms, hooks, feed)
                self._tally.visited(number, day, slate, self._town.truth(number, coming.start_ms, hooks), hooks)
                showings.update(item.creator_id for item in feed)
                shown[number, day] = tuple(slate.shown)
            labels = self._deployment.day_ends(events, self._town.day_ms(day + 1))
            rows = list(rows_of(labels, self._town))
            self._tally.acted(rows)
            self._recommender.learn(rows)
            self._creators.day_ends(day, showings, self._deployment.creators())
            told()
        return Outcome(self._tally.counts(), tuple(self._creators.known.values()), shown)

    def _slates_of(self, day: int) -> dict[int, tuple[Coming, Slate]]:
        """What everybody who comes is shown, by user."""
        town = self._town
        visits = {n: coming for n in range(town.plan.users) if (coming := town.coming(n, day)) is not None}
        if day < WARM_UP_DAYS:
            return {n: (coming, self._slates.popular(n, day, coming.length)) for n, coming in visits.items()}
        names = [town.people[number].user_id for number in visits]
        lists = self._deployment.lists(names) if self._has_lists else _NO_LIST
        relevance = self._recommender.relevance()
        found = {}
        for number, coming in visits.items():
            penalties = self._penalties(lists.get(town.people[number].user_id), number, coming.start_ms)
            found[number] = (coming, self._slates.best(number, day, coming.length, relevance[number], penalties))
        return found

    def _penalties(
        self, avoid: AvoidList | None, number: int, now_ms: int
    ) -> Callable[[Sequence[int]], list[float]] | None:
        town = self._town
        if self._knows_truth:
            truth = town.truth(number, now_ms, self._creators.hooks)
            items = town.catalogue.items
            return lambda chosen: [0.0 if truth.displeases(items[item]) else 1.0 for item in chosen]
        if avoid is None:
            return None
        return lambda chosen: self._judge(avoid, [town.candidates[item] for item in chosen], now_ms)

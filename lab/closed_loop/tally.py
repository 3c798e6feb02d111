"""What happened, counted by user and day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lab.closed_loop.recommender import Row
from lab.closed_loop.slate import Slate
from lab.closed_loop.town import WARM_UP_DAYS, Town
from lab.worlds import Leanings
from lab.worlds.resident import DISLIKED
from streamer.city.catalogue import Item
from streamer.events import DAY_MS

Ints: TypeAlias = npt.NDArray[np.int64]
FIRST_WEEK: Final = WARM_UP_DAYS + 7
"""A dislike counts for how long it takes to respond if it was first shown before this day: all have as long then."""


class Response(NamedTuple):
    """What a user dislikes all the time: showings of it after the first one, and days from the first to the last."""

    showings: int
    days: float


class Counts(NamedTuple):
    """By (user, day).

    Attributes:
        shown: items.
        unwanted, wanted: of these, those that displease, and that please.
        engaged: watched far, or bought, or praised, by the labels.
        abandoned: started and left early, by the labels.
        due: wanted items that would be shown if there were no list.
        suppressed: of these, those that are not.
        creators: different ones shown.
        hooks: items shown of creators who are hooks.
        responses: by user, of tags and creators that they dislike.
    """

    shown: Ints
    unwanted: Ints
    wanted: Ints
    engaged: Ints
    abandoned: Ints
    due: Ints
    suppressed: Ints
    creators: Ints
    hooks: Ints
    responses: tuple[tuple[Response, ...], ...]


class _Met(Struct):
    """When a disliked key was shown: the first and last day, and how often after the first day's first."""

    first: int
    last: int
    after: int = 0


class Tally:
    """Counts.

    Args:
        town: where.
    """

    def __init__(self, town: Town) -> None:
        self._town = town
        plan = town.plan
        self._by_name = {
            name: np.zeros((plan.users, plan.days), np.int64) for name in Counts._fields if name != "responses"
        }
        self._always = [_always_disliked(town, number) for number in range(plan.users)]
        self._met: list[dict[tuple[str, str], _Met]] = [{} for _ in town.people]

    def visited(self, number: int, day: int, slate: Slate, truth: Leanings, hooks: frozenset[str]) -> None:
        """Takes in what somebody was shown on a day, whose truth is this."""
        items = self._town.catalogue.items
        shown = [items[item] for item in slate.shown]
        ranked = set(slate.ranked)
        due = [item for item in slate.without if truth.pleases(items[item])]
        found = {
            "shown": len(shown),
            "unwanted": sum(map(truth.displeases, shown)),
            "wanted": sum(map(truth.pleases, shown)),
            "due": len(due),
            "suppressed": sum(item not in ranked for item in due),
            "creators": len({item.creator_id for item in shown}),
            "hooks": sum(item.creator_id in hooks for item in shown),
        }
        for name, count in found.items():
            self._by_name[name][number, day] += count
        self._meet(number, day, shown)

    def acted(self, rows: Iterable[Row]) -> None:
        """Takes in what people did."""
        for row in rows:
            day = (row.ts - self._town.start_ms) // DAY_MS
            if row.action in ("engaged", "praised"):
                self._by_name["engaged"][row.user, day] += 1
            elif row.action == "abandoned":
                self._by_name["abandoned"][row.user, day] += 1

    def counts(self) -> Counts:
        """All of it."""
        responses = tuple(
            tuple(Response(met.after, met.last - met.first) for met in of.values() if met.first < FIRST_WEEK)
            for of in self._met
        )
        return Counts(**self._by_name, responses=responses)

    def _meet(self, number: int, day: int, shown: Sequence[Item]) -> None:
        disliked, known = self._always[number], self._met[number]
        for item in shown:
            for key in (("creator", item.creator_id), *(("tag", tag) for tag in item.tags)):
                if key not in disliked:
                    continue
                if key in known:
                    known[key].last = day
                    known[key].after += 1
                else:
                    known[key] = _Met(day, day)


def _always_disliked(town: Town, number: int) -> frozenset[tuple[str, str]]:
    """Tags and creators that somebody dislikes before and after a change of taste; hooks are not among them."""
    who = town.people[number]
    return frozenset(
        (kind, value)
        for kind, before, after in (
            ("tag", who.before.tags, who.after.tags),
            ("creator", who.before.creators, who.after.creators),
        )
        for value, ratio in before.items()
        if ratio <= DISLIKED and after[value] <= DISLIKED
    )

"""What came of a study: each measure with its interval over users, by arm and in the course of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from lab.closed_loop.creators import Creator
from lab.closed_loop.monitors import MONITORS
from lab.closed_loop.study import Recommends, Runs
from lab.closed_loop.tally import Counts
from lab.closed_loop.town import WARM_UP_DAYS, Plan
from lab.evaluation.bootstrap import RESAMPLES, Estimate, Figure, Share, figures_of

BLOCK_DAYS: Final = 5
"""Days that are one point of a curve."""


class Measure(Struct, frozen=True):
    """A figure: its name, its head in tables, how it is written, and what it means."""

    name: str
    head: str
    unit: str
    what: str


MEASURES: Final = (
    Measure("unwanted", "unwanted", "%", "of all showings, those that displease"),
    Measure("engaged", "engaged", "%", "of all showings, those watched far, bought or praised"),
    Measure("abandoned", "left early", "%", "of all showings, those started and left early"),
    Measure("wanted", "wanted", "%", "of all showings, those of something liked"),
    Measure(
        "suppressed", "suppressed", "%", "of the liked items that would be shown without a list, those that are not"
    ),
    Measure("hooks", "hooks", "%", "of all showings, those of creators who are hooks then"),
    Measure("creators", "creators", "%", "different creators of a day's slate, per item"),
    Measure("showings", "showings to respond", "n", "showings of a disliked tag or creator after the first one"),
    Measure("days", "days to respond", "n", "days from the first to the last of them"),
)
"""Of a user's days after the warm-up. The last two: of what is disliked from first to last and was shown within the
first ten days, warm-up included, so that all have had about as long."""

_OF: Final = {"suppressed": "due"}


class Row(Struct, frozen=True):
    """An arm's figures by name of the measure; ``against``: less those of the first arm, user by user."""

    label: str
    figures: dict[str, Estimate]
    against: dict[str, Estimate]
    blocks: tuple[Estimate, ...]


class Caught(Struct, frozen=True):
    """How a monitor did in an arm, creators resampled.

    Attributes:
        caught: of the hooks, those that it flagged once they were; None: there were none.
        days: from becoming one until then; None: it caught none.
        wrong: of all creators, those that it flagged while they were no hook.
    """

    label: str
    monitor: str
    caught: Estimate | None
    days: Estimate | None
    wrong: Estimate | None


class Hooks(Struct, frozen=True):
    """In an arm, after each day: how many creators are hooks, and how many of them each monitor has flagged."""

    label: str
    hooks: tuple[int, ...]
    flagged: dict[str, tuple[int, ...]]


class Group(Struct, frozen=True):
    """One recommender's arms."""

    recommends: Recommends
    users: int
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    caught: tuple[Caught, ...]
    hooks: tuple[Hooks, ...]


class Report(Struct, frozen=True):
    """A whole study, and what it takes to repeat it."""

    command: str
    plan: Plan
    resamples: int
    seconds: float
    groups: tuple[Group, ...]


def group_of(found: Runs, plan: Plan, seeds: Sequence[int]) -> Group:
    """The figures of one recommender; users of all its towns are pooled."""
    arms = [[share for outcome in outcomes for share in _users(outcome.counts, plan)] for outcomes in found.outcomes]
    names = [measure.name for measure in MEASURES]
    blocks = (plan.days - WARM_UP_DAYS) // BLOCK_DAYS
    columns = len(names) + blocks
    stacked = [[user[at] for user in users] for users in arms for at in range(columns)]
    figures = figures_of(stacked, RESAMPLES, seeds[0])
    by_arm = [figures[at : at + columns] for at in range(0, len(figures), columns)]
    rows = []
    for arm, of_arm in zip(found.arms, by_arm, strict=True):
        rows.append(
            Row(
                arm.label,
                {name: each.estimate() for name, each in zip(names, of_arm, strict=False) if each is not None},
                _against(names, of_arm, by_arm[0]) if of_arm is not by_arm[0] else {},
                tuple(each.estimate() for each in of_arm[len(names) :] if each is not None),
            )
        )
    creators = [
        (arm.label, [creator for outcome in outcomes for creator in outcome.creators])
        for arm, outcomes in zip(found.arms, found.outcomes, strict=True)
    ]
    caught = tuple(_caught(label, name, some, seeds[0]) for label, some in creators for name in MONITORS)
    hooks = tuple(_hooks(label, some, plan.days) for label, some in creators)
    return Group(found.recommends, plan.users * len(seeds), tuple(seeds), tuple(rows), caught, hooks)


def _against(names: Sequence[str], of: Sequence[Figure | None], first: Sequence[Figure | None]) -> dict[str, Estimate]:
    pairs = zip(names, of, first, strict=False)
    return {name: each.less(other) for name, each, other in pairs if each is not None and other is not None}


def _users(counts: Counts, plan: Plan) -> list[list[Share]]:
    """By user, what they add to each measure, and to each point of the curve of unwanted showings."""
    found = []
    for user in range(plan.users):
        shares = []
        for measure in MEASURES[:-2]:
            amount = getattr(counts, measure.name)[user, WARM_UP_DAYS:].sum()
            of = getattr(counts, _OF.get(measure.name, "shown"))[user, WARM_UP_DAYS:].sum()
            shares.append(Share(float(amount), float(of)))
        responses = counts.responses[user]
        shares += [
            Share(float(sum(each.showings for each in responses)), len(responses)),
            Share(float(sum(each.days for each in responses)), len(responses)),
        ]
        for begin in range(WARM_UP_DAYS, plan.days - BLOCK_DAYS + 1, BLOCK_DAYS):
            span = slice(begin, begin + BLOCK_DAYS)
            shares.append(Share(float(counts.unwanted[user, span].sum()), float(counts.shown[user, span].sum())))
        found.append(shares)
    return found


def _caught(label: str, monitor: str, creators: Sequence[Creator], seed: int) -> Caught:
    caught, days, wrong = [], [], []
    for creator in creators:
        since, flagged = creator.hook_since, creator.flagged_on.get(monitor)
        in_time = since is not None and flagged is not None and flagged >= since
        caught.append(Share(in_time, since is not None))
        days.append(Share(flagged - since if in_time and flagged is not None and since is not None else 0, in_time))
        wrong.append(Share(flagged is not None and not in_time, 1))
    figures = figures_of([caught, days, wrong], RESAMPLES, seed)
    return Caught(label, monitor, *(None if each is None else each.estimate() for each in figures))


def _hooks(label: str, creators: Sequence[Creator], days: int) -> Hooks:
    since = [(creator.hook_since, creator.flagged_on) for creator in creators if creator.hook_since is not None]
    return Hooks(
        label,
        tuple(sum(first <= day for first, _ in since) for day in range(days)),
        {
            monitor: tuple(
                sum(first <= flagged.get(monitor, days) <= day for first, flagged in since) for day in range(days)
            )
            for monitor in MONITORS
        },
    )

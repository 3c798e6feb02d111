"""All runs of a study, side by side in two processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from multiprocessing.queues import SimpleQueue
from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.closed_loop.deployment import PureDeployment
from lab.closed_loop.loop import Loop, Outcome
from lab.closed_loop.recommender import DailyRecommender, Factors, Learns
from lab.closed_loop.town import Plan, Town
from streamer.settings import Settings

PROCESSES: Final = 2
_POLL_S: Final = 0.2
_told: Final[list[SimpleQueue[None]]] = []
"""Of a process that runs arms: where it says that a day has passed."""

Recommends: TypeAlias = Literal["factors", "retriever"]


class Arm(Struct, frozen=True):
    """What is done in a run.

    Attributes:
        label: in tables.
        recommends: what is retrained every night.
        learns: what it makes of a "no".
        has_lists: whether avoid lists are applied.
        knows_truth: an oracle takes off what displeases, instead.
    """

    label: str
    recommends: Recommends
    learns: Learns
    has_lists: bool = False
    knows_truth: bool = False


ARMS: Final = {
    "factors": (
        Arm("neither", "factors", "none"),
        Arm("lists", "factors", "none", has_lists=True),
        Arm("loss", "factors", "loss"),
        Arm("loss, lists", "factors", "loss", has_lists=True),
        Arm("oracle", "factors", "none", knows_truth=True),
    ),
    "retriever": (
        Arm("neither", "retriever", "none"),
        Arm("lists", "retriever", "none", has_lists=True),
        Arm("loss", "retriever", "loss"),
        Arm("loss, lists", "retriever", "loss", has_lists=True),
        Arm("both", "retriever", "both"),
        Arm("both, lists", "retriever", "both", has_lists=True),
    ),
}
"""By recommender; the first is what the others are compared with."""


class Runs(NamedTuple):
    """The runs of one recommender: of each arm one for each seed, all in the same towns."""

    recommends: Recommends
    arms: tuple[Arm, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]


def run(plan: Plan, arm: Arm, settings: Settings, told: Callable[[], None] = lambda: None) -> Outcome:
    """One run.

    Args:
        plan: of the town.
        arm: what is done in it.
        settings: of everything; the population is on, and everybody is counted, as towns are small.
        told: called after each day.
    """
    town = Town(plan)
    more = {"population": True, "population_share": 1.0, "labels": True}
    loop = Loop(
        town,
        PureDeployment(settings.model_copy(update=more)),
        _recommender(town, arm, settings.hkv_alpha),
        has_lists=arm.has_lists,
        knows_truth=arm.knows_truth,
    )
    return loop.run(told)


def runs(
    plan: Plan, seeds: dict[Recommends, Sequence[int]], settings: Settings, told: Callable[[int], None]
) -> list[Runs]:
    """All arms in all towns.

    Args:
        plan: of every town, but for the seed.
        seeds: of the towns, by recommender.
        settings: of everything.
        told: how many more days have passed.
    """
    wanted = [(of, arm, seed) for of, some in seeds.items() for arm in ARMS[of] for seed in some]
    context = multiprocessing.get_context("spawn")
    days: SimpleQueue[None] = context.SimpleQueue()
    with ProcessPoolExecutor(PROCESSES, context, _begin, (days,)) as pool:
        futures = [pool.submit(_run, replace(plan, seed=seed), arm, settings) for _, arm, seed in wanted]
        left = set(futures)
        while left:
            done, left = wait(left, _POLL_S)
            for future in done:
                if (error := future.exception()) is not None:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise error
            while not days.empty():
                days.get()
                told(1)
    found = {key: future.result() for key, future in zip(wanted, futures, strict=True)}
    return [
        Runs(of, ARMS[of], tuple(tuple(found[of, arm, seed] for seed in some) for arm in ARMS[of]))
        for of, some in seeds.items()
    ]


def days_of(plan: Plan, seeds: dict[Recommends, Sequence[int]]) -> int:
    """How many days :func:`runs` simulates."""
    return plan.days * sum(len(ARMS[of]) * len(some) for of, some in seeds.items())


def _begin(days: SimpleQueue[None]) -> None:
    _told.append(days)


def _run(plan: Plan, arm: Arm, settings: Settings) -> Outcome:
    return replace(run(plan, arm, settings, lambda: _told[0].put(None)), shown={})


def _recommender(town: Town, arm: Arm, alpha: float) -> DailyRecommender:
    if arm.recommends == "factors":
        return Factors(town, arm.learns, alpha)
    from lab.closed_loop.sequence import Retrained  # brings JAX

    return Retrained(town, arm.learns)

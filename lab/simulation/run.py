"""Seeds: what goes wrong with one, and the least of its schedule that still does."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from lab.simulation.schedule import Schedule, schedule
from lab.simulation.verdict import problems
from lab.simulation.world import World

Broken: TypeAlias = Callable[[World], None]
"""Breaks something of a world before it runs, to see that it is found."""


def wrong(what: Schedule, broken: Broken | None = None, told: Callable[[str], None] | None = None) -> list[str]:
    """What goes wrong with a schedule; empty: nothing."""
    with _silenced():
        world = World(what, told)
        if broken is not None:
            broken(world)
        try:
            world.run()
            return problems(world)
        except Exception:  # noqa: BLE001 - whatever is raised is what was looked for
            return [traceback.format_exc()]


def failures(seeds: range, broken: Broken | None = None) -> Iterator[tuple[int, list[str]]]:
    """What goes wrong, seed by seed."""
    for seed in seeds:
        yield seed, wrong(schedule(seed), broken)


def shrunk(what: Schedule, broken: Broken | None = None) -> Schedule:
    """A schedule that goes wrong in the same way, without the steps that it can do without; many are tried first."""
    kinds = set(map(_kind, wrong(what, broken)))
    size = max(1, len(what.steps) // 2)
    while True:
        before = what
        for at in range(len(what.steps) - 1, -1, -size):
            steps = what.steps[: max(0, at - size + 1)] + what.steps[at + 1 :]
            fewer = what._replace(steps=steps)
            if len(steps) < len(what.steps) and kinds.intersection(map(_kind, wrong(fewer, broken))):
                what = fewer
        if size == 1 and what == before:
            return what
        size = max(1, size // 2)


def _kind(problem: str) -> str:
    """What a problem is about, whoever has it."""
    return re.sub(r"^(u\d|tardy): ", "", problem).partition(":")[0]


@contextmanager
def _silenced() -> Iterator[None]:
    """Nobody reads a log of what is meant to go wrong."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)

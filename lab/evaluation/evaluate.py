"""A whole evaluation: worlds, then data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from lab.evaluation import world_study
from lab.evaluation.bootstrap import RESAMPLES
from lab.evaluation.contenders import Contender
from lab.evaluation.report import SetReport, WorldReport
from lab.evaluation.sets import SETS, history
from lab.worlds import REGIMES, World
from streamer.errors import DataSetError
from streamer.profile import Rules


class Watcher(Protocol):
    """Is told how far an evaluation is: ``start`` of a part and how much there is to do, then ``done`` so much."""

    def start(self, what: str, total: int) -> None: ...

    def done(self, amount: int) -> None: ...


def in_world(
    name: str, users: int, seeds: Sequence[int], contenders: Sequence[Contender], base: Rules, watcher: Watcher
) -> WorldReport:
    """All contenders in the worlds of this regime, one for each seed."""
    worlds = [World(REGIMES[name], users, seed) for seed in seeds]
    watcher.start(f"world {name}", sum(who.showings for world in worlds for who in world.residents()))
    return world_study.study(worlds, contenders, base, RESAMPLES, watcher.done)


def on_set(
    name: str, data: Path | None, users: int, seed: int, contenders: Sequence[Contender], base: Rules, watcher: Watcher
) -> SetReport:
    """All contenders on one data set; a report that says why, if it is not there.

    Args:
        data: the folder of all data sets, None if none was named.
        users: at most so many of the set's users, in the order of their ids.
    """
    chosen = SETS[name]
    if data is None:
        return SetReport(name, chosen.what, "no data folder given: --data FOLDER", None)
    try:
        histories = [each for each, _ in zip(chosen.histories(data / chosen.folder), range(users), strict=False)]
    except DataSetError as error:
        return SetReport(name, chosen.what, str(error), None)
    watcher.start(f"data set {name}", len(histories))
    done: Callable[[], None] = lambda: watcher.done(1)  # noqa: E731
    group = history.study(name, histories, contenders, base, RESAMPLES, seed, done)
    return SetReport(name, chosen.what, None, group)

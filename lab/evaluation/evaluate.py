"""A whole evaluation: worlds, then data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

from lab.evaluation import world_study
from lab.evaluation.bootstrap import RESAMPLES
from lab.evaluation.contenders import Contender
from lab.evaluation.report import SetReport, WorldReport
from lab.evaluation.sets import SETS
from lab.evaluation.sets.halves import in_half
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
    name: str,
    data: Path | None,
    users: int,
    seed: int,
    contenders: Sequence[Contender],
    base: Rules,
    watcher: Watcher,
    half: str = "all",
) -> SetReport:
    """All contenders on one data set; a report that says why, if it is not there.

    Args:
        data: the folder of all data sets, None if none was named.
        users: at most so many of the set's users, in the order of their ids.
        half: of whose users: all, first, second (:mod:`lab.evaluation.sets.halves`).
    """
    chosen = SETS[name]
    if data is None:
        return SetReport(name, chosen.what, "no data folder given: --data FOLDER", None)
    try:
        everybody = (each for each in chosen.histories(data / chosen.folder) if in_half(each.user_id, half))
        histories = list(islice(everybody, users))
    except DataSetError as error:
        return SetReport(name, chosen.what, str(error), None)
    watcher.start(f"data set {name}", len(histories))
    done: Callable[[], None] = lambda: watcher.done(1)  # noqa: E731
    found = chosen.study(name, histories, contenders, base, RESAMPLES, seed, done)
    return SetReport(name, chosen.what, None, found.group, found.lifts)

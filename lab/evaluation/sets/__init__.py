"""Public data sets with a time split; :data:`SETS` names them. Read where they lie, passed over where they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from lab.evaluation.sets import kuairand, movielens, open_bandit
from lab.evaluation.sets.history import History


class SplitSet(Struct, frozen=True):
    """A data set cut in two by time.

    Attributes:
        name: as on the command line.
        what: one line for people.
        folder: where it lies in the folder of all data sets; empty: in several.
        histories: reads it.
    """

    name: str
    what: str
    folder: str
    histories: Callable[[Path], Iterator[History]]


SETS: Final = {
    each.name: each
    for each in (
        SplitSet("kuairand", "KuaiRand: hates of short videos ahead in time", "kuairand", kuairand.stated),
        SplitSet("kuairand-silent", "the same, from plays alone", "kuairand", kuairand.silent),
        SplitSet("movielens", "MovieLens: low ratings of films ahead in time", "", movielens.histories),
        SplitSet("open-bandit", "Open Bandit: what will not be clicked", "open-bandit", open_bandit.histories),
    )
}  # fmt: skip
"""Data sets by name."""

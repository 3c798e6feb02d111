"""Public data sets with a time split; :data:`SETS` names them. Read where they lie, passed over where they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from lab.evaluation.contenders import Contender
from lab.evaluation.figures import Measure
from lab.evaluation.report import Found
from lab.evaluation.sets import kuairand, kuairand_pure, mindreader, movielens, nemig, open_bandit, stated, study
from lab.evaluation.sets.history import SET_MEASURES, History
from streamer.profile import Rules


class Study(Protocol):
    """What contenders make of histories; see :func:`lab.evaluation.sets.study.study`."""

    def __call__(
        self,
        name: str,
        histories: Sequence[History],
        contenders: Sequence[Contender],
        base: Rules,
        resamples: int,
        seed: int,
        report: Callable[[], None] = ...,
        /,
    ) -> Found: ...


class SplitSet(Struct, frozen=True):
    """A data set cut in two by time.

    Attributes:
        name: as on the command line.
        what: one line for people.
        folder: where it lies in the folder of all data sets; empty: in several.
        histories: reads it.
        study: what is measured on it.
        measures: by what.
    """

    name: str
    what: str
    folder: str
    histories: Callable[[Path], Iterator[History]]
    study: Study = study.study
    measures: tuple[Measure, ...] = SET_MEASURES


def _stated(name: str, what: str, histories: Callable[[Path], Iterator[History]]) -> SplitSet:
    """One of MindReader."""
    return SplitSet(name, what, "mindreader", histories, stated.study, stated.STATED_MEASURES)


_opinions_apart: Final = partial(mindreader.opinions, apart_ms=mindreader.SITTING_MS)
_ratings_apart: Final = partial(mindreader.ratings, apart_ms=mindreader.SITTING_MS)

SETS: Final = {
    each.name: each
    for each in (
        SplitSet("kuairand", "KuaiRand: hates of short videos ahead in time", "kuairand", kuairand.stated),
        SplitSet("kuairand-silent", "the same, from plays alone", "kuairand", kuairand.silent),
        SplitSet("kuairand-pure", "KuaiRand-Pure: impressions not clicked", "kuairand-pure", kuairand_pure.clicks),
        SplitSet("kuairand-pure-long", "the same, not viewed long", "kuairand-pure", kuairand_pure.long_views),
        SplitSet("movielens", "MovieLens: low ratings of films ahead in time", "", movielens.histories),
        _stated("mindreader", "MindReader: disliked genres, from opinions on films", mindreader.opinions),
        _stated("mindreader-ratings", "the same, from the opinions as ratings", mindreader.ratings),
        _stated("mindreader-apart", "opinions on films, each in a sitting of its own", _opinions_apart),
        _stated("mindreader-ratings-apart", "ratings of films, each in a sitting of its own", _ratings_apart),
        SplitSet("nemig", "NeMig: headlines not picked", "nemig", nemig.histories),
        SplitSet("open-bandit", "Open Bandit: what will not be clicked", "open-bandit", open_bandit.histories),
    )
}  # fmt: skip
"""Data sets by name."""

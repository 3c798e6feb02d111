"""What became of later videos, by how those that share a tag with them had gone before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from lab.evaluation.bootstrap import RESAMPLES, Estimate, Figure, Share, figures_of
from lab.evaluation.sets.kuairand_pure import SPLIT_MS
from lab.skips.sightings import STAYED, WENT, Sighting

LEAST: Final = 6
"""Exposures of a user from which anything is said of them."""
OWN_LEAN: Final = 3.0
_MOST: Final = 0.97

Counts = tuple[int, int, int, int]
"""How the earlier ones went, in the order of ``WENT``."""


def _only(went: int, least: int, most: int = 1_000) -> Callable[[Counts], bool]:
    return lambda counts: least <= counts[went] == sum(counts) <= most


BEFORE: Final[Mapping[str, Callable[[Counts], bool]]] = {
    "none that shares a tag": lambda counts: sum(counts) == 0,
    **{f"one, {name}": _only(went, 1, 1) for went, name in enumerate(WENT)},
    "two or more, all skipped within 2 s": _only(0, 2),
    "two or more, all skipped later": _only(1, 2),
    "two or more, all skipped": lambda counts: sum(counts) >= 2 and counts[0] + counts[1] == sum(counts),
    "two or more left, none stayed with": lambda counts: counts[2] >= 2 and counts[STAYED] == 0,
    "two or more, all stayed with": _only(STAYED, 2),
}
DIFFERENCES: Final = (
    ("one, skipped within 2 s", "one, skipped later"),
    ("two or more, all skipped within 2 s", "two or more, all skipped later"),
    ("one, skipped within 2 s", "one, stayed with"),
    ("one, begun and left", "one, skipped later"),
    ("one, begun and left", "one, stayed with"),
    ("two or more left, none stayed with", "two or more, all skipped"),
)


class Later(Struct, frozen=True):
    """How often later videos were wanted, as a ratio to what was expected and to that of all of them.

    ``wanted``: viewed long, and clicked.
    """

    before: str
    videos: int
    wanted: tuple[Estimate, Estimate]


class Difference(Struct, frozen=True):
    """The first ratio less the second."""

    first: str
    second: str
    less: tuple[Estimate, Estimate]


class _Test(Struct, frozen=True):
    counts: Counts
    wanted: tuple[bool, bool]
    expected: tuple[float, float]


def later_videos(sightings: Sequence[Sighting]) -> Iterator[_Test]:
    """One user's later videos. Their own rate is that of videos that share no tag with it."""
    for tested in sightings:
        if tested.ts < SPLIT_MS or not tested.tags:
            continue
        counts = [0, 0, 0, 0]
        wanted, usual = [0, 0], [0.0, 0.0]
        for other in sightings:
            if other is tested:
                continue
            if tested.tags & other.tags:
                counts[other.went] += other.ts < SPLIT_MS
                continue
            for at in (0, 1):
                wanted[at] += other.wanted[at]
                usual[at] += other.usual[at]
        own = [(wanted[at] + OWN_LEAN) / (usual[at] + OWN_LEAN) for at in (0, 1)]
        expected = min(tested.usual[0] * own[0], _MOST), min(tested.usual[1] * own[1], _MOST)
        yield _Test((counts[0], counts[1], counts[2], counts[3]), tested.wanted, expected)


def measured(users: Sequence[Sequence[Sighting]]) -> tuple[list[Later], list[Difference]]:
    """What became of these users' later videos, and how that differs, each with its interval over users."""
    tests = [list(later_videos(own)) for own in users if len(own) >= LEAST]
    names = list(BEFORE)
    found: list[dict[str, Figure]] = []
    for at in (0, 1):
        overall = _ratio([test for own in tests for test in own], at)
        shares = [[_share(own, BEFORE[name], at, overall) for own in tests] for name in names]
        figures = zip(names, figures_of(shares, RESAMPLES, seed=1), strict=True)
        found.append({name: figure for name, figure in figures if figure is not None})
    told = [name for name in names if all(name in figures for figures in found)]
    later = [
        Later(
            name,
            sum(BEFORE[name](test.counts) for own in tests for test in own),
            (found[0][name].estimate(), found[1][name].estimate()),
        )
        for name in told
    ]
    differences = [
        Difference(a, b, (found[0][a].less(found[0][b]), found[1][a].less(found[1][b])))
        for a, b in DIFFERENCES
        if a in told and b in told
    ]
    return later, differences


def _ratio(tests: Sequence[_Test], at: int) -> float:
    return sum(test.wanted[at] for test in tests) / sum(test.expected[at] for test in tests)


def _share(tests: Sequence[_Test], which: Callable[[Counts], bool], at: int, overall: float) -> Share:
    chosen = [test for test in tests if which(test.counts)]
    return Share(sum(test.wanted[at] for test in chosen), overall * sum(test.expected[at] for test in chosen))

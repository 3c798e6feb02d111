"""What an evaluation found: plain structs, which tables, the HTML page and ``--json`` are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from lab.evaluation.bootstrap import Estimate, Figure, Share, figures_of


class Row(Struct, frozen=True):
    """One contender's figures by name of the measure; ``against``: each less that of the first contender, paired."""

    label: str
    figures: dict[str, Estimate]
    against: dict[str, Estimate]


class Group(Struct, frozen=True):
    """Users of one size, and how each contender did for them."""

    name: str
    users: int
    rows: tuple[Row, ...]


class Reliability(Struct, frozen=True):
    """Keys whose log odds lie in a bin: how many, their mean probability, and the share truly disliked."""

    kind: str
    low: float | None
    high: float | None
    keys: int
    predicted: float
    disliked: Estimate


class Lift(Struct, frozen=True):
    """Later items of a set of which much the same was said.

    Attributes:
        of: what was said.
        low, high: the ends of the bin, None: open.
        items: how many.
        told: the mean of what was said.
        later: how often they were wanted, as a ratio to what was expected.
    """

    of: str
    low: float | None
    high: float | None
    items: int
    told: float
    later: Estimate


class WorldReport(Struct, frozen=True):
    """One world. ``reliability`` by contender, for those whose scores are log odds."""

    name: str
    what: str
    events: int
    groups: tuple[Group, ...]
    reliability: dict[str, tuple[Reliability, ...]]


class Found(Struct, frozen=True):
    """What was found on a set: the figures, and the lifts by contender."""

    group: Group
    lifts: dict[str, tuple[Lift, ...]]


class SetReport(Struct, frozen=True):
    """One public data set; ``missing``: why it was passed over, None if it was not. ``lifts`` by contender."""

    name: str
    what: str
    missing: str | None
    group: Group | None
    lifts: dict[str, tuple[Lift, ...]] = {}


class Report(Struct, frozen=True):
    """A whole evaluation, and what it takes to repeat it."""

    version: str
    command: str
    seeds: tuple[int, ...]
    users: int
    resamples: int
    seconds: float
    contenders: dict[str, str]
    worlds: tuple[WorldReport, ...]
    sets: tuple[SetReport, ...]


def group_of(
    name: str, labels: Sequence[str], shares: Sequence[Mapping[str, Sequence[Share]]], resamples: int, seed: int
) -> Group:
    """Estimates of every figure.

    Args:
        labels: the contenders.
        shares: for each contender, by measure (the same for all), one share for each user.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    found = iter(figures_of([each for own in shares for each in own.values()], resamples, seed))
    by_contender = [{measure: figure for measure in own if (figure := next(found)) is not None} for own in shares]
    return group_from(name, len(next(iter(shares[0].values()))), labels, by_contender)


def group_from(name: str, users: int, labels: Sequence[str], figures: Sequence[Mapping[str, Figure]]) -> Group:
    """The estimates of figures that are drawn already.

    Args:
        users: how many there are.
        labels: the contenders.
        figures: for each, by measure.
    """
    first = figures[0]
    rows = [
        Row(
            label,
            {measure: figure.estimate() for measure, figure in own.items()},
            {measure: figure.less(first[measure]) for measure, figure in own.items() if measure in first}
            if own is not first
            else {},
        )
        for label, own in zip(labels, figures, strict=True)
    ]
    return Group(name, users, tuple(rows))

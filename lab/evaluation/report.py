"""What an evaluation found: plain structs, which tables, the HTML page and ``--json`` are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from lab.evaluation.bootstrap import Bootstrap, Estimate, Figure, Share


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


class WorldReport(Struct, frozen=True):
    """One world. ``reliability`` by contender, for those whose scores are log odds."""

    name: str
    what: str
    events: int
    groups: tuple[Group, ...]
    reliability: dict[str, tuple[Reliability, ...]]


class SetReport(Struct, frozen=True):
    """One public data set; ``missing``: why it was passed over, None if it was not."""

    name: str
    what: str
    missing: str | None
    group: Group | None


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
    name: str, labels: Sequence[str], shares: Sequence[Mapping[str, Sequence[Share]]], users: int, bootstrap: Bootstrap
) -> Group:
    """Estimates of every figure.

    Args:
        labels: the contenders.
        shares: for each contender, by measure, one share for each user.
        users: how many users.
        bootstrap: of so many users.
    """
    rows = []
    first: dict[str, Figure] = {}
    for label, own in zip(labels, shares, strict=True):
        figures = {measure: found for measure, each in own.items() if (found := bootstrap.of(each)) is not None}
        against = {measure: found.less(first[measure]) for measure, found in figures.items() if measure in first}
        first = first or figures
        rows.append(Row(label, {measure: found.estimate() for measure, found in figures.items()}, against))
    return Group(name, users, tuple(rows))

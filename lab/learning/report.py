"""What a comparison of recommenders found: plain structs, and the tables that are made of them."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp
from typing import Final

from msgspec import Struct
from rich.console import Console

from lab.evaluation.bootstrap import Estimate
from lab.evaluation.report import Group
from lab.evaluation.tables import Cell, Section, Table, cell, printable
from lab.evaluation.words import value_in_words
from lab.learning.measures import MEASURES, RATIOS

WITH_LIST: Final = " + list"
"""What the label of a contender with avoid lists ends with."""


class Found(Struct, frozen=True):
    """Of one source.

    Attributes:
        name, what: which.
        missing: why it was passed over; None: it was not.
        interactions: that were learned from, the sum over seeds.
        group: figures of every contender, each less those of the first.
        coverage: by contender, the share of the catalogue that is in anybody's ten; the mean over seeds.
    """

    name: str
    what: str
    missing: str | None = None
    interactions: int = 0
    group: Group | None = None
    coverage: dict[str, float] = {}


class LearningReport(Struct, frozen=True):
    """A whole comparison, and what it takes to repeat it."""

    version: str
    command: str
    seeds: tuple[int, ...]
    users: int
    resamples: int
    seconds: float
    contenders: dict[str, str]
    sources: tuple[Found, ...]


def sections(report: LearningReport) -> Iterator[Section]:
    """All tables."""
    for found in report.sources:
        if found.group is None:
            yield Section(found.name, f"{found.what}\npassed over: {found.missing}", [])
        else:
            what = f"{found.what}; {found.group.users:,} users, {found.interactions:,} interactions to learn from"
            tables = [_figures(found, found.group), _differences(found.group), _ratios(found.group)]
            yield Section(found.name, what, [table for table in tables if table.rows])


def _figures(found: Found, group: Group) -> Table:
    shown = [each for each in MEASURES if any(each.name in row.figures for row in group.rows)]
    rows = [
        [
            Cell(row.label),
            *(cell(row.figures, each.name, each.unit) for each in shown),
            Cell(value_in_words(found.coverage[row.label], "%")),
        ]
        for row in group.rows
    ]
    return Table("figures", ("", *(each.head for each in shown), "coverage"), rows)


def _differences(group: Group) -> Table:
    first, *others = group.rows
    shown = [each for each in MEASURES if each.name in first.figures]
    rows = [[Cell(row.label), *(cell(row.against, each.name, each.unit) for each in shown)] for row in others]
    return Table(f"less those of {first.label}, user by user", ("", *(each.head for each in shown)), rows)


def _ratios(group: Group) -> Table:
    rows = []
    for row in group.rows[1:]:
        if RATIOS[-1].name in row.figures:
            figures = {name: _exp(found) if name.startswith("log.") else found for name, found in row.figures.items()}
            rows.append([Cell(row.label), *(cell(figures, each.name, "") for each in RATIOS)])
    return Table(f"divided by those of {group.rows[0].label}", ("", *(each.head for each in RATIOS)), rows)


def _exp(found: Estimate) -> Estimate:
    return Estimate(exp(found.value), exp(found.low), exp(found.high), found.users, found.of)


def show(console: Console, report: LearningReport) -> None:
    """Prints a report."""
    for label, what in report.contenders.items():
        console.print(f"{label:22} {what}", markup=False)
    for measure in (*MEASURES, *RATIOS):
        console.print(f"{measure.head:22} {measure.what}", markup=False)
    console.print(
        "coverage               share of the catalogue that is in anybody's ten, the mean over seeds", markup=False
    )
    for section in sections(report):
        console.print(f"\n{section.head}: {section.what}", markup=False)
        for table in section.tables:
            console.print(printable(table))
    console.print(
        f"{report.command}\n95 % intervals from {report.resamples} resamples of users; {report.seconds:.0f} s",
        style="dim",
        markup=False,
    )

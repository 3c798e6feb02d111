"""An evaluation's figures as tables, one section for each world and data set; and how a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from lab.evaluation.bootstrap import Estimate
from lab.evaluation.figures import CHANGE_MEASURES, MEASURES, USER_MEASURES, Measure
from lab.evaluation.report import Group, Lift, Reliability, Report, Row, SetReport, WorldReport
from lab.evaluation.sets import SETS
from lab.evaluation.words import interval_in_words, value_in_words

FOUND: Final = ("precision", "strong", "recall", "ever", "showings")
HARM: Final = ("liked", "liked_inferred", "liked_ever", "liked_ever_inferred", "neutral", "neutral_ever")


class Cell(NamedTuple):
    """A figure, and its interval if it has one."""

    value: str
    interval: str = ""


class Table(NamedTuple):
    """Rows of as many cells as there are heads; the first names what the row is of."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]


class Section(NamedTuple):
    """All tables of one world or data set."""

    head: str
    what: str
    tables: Sequence[Table]


def sections(report: Report, sizes: Iterable[str]) -> Iterator[Section]:
    """All tables.

    Args:
        sizes: of whose lists the tables are, as far as a world has such users.
    """
    for world in report.worlds:
        counts = ", ".join(f"{group.users} {group.name}" for group in world.groups if group.name != "all")
        what = f"{world.what}; {world.events:,} showings; users: {counts}"
        yield Section(f"World {world.name}", what, list(_of_world(world, list(sizes))))
    for each in report.sets:
        if each.group is None:
            yield Section(f"Data set {each.name}", f"{each.what}\npassed over: {each.missing}", [])
        else:
            yield Section(f"Data set {each.name}", each.what, list(_of_set(each, each.group)))


def show(console: Console, report: Report) -> None:
    """Prints a report: of the lists, those of heavy users."""
    for label, what in report.contenders.items():
        console.print(f"{label:14} {what}", markup=False)
    for section in sections(report, ["heavy"]):
        console.print(f"\n{section.head}: {section.what}", markup=False)
        for table in section.tables:
            console.print(printable(table))
    console.print(
        f"{report.command}\n95 % intervals from {report.resamples} resamples of users; {report.seconds:.0f} s",
        style="dim",
        markup=False,
    )


def _of_set(report: SetReport, group: Group) -> Iterator[Table]:
    told = {name for row in group.rows for name in row.figures}
    measures = [each for each in SETS[report.name].measures if each.name in told]
    yield _table(f"{group.users} users", group, measures)
    if len(group.rows) > 1:
        yield _table(f"less those of {group.rows[0].label}, user by user", group, measures, against=True)
    for label, lifts in report.lifts.items():
        if lifts:
            heads = ("by", "bin", "items", "mean", "wanted ÷ expected")
            yield Table(f"what became of later items, {label}", heads, [_lift(lift) for lift in lifts])


def _lift(lift: Lift) -> list[Cell]:
    low, high = ("" if edge is None else f"{edge:.2g}" for edge in (lift.low, lift.high))
    later = lift.later
    return [
        Cell(lift.of),
        Cell(f"{low} … {high}"),
        Cell(f"{lift.items:,}"),
        Cell(f"{lift.told:.2f}"),
        Cell(f"{later.value:.3f}", f"{later.low:.3f}–{later.high:.3f}"),
    ]


def _of_world(world: WorldReport, sizes: list[str]) -> Iterator[Table]:
    groups = {group.name: group for group in world.groups}
    first, *others = groups["all"].rows
    yield _ranking("average precision", groups, against=False)
    if others:
        yield _ranking(f"average precision less that of {first.label}, user by user", groups, against=True)
    for size in filter(groups.__contains__, sizes):
        for kind in ("tag", "creator"):
            for what, names in (("listed", FOUND), ("listed wrongly", HARM)):
                yield _table(
                    f"{kind}s {what}, {size} users", groups[size], [MEASURES[f"{kind}.{name}"] for name in names]
                )
        yield _table(f"serving, and duration caps, {size} users", groups[size], USER_MEASURES)
    for size in filter(groups.__contains__, sizes if "all" in sizes else ["all"]):
        yield _table(f"after a change of taste, {size} users", groups[size], CHANGE_MEASURES)
    for label, rows in world.reliability.items():
        heads = ("of", "log odds", "keys", "predicted", "truly disliked")
        yield Table(f"log odds of {label}, all users", heads, [_calibration(row) for row in rows])


def _ranking(title: str, groups: dict[str, Group], *, against: bool) -> Table:
    """Average precision for every size of user, or how it differs from that of the first contender."""
    columns = [(kind, name) for kind in ("tag", "creator") for name in ("heavy", "medium", "light") if name in groups]
    rows = [
        [Cell(row.label), *(cell(_of(groups[name].rows[number], against), f"{kind}.ap", "") for kind, name in columns)]
        for number, row in enumerate(groups["all"].rows)
    ]
    return Table(title, ("rule", *(f"{kind}s, {name}" for kind, name in columns)), rows[against:])


def _of(row: Row, against: bool) -> dict[str, Estimate]:
    return row.against if against else row.figures


def _table(title: str, group: Group, measures: Sequence[Measure], *, against: bool = False) -> Table:
    """Measures of every contender, or how they differ from the first one's."""
    rows = [
        [Cell(row.label), *(cell(_of(row, against), each.name, each.unit) for each in measures)]
        for row in group.rows[against:]
    ]
    return Table(title, ("rule", *(measure.head for measure in measures)), rows)


def cell(figures: dict[str, Estimate], name: str, unit: str) -> Cell:
    """A figure with its interval; a dash if there is none of this name."""
    found = figures.get(name)
    return Cell("–") if found is None else Cell(value_in_words(found.value, unit), interval_in_words(found, unit))


def _calibration(row: Reliability) -> list[Cell]:
    low, high = ("" if edge is None else f"{edge:g}" for edge in (row.low, row.high))
    true = row.disliked
    return [
        Cell(f"{row.kind}s"),
        Cell(f"{low} … {high}"),
        Cell(f"{row.keys:,}"),
        Cell(f"{row.predicted:.1%}"),
        Cell(f"{true.value:.1%}", f"{true.low:.1%}–{true.high:.1%}"),
    ]


def printable(table: Table) -> RichTable:
    """A table as a terminal shows it."""
    found = RichTable(title=table.title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=0)
    for number, head in enumerate(table.heads):
        found.add_column(head, justify="right" if number else "left", no_wrap=not number)
    for row in table.rows:
        found.add_row(*(Text(cell.value).append(f"\n{cell.interval}" if cell.interval else "", "dim") for cell in row))
    return found

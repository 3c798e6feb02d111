"""A study as tables: for a terminal, and as Markdown for docs/learning.md."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from lab.closed_loop.report import MEASURES, Caught, Group, Report
from lab.evaluation.bootstrap import Estimate
from lab.evaluation.tables import Cell, Table, printable
from lab.evaluation.words import interval_in_words


def show(console: Console, report: Report) -> None:
    """Prints a study."""
    for measure in MEASURES:
        console.print(f"{measure.head:20} {measure.what}", markup=False)
    for table in tables(report):
        console.print(printable(table))
    console.print(closing(report), style="dim", markup=False, soft_wrap=True)


def markdown(report: Report) -> str:
    """The tables as Markdown, and what made them."""
    parts = []
    for table in tables(report):
        rows = [" | ".join(_in_one_line(cell) for cell in row) for row in table.rows]
        rule = "|---" * len(table.heads) + "|"
        head = " | ".join(table.heads)
        parts.append("\n".join([f"{table.title}:", "", f"| {head} |", rule, *(f"| {row} |" for row in rows)]))
    return "\n\n".join([*parts, closing(report)]) + "\n"


def closing(report: Report) -> str:
    """What it takes to repeat a study."""
    return f"{report.command}: 95 % intervals from {report.resamples} resamples; {report.seconds:.0f} s"


def tables(report: Report) -> Iterator[Table]:
    """All tables."""
    for group in report.groups:
        seeds = ", ".join(map(str, group.seeds))
        what = f"{group.recommends}, {group.users} users, seeds {seeds}"
        heads = ("", *(measure.head for measure in MEASURES))
        yield Table(what, heads, [_row(row.label, row.figures) for row in group.rows])
        first, *others = group.rows
        yield Table(
            f"{group.recommends}, less {first.label}, user by user; shares in points of a hundred",
            heads,
            [_row(row.label, row.against, "points") for row in others],
        )
        yield _monitors(group)


def _row(label: str, found: dict[str, Estimate], of_shares: str = "%") -> list[Cell]:
    units = {measure.name: of_shares if measure.unit == "%" else measure.unit for measure in MEASURES}
    return [Cell(label), *(_cell(found.get(name), unit) for name, unit in units.items())]


def _monitors(group: Group) -> Table:
    heads = ("", "flag", "hooks caught", "days until then", "flagged wrongly")
    return Table(
        f"{group.recommends}, creators who became hooks, creators resampled",
        heads,
        [_of(each) for each in group.caught],
    )


def _of(each: Caught) -> list[Cell]:
    return [
        Cell(each.label),
        Cell(each.monitor),
        _cell(each.caught, "%"),
        _cell(each.days, "n"),
        _cell(each.wrong, "%"),
    ]


def _cell(found: Estimate | None, unit: str) -> Cell:
    if found is None:
        return Cell("–")
    if unit == "%" and found.low == found.high and found.value in (0, 1):
        return Cell(f"{found.value:.1%}", interval_in_words(found, unit))
    value, low, high = (_in_words(each, unit) for each in (found.value, found.low, found.high))
    return Cell(value, f"{low} … {high}")


def _in_words(value: float, unit: str) -> str:
    """With one place, as what arms differ by is small."""
    return f"{value:.1%}" if unit == "%" else f"{100 * value:.1f}" if unit == "points" else f"{value:.1f}"


def _in_one_line(cell: Cell) -> str:
    return f"{cell.value} ({cell.interval})" if cell.interval else cell.value

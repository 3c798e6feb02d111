"""An evaluation's figures as tables: a figure, and below it its interval."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.evaluation.bootstrap import Estimate
from lab.evaluation.figures import CHANGE_MEASURES, MEASURES, USER_MEASURES, Measure
from lab.evaluation.markdown import FOUND, HARM
from lab.evaluation.report import Group, Report, Row, SetReport, WorldReport
from lab.evaluation.sets.history import SET_MEASURES
from lab.evaluation.words import interval_in_words, value_in_words


def show(console: Console, report: Report) -> None:
    """Prints a report."""
    for label, what in report.contenders.items():
        console.print(f"{label:14} {what}", markup=False)
    for world in report.worlds:
        _show_world(console, world)
    for each in report.sets:
        _show_set(console, each)
    console.print(
        f"{report.command}\n95 % intervals from {report.resamples} resamples of users; {report.seconds:.0f} s",
        style="dim",
        markup=False,
    )


def _show_world(console: Console, world: WorldReport) -> None:
    console.print(f"\n[bold]world {world.name}[/]: {world.what}; {world.events:,} showings")
    groups = {group.name: group for group in world.groups}
    console.print(_ranking("average precision: true dislikes ranked first", groups, against=False))
    first, *others = groups["all"].rows
    if others:
        title = f"average precision less that of {first.label}, user by user"
        console.print(_ranking(title, groups, against=True))
    heavy = groups.get("heavy") or groups["all"]
    for kind in ("tag", "creator"):
        for what, names in (("listed", FOUND), ("listed wrongly", HARM)):
            measures = [MEASURES[f"{kind}.{name}"] for name in names]
            console.print(_table(f"{kind}s {what}, {heavy.name} users", heavy, measures))
    console.print(_table(f"serving, and duration caps, {heavy.name} users", heavy, USER_MEASURES))
    console.print(_table("what a change of taste gave up, all users", groups["all"], CHANGE_MEASURES))
    for label, rows in world.reliability.items():
        table = _titled(f"log odds of {label}, all users")
        for name in ("of", "log odds", "keys", "predicted", "truly disliked"):
            table.add_column(name, justify="left" if name == "of" else "right")
        for row in rows:
            low, high = "" if row.low is None else f"{row.low:g}", "" if row.high is None else f"{row.high:g}"
            told = Text(f"{row.disliked.value:.1%} ").append(f"{row.disliked.low:.1%}–{row.disliked.high:.1%}", "dim")
            table.add_row(f"{row.kind}s", f"{low} … {high}", f"{row.keys:,}", f"{row.predicted:.1%}", told)
        console.print(table)


def _ranking(title: str, groups: dict[str, Group], *, against: bool) -> Table:
    """Average precision for every size of user, or how it differs from that of the first contender."""
    table = _titled(title)
    table.add_column("rule", no_wrap=True)
    names = [name for name in ("heavy", "medium", "light") if name in groups]
    for kind in ("tag", "creator"):
        for name in names:
            table.add_column(f"{kind}s,\n{name}", justify="right")
    for number, row in enumerate(groups["all"].rows):
        if against and number == 0:
            continue
        cells = [
            _cell(_figures(groups[name].rows[number], against=against).get(f"{kind}.ap"), MEASURES[f"{kind}.ap"])
            for kind in ("tag", "creator")
            for name in names
        ]
        table.add_row(Text(row.label), *cells)
    return table


def _figures(row: Row, *, against: bool) -> dict[str, Estimate]:
    return row.against if against else row.figures


def _show_set(console: Console, found: SetReport) -> None:
    console.print(f"\n[bold]data set {found.name}[/]: {found.what}")
    if found.group is None:
        console.print(f"passed over: {found.missing}", markup=False)
        return
    console.print(_table(f"{found.group.users} users", found.group, SET_MEASURES))


def _table(title: str, group: Group, measures: Sequence[Measure]) -> Table:
    table = _titled(title)
    table.add_column("rule", no_wrap=True)
    for measure in measures:
        table.add_column(measure.head, justify="right")
    for row in group.rows:
        table.add_row(Text(row.label), *(_cell(row.figures.get(measure.name), measure) for measure in measures))
    return table


def _cell(found: Estimate | None, measure: Measure) -> Text:
    if found is None:
        return Text("–", style="dim")
    return Text(value_in_words(found.value, measure.unit)).append(f"\n{interval_in_words(found, measure.unit)}", "dim")


def _titled(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=0)

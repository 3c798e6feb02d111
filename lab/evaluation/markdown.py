"""The figures as Markdown tables, for docs/evaluation.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lab.evaluation.bootstrap import Estimate
from lab.evaluation.figures import CHANGE_MEASURES, MEASURES, USER_MEASURES, Measure
from lab.evaluation.report import Group, Report, SetReport, WorldReport
from lab.evaluation.sets.history import SET_MEASURES
from lab.evaluation.words import interval_in_words, value_in_words

FOUND: Final = ("precision", "strong", "recall", "ever", "showings")
HARM: Final = ("liked", "liked_inferred", "liked_ever", "liked_ever_inferred", "neutral", "neutral_ever")


def figures(report: Report) -> str:
    """All tables, one section for each world and data set."""
    return "\n".join(_figures(report)) + "\n"


def _figures(report: Report) -> Iterator[str]:
    yield f"`{report.command}` · version {report.version} · {report.resamples} resamples"
    for world in report.worlds:
        yield from _world(world)
    for each in report.sets:
        yield from _set(each)


def _world(world: WorldReport) -> Iterator[str]:
    groups = {group.name: group for group in world.groups}
    sizes = ", ".join(f"{group.users} {group.name}" for group in world.groups if group.name != "all")
    yield f"\n### World {world.name}\n\n{world.what}; {world.events:,} showings; users: {sizes}"
    yield from _ranking(groups, against=False)
    yield from _ranking(groups, against=True)
    for size in ("heavy", "medium"):
        if size in groups:
            for kind in ("tag", "creator"):
                yield from _table(f"{kind}s listed, {size} users", groups[size], _of(kind, FOUND))
                yield from _table(f"{kind}s listed wrongly, {size} users", groups[size], _of(kind, HARM))
            yield from _table(f"serving, and duration caps, {size} users", groups[size], USER_MEASURES)
    yield from _table("after a change of taste, all users", groups["all"], CHANGE_MEASURES)
    for label, rows in world.reliability.items():
        yield f"\n**log odds of {label}, all users**\n"
        yield "| of | log odds | keys | predicted | truly disliked |\n|---|---|---|---|---|"
        for row in rows:
            low, high = ("" if edge is None else f"{edge:g}" for edge in (row.low, row.high))
            told = f"{row.disliked.value:.1%} ({row.disliked.low:.1%}–{row.disliked.high:.1%})"
            yield f"| {row.kind}s | {low} … {high} | {row.keys:,} | {row.predicted:.1%} | {told} |"


def _ranking(groups: dict[str, Group], *, against: bool) -> Iterator[str]:
    rows = groups["all"].rows
    if against and len(rows) == 1:
        return
    title = f"average precision less that of {rows[0].label}, user by user" if against else "average precision"
    names = [name for name in ("heavy", "medium", "light") if name in groups]
    heads = [f"{kind}s, {name}" for kind in ("tag", "creator") for name in names]
    yield f"\n**{title}**\n\n| rule | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}"
    for number, row in list(enumerate(rows))[against:]:
        cells = [
            _cell((own.against if against else own.figures).get(f"{kind}.ap"), "")
            for kind in ("tag", "creator")
            for name in names
            for own in (groups[name].rows[number],)
        ]
        yield f"| {row.label} | {' | '.join(cells)} |"


def _set(found: SetReport) -> Iterator[str]:
    yield f"\n### Data set {found.name}\n\n{found.what}"
    if found.group is None:
        yield f"\nPassed over: {found.missing}"
        return
    yield from _table(f"{found.group.users} users", found.group, SET_MEASURES)


def _of(kind: str, names: Sequence[str]) -> list[Measure]:
    return [MEASURES[f"{kind}.{name}"] for name in names]


def _table(title: str, group: Group, measures: Sequence[Measure]) -> Iterator[str]:
    yield f"\n**{title}**\n\n| rule | {' | '.join(m.head for m in measures)} |\n|{'---|' * (len(measures) + 1)}"
    for row in group.rows:
        cells = [_cell(row.figures.get(measure.name), measure.unit) for measure in measures]
        yield f"| {row.label} | {' | '.join(cells)} |"


def _cell(found: Estimate | None, unit: str) -> str:
    return "–" if found is None else f"{value_in_words(found.value, unit)} ({interval_in_words(found, unit)})"

"""The whole report as Markdown, for docs/evaluation-figures.md, and as one HTML page with charts that needs no network.

Both are templates beside this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from lab.evaluation import plots
from lab.evaluation.figures import KEY_MEASURES, MEASURES, USER_MEASURES, Measure
from lab.evaluation.report import Group, Report
from lab.evaluation.sets import SETS
from lab.evaluation.sets.history import SET_MEASURES
from lab.evaluation.sets.stated import STATED_MEASURES
from lab.evaluation.tables import Section, sections

_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=select_autoescape(["html.jinja"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


class Chart(NamedTuple):
    """An image with what stands below it."""

    caption: str
    source: str


class Run(Protocol):
    """What a page says of the run that its tables are of."""

    @property
    def command(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def resamples(self) -> int: ...


def markdown(report: Report) -> str:
    """All tables, those of lists for heavy and medium users."""
    return as_markdown(report, sections(report, _SIZES[:2]))


def as_markdown(run: Run, found: Iterable[Section]) -> str:
    """Tables of a run, in sections."""
    return _templates.get_template("report.md.jinja").render(report=run, sections=found)


def html(report: Report) -> str:
    """The page: every table for every size of user, charts, and what the figures mean."""
    meanings = (*(pair[0] for pair in KEY_MEASURES), *USER_MEASURES, *SET_MEASURES, *STATED_MEASURES)
    return _templates.get_template("report.html.jinja").render(
        report=report, parts=zip(sections(report, _SIZES), _charts(report), strict=True), meanings=meanings
    )


_SIZES: Final = ("heavy", "medium", "light", "all")


def _charts(report: Report) -> Iterator[list[Chart]]:
    """Those of each section."""
    for world in report.worlds:
        bars = [
            _bars(f"average precision, {kind}s, {group.name} users", group, MEASURES[f"{kind}.ap"])
            for group in world.groups
            for kind in ("tag", "creator")
        ]
        diagrams = [
            Chart(f"log odds of {label}, {kind}s", plots.as_source(plots.reliability(own)))
            for label, rows in world.reliability.items()
            for kind in ("tag", "creator")
            if (own := [row for row in rows if row.kind == kind])
        ]
        yield bars + diagrams
    for each in report.sets:
        measure = SETS[each.name].measures[0]
        yield [] if each.group is None else [_bars(measure.head, each.group, measure)]


def _bars(caption: str, group: Group, measure: Measure) -> Chart:
    found = {row.label: row.figures[measure.name] for row in group.rows if measure.name in row.figures}
    return Chart(caption, plots.as_source(plots.bars(found, measure.unit)))

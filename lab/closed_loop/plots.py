"""Charts of a study, as SVG files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from lab.closed_loop.report import BLOCK_DAYS, MEASURES, Group, Report
from lab.closed_loop.town import WARM_UP_DAYS
from lab.evaluation.plots import styled, whiskers

_COLOURS: Final = ("#8a93a3", "#0b6e8f", "#c2703d", "#5b8c3a", "#8c5bb0", "#c23d6b")
_BARS: Final = ("engaged", "suppressed", "showings")


def write(report: Report, folder: Path) -> list[Path]:
    """Writes all charts into a folder, which is made; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for group in report.groups:
        for name, draw in (("unwanted", unwanted), ("harm", harm), ("hooks", hooks)):
            file = folder / f"closed-loop-{group.recommends}-{name}.svg"
            save(draw(group), file)
            files.append(file)
    return files


@styled()
def save(figure: Figure, file: Path) -> None:
    """Writes a chart; the same figures give the same file."""
    figure.savefig(file, format="svg", metadata={"Date": None})


@styled()
def unwanted(group: Group) -> Figure:
    """Unwanted showings in the course of time, a line with its band for each arm."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for row, colour in zip(group.rows, _COLOURS, strict=False):
        middle = WARM_UP_DAYS + BLOCK_DAYS * (np.arange(len(row.blocks)) + 0.5)
        axes.plot(middle, [100 * each.value for each in row.blocks], marker="o", color=colour, label=row.label)
        low, high = ([100 * getattr(each, end) for each in row.blocks] for end in ("low", "high"))
        axes.fill_between(middle, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set(xlabel="day", ylabel="unwanted showings, %", ylim=(0, None))
    axes.set_title(f"simulation: {group.recommends}, {group.users} users", fontsize=9, loc="left")
    figure.legend(loc="outside right upper", frameon=False)
    return figure


@styled()
def harm(group: Group) -> Figure:
    """Engagement, wanted items suppressed, and showings until a dislike is heard, with whiskers."""
    figure = Figure(figsize=(8, 0.7 + 0.3 * len(group.rows)), layout="constrained")
    chosen = [measure for measure in MEASURES if measure.name in _BARS]
    for axes, measure in zip(figure.subplots(1, len(chosen), sharey=True), chosen, strict=True):
        rows = [row for row in group.rows if measure.name in row.figures]
        found = [row.figures[measure.name] for row in rows]
        scale = 100 if measure.unit == "%" else 1
        axes.barh(
            [row.label for row in rows],
            [scale * each.value for each in found],
            xerr=scale * whiskers(found),
            color=_COLOURS[: len(rows)],
        )
        axes.set_title(measure.head + (", %" if measure.unit == "%" else ""), fontsize=9, loc="left")
    figure.axes[0].invert_yaxis()
    return figure


@styled()
def hooks(group: Group) -> Figure:
    """How many creators are hooks, and how many of them are flagged, in the first two arms."""
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    for axes, each in zip(figure.subplots(1, 2, sharey=True), group.hooks[:2], strict=True):
        days = range(len(each.hooks))
        axes.step(days, each.hooks, where="post", color=_COLOURS[0], label="hooks")
        for (monitor, flagged), colour in zip(each.flagged.items(), _COLOURS[1:], strict=False):
            axes.step(days, flagged, where="post", color=colour, label=f"flagged: {monitor}")
        axes.set(xlabel="day")
        axes.set_title(f"{each.label}, seeds {', '.join(map(str, group.seeds))}", fontsize=9, loc="left")
    figure.axes[0].set_ylabel("creators")
    figure.axes[0].legend(frameon=False, loc="upper left")
    return figure

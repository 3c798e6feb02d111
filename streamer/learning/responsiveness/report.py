"""What a simulation found, as one HTML page that needs no network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ContextDecorator
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from msgspec import Struct

from streamer.errors import LearningError
from streamer.learning.responsiveness.intervals import Estimate
from streamer.learning.responsiveness.rolling import MEASURES
from streamer.learning.responsiveness.simulating import Simulated
from streamer.learning.responsiveness.words import HEADS, MEANINGS, rows_of

_COLOURS: Final = ("#0b6e8f", "#d08025", "#6b8e23", "#8a5a9e")


class Report(Struct, frozen=True):
    """A whole simulation, and what it takes to repeat it.

    Attributes:
        command: that made it.
        seed: of the draw of users, and of intervals.
        users, lists, k: how many, and how long.
        notes: what a reader has to know.
        simulated: what was found, by recommender.
    """

    command: str
    seed: int
    users: int
    lists: int
    k: int
    notes: tuple[str, ...]
    simulated: tuple[Simulated, ...]


class Chart(NamedTuple):
    """An image with what stands above it."""

    caption: str
    source: str


def write(report: Report, file: Path) -> None:
    """Writes the page.

    Raises:
        LearningError: it cannot be written.
    """
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    tables = [(each.recommender, list(rows_of(each))) for each in report.simulated]
    page = templates.get_template("report.html.jinja").render(
        report=report, tables=tables, heads=HEADS, meanings=MEANINGS, charts=list(_charts(report.simulated))
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page)
    except OSError as error:
        raise LearningError(f"{file} cannot be written: {error.strerror}; name another file") from None


def _charts(simulated: Sequence[Simulated]) -> Iterator[Chart]:
    for measure in MEASURES:
        if any(measure in found for each in simulated for found in each.responses.values()):
            yield Chart(f"{measure}: change by action", _by_action(simulated, measure))
            yield Chart(f"{measure}: change over the next lists", _by_list(simulated, measure))


def _styled() -> ContextDecorator:
    return rc_context(
        {
            "font.size": 9,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "svg.fonttype": "none",  # text stays text
            "svg.hashsalt": "streamer",  # the same figures, the same page
        }
    )


@_styled()
def _by_action(simulated: Sequence[Simulated], measure: str) -> str:
    """Dots with their intervals, a row for each action."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    actions = [action for action in simulated[0].responses if any(measure in s.responses[action] for s in simulated)]
    for number, each in enumerate(simulated):
        known = [(row, each.responses[action].get(measure)) for row, action in enumerate(actions)]
        told = [(row, found.change) for row, found in known if found is not None]
        axes.errorbar(
            [change.value for _, change in told], [row + 0.18 * number for row, _ in told],
            xerr=_whiskers([change for _, change in told]), fmt="o", color=_COLOURS[number % len(_COLOURS)],
            label=each.recommender,
        )  # fmt: skip
    axes.set_yticks(range(len(actions)), actions)
    axes.axvline(0, color="#8a93a3", linewidth=0.8)
    axes.invert_yaxis()
    axes.legend(frameon=False)
    return _source(figure)


@_styled()
def _by_list(simulated: Sequence[Simulated], measure: str) -> str:
    """Lines after a dislike, and after one of the creator, list by list."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for number, each in enumerate(simulated):
        for action, style in (("disliked", "-"), ("creator disliked", "--")):
            found = each.responses[action].get(measure)  # type: ignore[index]
            if found is not None:
                places = range(1, len(found.by_list) + 1)
                axes.plot(
                    places, [change.value for change in found.by_list], style,
                    color=_COLOURS[number % len(_COLOURS)], label=f"{each.recommender}, {action}",
                )  # fmt: skip
    axes.axhline(0, color="#8a93a3", linewidth=0.8)
    axes.set_xlabel("list")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=7)
    return _source(figure)


def _whiskers(found: Sequence[Estimate]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([[max(0.0, e.value - e.low), max(0.0, e.high - e.value)] for e in found]).reshape(-1, 2).T


def _source(figure: Figure) -> str:
    """The chart as the address of an image that is its own content."""
    out = BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{b64encode(out.getvalue()).decode()}"

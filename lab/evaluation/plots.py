"""Charts of the page, drawn by matplotlib as SVG: figures with their intervals, and reliability diagrams."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import ContextDecorator
from io import BytesIO
from typing import Final

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from lab.evaluation.bootstrap import Estimate, Floats
from lab.evaluation.report import Reliability
from lab.evaluation.words import value_in_words

_OURS: Final = "#0b6e8f"
_OTHERS: Final = "#a9b4c6"
_LINE: Final = "#8a93a3"


def styled() -> ContextDecorator:
    """How all charts look; also when they are written."""
    return rc_context(
        {
            "font.size": 9,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "svg.fonttype": "none",  # text stays text
            "svg.hashsalt": "streamer",  # the same figures, the same page
        }
    )


@styled()
def bars(found: Mapping[str, Estimate], unit: str) -> Figure:
    """A bar for each rule, the first in the accent colour, with its interval."""
    figure = Figure(figsize=(6, 0.5 + 0.24 * len(found)), layout="constrained")
    axes = figure.subplots()
    estimates = list(found.values())
    drawn = axes.barh(
        range(len(found)),
        [each.value for each in estimates],
        xerr=whiskers(estimates),
        color=[_OURS, *[_OTHERS] * len(found)][: len(found)],
        tick_label=list(found),
    )
    axes.bar_label(drawn, [value_in_words(each.value, unit) for each in estimates], padding=4)
    axes.axvline(0, color=_LINE, linewidth=0.8)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    return figure


@styled()
def reliability(rows: Sequence[Reliability]) -> Figure:
    """Predicted against true shares; on the diagonal, probabilities are what they say."""
    figure = Figure(figsize=(3.4, 3.4), layout="constrained")
    axes = figure.subplots()
    true = [row.disliked for row in rows]
    axes.axline((0, 0), (1, 1), color=_LINE, linestyle="--", linewidth=0.8)
    axes.errorbar([row.predicted for row in rows], [each.value for each in true], whiskers(true), fmt="o", color=_OURS)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="predicted", ylabel="truly disliked")
    return figure


@styled()
def as_source(figure: Figure) -> str:
    """The chart as the address of an image that is its own content: a page with it needs no other file."""
    out = BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{b64encode(out.getvalue()).decode()}"


def whiskers(found: Sequence[Estimate]) -> Floats:
    """How far the intervals reach to either side."""
    return np.array([[max(0.0, each.value - each.low), max(0.0, each.high - each.value)] for each in found]).T

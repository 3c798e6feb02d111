"""Charts: lengths and places are what the figures say, and a page holds them whole."""

from __future__ import annotations

from base64 import b64decode
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lab.evaluation.bootstrap import Estimate
from lab.evaluation.plots import as_source, bars, reliability
from lab.evaluation.report import Reliability


def estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, low, high, users=10, of=10)


def of_bin(predicted: float, true: Estimate) -> Reliability:
    return Reliability("tag", None, None, keys=10, predicted=predicted, disliked=true)


def rectangles(figure: Figure) -> list[Rectangle]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]


def whiskers(figure: Figure) -> list[list[list[float]]]:
    lines = next(each for each in figure.axes[0].collections if isinstance(each, LineCollection))
    return [np.asarray(segment).tolist() for segment in lines.get_segments()]


def test_bars_are_as_long_as_their_figures_and_whiskers_as_their_intervals() -> None:
    figure = bars({"ours": estimate(0.4, 0.3, 0.5), "a<b": estimate(-0.1, -0.1, 0.2)}, unit="")
    assert [(bar.get_x(), bar.get_width()) for bar in rectangles(figure)] == [(0, 0.4), (0, -0.1)]
    assert [[x for x, _ in line] for line in whiskers(figure)] == [
        pytest.approx([0.3, 0.5]),
        pytest.approx([-0.1, 0.2]),
    ]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["ours", "a<b"]
    assert [text.get_text() for text in figure.axes[0].texts] == [".400", "-.100"]


def test_the_first_rule_stands_out() -> None:
    first, *others = (bar.get_facecolor() for bar in rectangles(bars(dict.fromkeys("abc", estimate(1, 1, 1)), "")))
    assert others[0] == others[1] != first


def test_points_lie_at_what_was_predicted_and_what_is_true() -> None:
    figure = reliability([of_bin(0.25, estimate(0.25, 0.2, 0.3)), of_bin(0.5, estimate(0.9, 0.8, 1.0))])
    points = next(line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert np.asarray(points.get_xydata()).tolist() == [[0.25, 0.25], [0.5, 0.9]]
    assert [[y for _, y in line] for line in whiskers(figure)] == [pytest.approx([0.2, 0.3]), pytest.approx([0.8, 1.0])]


def test_a_chart_is_its_own_source_and_the_same_each_time() -> None:
    sources = [as_source(bars({"a<b": estimate(0.4, 0.3, 0.5)}, "%")) for _ in range(2)]
    kind, _, content = sources[0].partition(",")
    assert kind == "data:image/svg+xml;base64"
    texts = [text.text for text in ET.fromstring(b64decode(content)).iter("{http://www.w3.org/2000/svg}text")]
    assert {"a<b", "40%"} <= set(texts)
    assert sources[0] == sources[1]

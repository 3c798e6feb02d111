"""Plots: well-formed pictures in which lengths and places are what the figures say."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from lab.evaluation.plots import Bar, Point, bars, reliability

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_as_long_as_their_figures_and_whiskers_as_their_intervals() -> None:
    picture = ET.fromstring(bars([Bar("ours", 0.4, 0.3, 0.5, ".4", True), Bar("a<b", 0.1, 0.1, 0.2, ".1", False)]))
    widths = [float(rect.attrib["width"]) for rect in picture.iter(f"{SVG}rect")]
    assert widths[0] == pytest.approx(4 * widths[1], abs=0.5)
    whisker = next(line for line in picture.iter(f"{SVG}line") if line.attrib["class"] == "whisker")
    assert float(whisker.attrib["x2"]) - float(whisker.attrib["x1"]) == pytest.approx(widths[0] / 2, abs=0.5)
    assert [text.text for text in picture.iter(f"{SVG}text")] == ["ours", ".4", "a<b", ".1"]


def test_negative_figures_reach_left_of_nothing() -> None:
    picture = ET.fromstring(bars([Bar("a", -0.2, -0.4, 0.0, "", False), Bar("b", 0.4, 0.4, 0.4, "", False)]))
    left, right = picture.iter(f"{SVG}rect")
    assert float(left.attrib["x"]) + float(left.attrib["width"]) == pytest.approx(float(right.attrib["x"]), abs=0.2)


def test_a_calibrated_point_lies_on_the_diagonal() -> None:
    picture = ET.fromstring(reliability([Point(0.25, 0.25, 0.2, 0.3, "t"), Point(0.5, 0.9, 0.8, 1.0, "u")]))
    diagonal = next(line for line in picture.iter(f"{SVG}line") if line.attrib["class"] == "diagonal")
    x0, y0, x1, y1 = (float(diagonal.attrib[name]) for name in ("x1", "y1", "x2", "y2"))
    on, above = picture.iter(f"{SVG}circle")
    assert float(on.attrib["cx"]) == pytest.approx(x0 + 0.25 * (x1 - x0), abs=0.1)
    assert float(on.attrib["cy"]) == pytest.approx(y0 + 0.25 * (y1 - y0), abs=0.1)
    assert float(above.attrib["cy"]) < y0 + 0.5 * (y1 - y0)

"""Plots as inline SVG: figures with their intervals, and reliability diagrams. No script, no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 560
_LEFT: Final = 150
_RIGHT: Final = 70
_ROW: Final = 22
_TOP: Final = 8
_SIDE: Final = 300
_PAD: Final = 40


class Bar(NamedTuple):
    """A figure with its interval. ``strong``: drawn in the accent colour."""

    label: str
    value: float
    low: float
    high: float
    text: str
    strong: bool


class Point(NamedTuple):
    """Keys of one bin: what was predicted, and what is true with its interval (shares, 0–1)."""

    predicted: float
    true: float
    low: float
    high: float
    title: str


def bars(found: Sequence[Bar]) -> str:
    """Horizontal bars with whiskers, on one scale that begins at 0 or below."""
    low = min([0.0, *(bar.low for bar in found), *(bar.value for bar in found)])
    high = max([1e-9, *(bar.high for bar in found), *(bar.value for bar in found)])
    room = WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + room * (value - low) / (high - low)

    height = _TOP + _ROW * len(found) + 4
    parts = [_open(WIDTH, height), _line(x(0), _TOP, x(0), height, "axis")]
    for number, bar in enumerate(found):
        y = _TOP + _ROW * number
        start, end = sorted((x(0), x(bar.value)))
        accent = "bar ours" if bar.strong else "bar"
        parts += [
            _text(_LEFT - 8, y + 15, bar.label, "end"),
            f'<rect class="{accent}" x="{start:.1f}" y="{y + 3}" width="{end - start:.1f}" height="{_ROW - 8}"/>',
            _line(x(bar.low), y + 10, x(bar.high), y + 10, "whisker"),
            _text(max(x(bar.high), x(bar.value)) + 6, y + 15, bar.text, "start"),
        ]
    return "".join([*parts, "</svg>"])


def reliability(points: Sequence[Point]) -> str:
    """Predicted against true shares; on the diagonal, probabilities are what they say."""
    room = _SIDE - 2 * _PAD

    def x(share: float) -> float:
        return _PAD + room * share

    def y(share: float) -> float:
        return _SIDE - _PAD - room * share

    parts = [
        _open(_SIDE, _SIDE),
        _line(x(0), y(0), x(1), y(0), "axis"),
        _line(x(0), y(0), x(0), y(1), "axis"),
        _line(x(0), y(0), x(1), y(1), "diagonal"),
        _text(x(0.5), _SIDE - 8, "predicted", "middle"),
        _text(x(0), y(1) - 8, "truly disliked", "middle"),
    ]
    for share in (0.0, 0.5, 1.0):
        parts += [
            _text(x(share), y(0) + 16, f"{share:g}", "middle"),
            _text(x(0) - 6, y(share) + 4, f"{share:g}", "end"),
        ]
    for point in points:
        parts += [
            _line(x(point.predicted), y(point.low), x(point.predicted), y(point.high), "whisker"),
            f'<circle class="ours" cx="{x(point.predicted):.1f}" cy="{y(point.true):.1f}" r="4">'
            f"<title>{escape(point.title)}</title></circle>",
        ]
    return "".join([*parts, "</svg>"])


def _open(width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' role="img">'
    )


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'

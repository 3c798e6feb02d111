"""Small pictures as SVG: made of numbers alone, so nothing in them needs escaping; colours are the stylesheet's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from streamer.events import DAY_MS
from streamer.scoring.buckets import ALL_EDGES
from streamer.scoring.document import Entry
from streamer.scoring.duration import Plays
from streamer.scoring.entries import Days, total_of
from streamer.service.console.words import day_in_words, length
from streamer.serving.decay import multiplier_at, start_of_day

_LEAST_DAYS: Final = 14
_MOST_DAYS: Final = 90
_STEPS: Final = 32


def decay(entry: Entry, now_ms: int) -> Markup:
    """What the entry leaves of a rank, from its last evidence to its end; nothing for one that does not fade."""
    last_day, end = entry.evidence.last_day, entry.expires_at
    if entry.tier == "hard" or last_day is None or end is None or end <= now_ms:
        return Markup()
    begin = min(start_of_day(last_day), now_ms)
    points = []
    for step in range(_STEPS + 1):
        at = begin + (end - begin) * step // _STEPS
        multiplier = multiplier_at(entry, at)
        points.append(f"{4 + 232 * step / _STEPS:.1f},{_height(1.0 if multiplier is None else multiplier):.1f}")
    now = multiplier_at(entry, now_ms) or 0.0
    at_now = 4 + 232 * (now_ms - begin) / (end - begin)
    words = f"Ranked at {now:.0%} today, as if nothing had been by {day_in_words(end)}"
    return _svg(
        240, 64, words,
        f'<path class="base" d="M4 8H236M4 56H236"/><polyline class="fade" points="{" ".join(points)}"/>'
        f'<circle class="now" cx="{at_now:.1f}" cy="{_height(now):.1f}" r="4"/>'
    )  # fmt: skip


def history(days: Days, now_ms: int) -> Markup:
    """By day how often it was seen, chosen, and left early: a row of bars each."""
    if not days:
        return Markup()
    last = max(now_ms // DAY_MS, days[-1][0])
    first = max(min(days[0][0], last - _LEAST_DAYS + 1), last - _MOST_DAYS + 1)
    shown = [(day, cell) for day, cell in days if day >= first]
    wide = 240 / (last - first + 1)
    rows = [
        ("seen", [(day, cell.shown) for day, cell in shown]),
        ("chosen", [(day, cell.engaged) for day, cell in shown]),
        ("left", [(day, cell.abandoned) for day, cell in shown]),
    ]
    most = max((number for _, row in rows for _, number in row), default=0) or 1
    parts = []
    for place, (name, row) in enumerate(rows):
        foot = 22 * (place + 1)
        parts.append(f'<path class="base" d="M0 {foot}H240"/>')
        for day, number in row:
            if number:
                high = max(2.0, 18 * number / most)
                at, broad = (day - first) * wide, max(1.0, wide - 0.6)
                parts.append(
                    f'<rect class="{name}" x="{at:.1f}" y="{foot - high:.1f}" width="{broad:.1f}" height="{high:.1f}"/>'
                )
    total = total_of(days)
    words = (
        f"Since {day_in_words(first * DAY_MS)}: seen {total.shown}, chosen {total.engaged}, left early "
        f"{total.abandoned} times"
    )
    return _svg(240, 68, words, "".join(parts))


def by_length(plays: Mapping[int, Plays], cap_s: int | None) -> Markup:
    """How often they left early by the length of what they played, beside people at large; and where the cap is."""
    edges = [edge for edge in ALL_EDGES if edge in plays]
    if not edges:
        return Markup()
    most = max(max(found.abandoned, found.expected) for found in plays.values()) or 1
    wide, parts = 300 / len(edges), []
    for place, edge in enumerate(edges):
        left = place * wide
        for name, number, shift in (("left", plays[edge].abandoned, 0.12), ("usual", plays[edge].expected, 0.5)):
            high = 80 * number / most
            parts.append(
                f'<rect class="{name}" x="{left + shift * wide:.1f}" y="{90 - high:.1f}" width="{wide * 0.36:.1f}" '
                f'height="{high:.1f}"/>'
            )
        label = f"≤ {_short(edge)}" if edge else f"> {_short(ALL_EDGES[-2])}"
        parts.append(f'<text class="tick" x="{left + wide / 2:.1f}" y="103">{label}</text>')
    parts.append('<path class="base" d="M0 90H300"/>')
    if cap_s is not None:
        at = sum(1 for edge in edges if edge and edge <= cap_s) * wide
        parts.append(f'<path class="cap" d="M{at:.1f} 4V90"/>')
    cap = "" if cap_s is None else f" What is longer than {length(cap_s)} is shown less."
    return _svg(300, 108, f"Left early by length, theirs beside what is usual.{cap}", "".join(parts))


def line(values: Sequence[float], words: str) -> Markup:
    """Values in their order, evenly spaced."""
    if len(values) < 2:
        return Markup()
    most = max(values) or 1.0
    step = 232 / (len(values) - 1)
    points = " ".join(f"{4 + step * at:.1f},{60 - 52 * value / most:.1f}" for at, value in enumerate(values))
    return _svg(240, 64, words, f'<path class="base" d="M4 60H236"/><polyline class="fade" points="{points}"/>')


def _height(multiplier: float) -> float:
    return 56 - 48 * multiplier


def _short(seconds: int) -> str:
    return f"{seconds}s" if seconds < 120 else f"{seconds / 60:g}m"


def _svg(width: int, height: int, words: str, *parts: str) -> Markup:
    inside: Iterable[str] = (f"<title>{Markup.escape(words)}</title>", *parts)
    return Markup(f'<svg viewBox="0 0 {width} {height}" role="img" class="chart">{"".join(inside)}</svg>')

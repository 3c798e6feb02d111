"""Figures as people read them."""

from __future__ import annotations

from lab.evaluation.bootstrap import Estimate


def value_in_words(value: float, unit: str) -> str:
    """A figure: unit "%" is a share, "n" a count, "" a score from 0 to 1.

    >>> value_in_words(0.123, "%"), value_in_words(0.0012, "%"), value_in_words(12.34, "n"), value_in_words(0.305, "")
    ('12%', '0.1%', '12.3', '.305')
    """
    if unit == "%":
        return f"{value:.0%}" if abs(value) >= 0.0995 or value == 0 else f"{value:.1%}"
    if unit == "n":
        return f"{value:.1f}"
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def interval_in_words(found: Estimate, unit: str) -> str:
    """The ends of a figure's interval; for a share that is 0 or all, which has none, what it is of.

    >>> interval_in_words(Estimate(0.3, 0.25, 0.36, 100, 100), ""), interval_in_words(Estimate(0, 0, 0, 9, 523), "%")
    ('.250–.360', 'of 523')
    """
    if unit == "%" and found.low == found.high and found.value in (0, 1):
        return f"of {found.of:,.0f}"
    return f"{value_in_words(found.low, unit)}–{value_in_words(found.high, unit)}"

"""Integers for everything that is added: millionths and thousandths, rounded half up (spec §5)."""

from math import floor


def micro(value: float) -> int:
    """``value`` in whole millionths.

    >>> micro(0.0000005), micro(-0.0000005), micro(2.0)
    (1, 0, 2000000)
    """
    return floor(value * 1e6 + 0.5)


def milli(value: float) -> int:
    """``value`` in whole thousandths.

    >>> milli(0.57735)
    577
    """
    return floor(value * 1e3 + 0.5)


def places4(value: float) -> float:
    """``value`` rounded to four places, never -0.0 (spec §9).

    >>> places4(0.28571), places4(-0.00001)
    (0.2857, 0.0)
    """
    return round(value, 4) + 0.0

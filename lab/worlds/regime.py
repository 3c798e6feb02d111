"""Regimes: how an app shows things, and how often people take what they see."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Regime(Struct, frozen=True):
    """One kind of app.

    Attributes:
        name: as on the command line.
        what: one line for people.
        start_rate: least and greatest chance that a user starts a neutral item they examined.
        page: items on one screenful; positions run from 0 to page − 1.
        unseen: share of showings that never come into view.
        reported_seen: share of those that the app reports as seen all the same.
    """

    name: str
    what: str
    start_rate: tuple[float, float]
    page: int
    unseen: float
    reported_seen: float


REGIMES: Final = {
    each.name: each
    for each in (
        Regime("feed", "two items a screen, some 30 % of showings are started", (0.25, 0.6), 2, 0.15, 0.1),
        Regime("browse", "eight items a screen, some 5 % of showings are started", (0.05, 0.16), 8, 0.15, 0.1),
        Regime("feed-blind", "feed, but of what is reported as seen 40 % never was", (0.35, 0.85), 2, 0.4, 1.0),
        Regime("browse-blind", "browse, but of what is reported as seen 40 % never was", (0.07, 0.23), 8, 0.4, 1.0),
    )
}
"""Regimes by name. ``feed`` and ``browse`` are those of spec §11; so are the blind ones, of weak viewability data."""

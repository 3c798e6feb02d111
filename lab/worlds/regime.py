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
        taste: how much tags matter, 0–1: a tag's ratio acts to this power, and what only a tag speaks against is left
            early, or complained of, in this share of the cases.
    """

    name: str
    what: str
    start_rate: tuple[float, float]
    page: int
    unseen: float
    reported_seen: float
    taste: float = 1.0


_SIGMA: Final = 0.344
"""Standard deviation of the log of tags' ratios, over all users and tags."""
_FAINT, _FAINTER = 0.17 / _SIGMA, 0.08 / _SIGMA

REGIMES: Final = {
    each.name: each
    for each in (
        Regime("feed", "two items a screen, some 30 % of showings are started", (0.25, 0.6), 2, 0.15, 0.1),
        Regime("browse", "eight items a screen, some 5 % of showings are started", (0.05, 0.16), 8, 0.15, 0.1),
        Regime("feed-blind", "feed, but of what is reported as seen 40 % never was", (0.35, 0.85), 2, 0.4, 1.0),
        Regime("feed-17", "feed, lasting taste for tags σ .17 as on films", (0.25, 0.6), 2, 0.15, 0.1, _FAINT),
        Regime("feed-08", "feed, lasting taste for tags σ .08 as on videos", (0.25, 0.6), 2, 0.15, 0.1, _FAINTER),
        Regime("browse-17", "browse, but tastes as in feed-17", (0.05, 0.16), 8, 0.15, 0.1, _FAINT),
        Regime("browse-08", "browse, but tastes as in feed-08", (0.05, 0.16), 8, 0.15, 0.1, _FAINTER),
        Regime("browse-blind", "browse, but of what is reported as seen 40 % never was", (0.07, 0.23), 8, 0.4, 1.0),
    )
}
"""Regimes by name. ``feed`` and ``browse`` are those of spec §11; so are the blind ones, of weak viewability data. The
others' tastes are as small as they are on real data: σ is the standard deviation of the log rate ratio once item appeal
and the user's own rate are taken out."""

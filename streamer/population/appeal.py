"""How much all users together engage with a tag, as a ratio to what is expected of it (spec §10)."""

from __future__ import annotations

from typing import Final

from streamer.population.totals import Totals
from streamer.scoring.score import rate_ratio

LEAN: Final = 100.0
"""Engagements, as expected, that are added to a tag's own."""

USERS: Final = 200
"""Users by whose number half of what the ratio says is believed: a few with a taste of their own make a ratio, too."""


class Appeal:
    """Every tag's rate ratio over all users, held against that of all tags.

    Expectations lean on habits and constants, so all tags together may well get twice what is expected of them; what
    tells one from another is the rest.

    Args:
        totals: the sums over all users.

    Of a hundred engagements expected 50 came for gore and 150 for cats, 100 for all: (100 + 50) ÷ (100 + 100) = .75.

    >>> from streamer.population.sums import TagSums
    >>> totals = Totals()
    >>> totals.tags["gore"] = TagSums(users=200, o=50_000_000, e=100_000_000)
    >>> totals.tags["cats"] = TagSums(users=200, o=150_000_000, e=100_000_000)
    >>> Appeal(totals).of("gore"), Appeal(totals).of("cats"), Appeal(totals).of("news")
    (0.75, 1.25, 1.0)
    """

    def __init__(self, totals: Totals) -> None:
        self._counts = counts = {tag: (sums.o, sums.e) for tag, sums in totals.tags.items()}
        for tags in totals.cohorts.values():
            for tag, sums in tags.items():
                o, e = counts.get(tag, (0, 0))
                counts[tag] = o + sums.o, e + sums.e
        observed = sum(max(0, o) for o, _ in counts.values())
        expected = sum(max(0, e) for _, e in counts.values())
        self._usual = observed / expected if observed and expected else 0.0

    def of(self, tag: str) -> float:
        """Of this tag; 1: as of all tags, or unknown."""
        observed, expected = self._counts.get(tag, (0, 0))
        if not self._usual:
            return 1.0
        return rate_ratio(max(0, observed) / 1e6, max(0, expected) * self._usual / 1e6, LEAN)


def believed(users: int) -> float:
    """How much of what a tag's rate ratio says is believed, 0–1.

    >>> believed(0), believed(200), believed(-3)
    (0.0, 0.5, 0.0)
    """
    return max(0, users) / (max(0, users) + USERS)

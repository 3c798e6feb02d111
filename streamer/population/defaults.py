"""Default lists: what newcomers of a cohort, or anybody, are better not shown (spec §9, §10).

Tags that a whole cohort engages with half as much as its members' own habits lead one to expect. Always soft, and never
below .3: what most dislike, a newcomer may like.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from streamer.events import DAY_MS
from streamer.population.sums import CohortSums
from streamer.population.totals import Totals
from streamer.scoring.assemble import assemble
from streamer.scoring.creators import CONTENT_ENTRY_DAYS
from streamer.scoring.document import Document, Entry, Evidence
from streamer.scoring.entries import iso_day
from streamer.scoring.score import rate_ratio
from streamer.signals.rounding import places4

ALPHA: Final = 20.0
MOST_RATIO: Final = 0.5
LEAST_EXPECTED: Final = 50.0
LEAST_MULTIPLIER: Final = 0.3

ALL: Final = "~all"


def list_name(cohort: str | None) -> str:
    """How a default list is named: as a user's document is by their id.

    >>> list_name(None), list_name("de")
    ('~all', '~cohort:de')
    """
    return ALL if cohort is None else f"~cohort:{cohort}"


def default_ratio(observed: int, expected: int) -> float | None:
    """λ of a tag over many users (α = 20) if it is reason enough for a default list, else None.

    Args:
        observed: O, millionths.
        expected: E, millionths.

    Of 80 engagements that were expected 25 came: (20 + 25) ÷ (20 + 80) = .45.

    >>> default_ratio(25_000_000, 80_000_000), default_ratio(35_000_000, 80_000_000), default_ratio(0, 49_000_000)
    (0.45, None, None)
    """
    if expected < LEAST_EXPECTED * 1e6:
        return None
    ratio = rate_ratio(max(0, observed) / 1e6, expected / 1e6, ALPHA)
    return ratio if ratio <= MOST_RATIO else None


def default_lists(
    totals: Totals, as_of: int, avoid_tiers: Collection[str], entries_max: int
) -> Iterator[tuple[str, Document]]:
    """The default lists that have entries: (name, document), everybody's first.

    Args:
        totals: the sums over all users.
        as_of: now, ms.
        avoid_tiers: tiers whose values stand in ``avoid``.
        entries_max: entries kept.
    """
    everybody = {tag: CohortSums(sums.o, sums.e) for tag, sums in totals.tags.items()}
    for of_cohort in totals.cohorts.values():
        for tag, sums in of_cohort.items():
            everybody.setdefault(tag, CohortSums()).add(sums)
    groups: list[tuple[str | None, Mapping[str, CohortSums]]] = [(None, everybody), *sorted(totals.cohorts.items())]
    for group, tags in groups:
        entries = [entry for tag, sums in tags.items() if (entry := _entry(tag, sums, as_of)) is not None]
        if entries:
            name = list_name(group)
            yield name, assemble(name, as_of, group, entries, {}, avoid_tiers, entries_max)


def _entry(tag: str, sums: CohortSums, as_of: int) -> Entry | None:
    ratio = default_ratio(sums.o, sums.e)
    if ratio is None:
        return None
    day = as_of // DAY_MS
    return Entry(
        kind="tag",
        value=tag,
        context=None,
        tier="soft",
        multiplier=places4(max(LEAST_MULTIPLIER, ratio)),
        log_odds=None,
        reasons=("cohort",),
        evidence=Evidence(
            expected=places4(sums.e / 1e6),
            observed=places4(sums.o / 1e6),
            first_day=iso_day(day),
            last_day=iso_day(day),
        ),
        since=day * DAY_MS,
        expires_at=(day + CONTENT_ENTRY_DAYS) * DAY_MS,
    )

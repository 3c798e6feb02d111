"""Habits of the hour or the device: a tag that is disliked in one context and not as such (spec §7).

A tag's counts split by context, so a context's O and E are parts of the tag's. It is judged like a tag, but must
stand out: L ≥ 0 in the context, and 1.5 nats (odds 4.5 times as high) above the tag's own L.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from streamer.events import DAY_MS
from streamer.scoring import score
from streamer.scoring.document import Entry
from streamer.scoring.entries import HAIR, Days, Scored, evidence_of, listed_multiplier, reasons_of, total_of
from streamer.signals.rounding import places4

Context = tuple[str, str]
"""(dimension, value), for example ("daypart", "morning")."""

LIFT: Final = 1.5
"""Nats. A like weighs just as much, so a lift of exactly this is met often."""

MOST_PER_EXPECTED: Final = 0.83
"""The most that L rises per expected engagement: its slope at O = E = 0, −2/8 + .92·20/20 + .08·4/2; it only falls."""


def most_log_odds(expected: float, blamed: float, prior: float) -> float:
    """An upper bound of L, whatever was observed, by expected engagements and explicit evidence (nats).

    >>> round(most_log_odds(2, 0, .04), 2), round(score.log_odds(0, 2, 0, .04), 2)
    (-1.52, -1.67)
    """
    return score.logit(prior) + MOST_PER_EXPECTED * expected + blamed


class InContext(NamedTuple):
    """A tag in one context: its counts there, and their score."""

    context: Context
    days: Days
    scored: Scored


def context_entries(tag: str, disliked: Sequence[InContext], tag_log_odds: float, as_of: int) -> tuple[Entry, ...]:
    """The entries of a tag in those contexts that stand out. That the tag itself has none is for the caller to see.

    Args:
        tag: the tag.
        disliked: contexts with L ≥ 0.
        tag_log_odds: L of the tag over all contexts, as of its own last evidence day.
        as_of: ms; an entry that has expired by then is none.
    """
    return tuple(
        _entry(tag, each)
        for each in disliked
        if each.scored.log_odds - tag_log_odds >= LIFT - HAIR and each.scored.expires_at > as_of
    )


def _entry(tag: str, found: InContext) -> Entry:
    days, scored = found.days, found.scored
    counts = total_of(days)
    dimension, value = found.context
    return Entry(
        kind="tag",
        value=tag,
        context={dimension: value},
        tier="soft",
        multiplier=places4(listed_multiplier(scored, score.ALPHA_TAG)),
        log_odds=places4(scored.log_odds),
        reasons=reasons_of(counts, scored.explicit > 0, 2, set()),
        evidence=evidence_of(days, counts, scored.last_day, scored),
        since=days[0][0] * DAY_MS,
        expires_at=scored.expires_at,
    )

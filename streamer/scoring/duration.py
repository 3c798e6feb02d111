"""The duration cap: the length above which a user leaves more often than below it (spec §8).

Plays fall into buckets by the item's duration. If abandonments are Poisson around what was expected, the log
likelihood ratio of "more on one side of this edge" to "the same everywhere" is, for a, e on each side,

    G = x(a_head, e_head) + x(a_tail, e_tail) − x(A, E),    x(a, e) = a·ln(a ÷ e)

The edge of the greatest G is the maximum likelihood change point: Kulldorff's scan statistic (1997, "A spatial scan
statistic", Poisson model) in one dimension, over windows that end at the longest duration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log
from typing import Final, NamedTuple

from streamer.events import DAY_MS
from streamer.scoring.buckets import EDGES
from streamer.scoring.document import Entry, Evidence
from streamer.scoring.entries import iso_day

LEAST_PLAYS: Final = 6
LEAST_GAIN: Final = 5.0
LEAST_RATIO: Final = 1.25
PRIOR: Final = 4.0
"""Abandonments as expected that are added to both sides of a ratio."""
TIE: Final = 1e-9
"""Gains no further apart than this are equal: rounding does not choose between edges without plays in between."""

LEAST_DAYS: Final = 3
"""Days on which something above the cap was left early: one long sitting says little about all others."""

MULTIPLIER: Final = 0.5
CAP_DAYS: Final = 90
"""Days after the last play that the cap lasts."""


class Plays(NamedTuple):
    """The plays of one bucket: how many, undecayed; decayed, how many people at large abandon, and how many were."""

    number: int
    expected: float
    abandoned: float


def cap(buckets: Mapping[int, Plays]) -> int | None:
    """The longest duration (s) before the user's patience ends; None: it ends at none.

    Args:
        buckets: by upper edge.

    Of twenty plays of a minute two were abandoned, of twenty of eight minutes sixteen; 7 each are usual. This user
    abandons (18 + 4) ÷ (14 + 4) times as much, so E = 8.56 each: G = −2.91 + 10.02 − .91 = 6.2, the ratio
    20/12.56 ÷ 6/12.56 = 3.3. All edges from 60 to 360 part them; 360 is the greatest.

    >>> cap({60: Plays(20, 7.0, 2.0), 480: Plays(20, 7.0, 16.0)})
    360
    >>> cap({60: Plays(20, 7.0, 8.0), 480: Plays(20, 7.0, 10.0)}) is None
    True
    """
    split = best_split(buckets)
    return None if split is None or not split.holds else split.edge


class Split(NamedTuple):
    """What parting the plays at an edge (s) says: G in nats, and how much more is abandoned above it."""

    edge: int
    gain: float
    ratio: float

    @property
    def holds(self) -> bool:
        """Whether it is evidence enough for a cap."""
        return self.gain >= LEAST_GAIN and self.ratio >= LEAST_RATIO


def best_split(buckets: Mapping[int, Plays]) -> Split | None:
    """Of the edges with enough plays on both sides that of the greatest G: of those that hold, if any holds."""
    count = sum(plays.number for plays in buckets.values())
    if count < 2 * LEAST_PLAYS:
        return None
    abandoned = sum(plays.abandoned for plays in buckets.values())
    usual = sum(plays.expected for plays in buckets.values())
    own = (abandoned + PRIOR) / (usual + PRIOR)
    expected = usual * own
    whole = _fit(abandoned, expected)
    best: Split | None = None
    below, head_abandoned, head_expected = 0, 0.0, 0.0
    for edge in EDGES:
        plays = buckets.get(edge)
        if plays is not None:
            below += plays.number
            head_abandoned += plays.abandoned
            head_expected += plays.expected * own
        if below < LEAST_PLAYS:
            continue
        if count - below < LEAST_PLAYS:
            break
        tail_abandoned, tail_expected = abandoned - head_abandoned, expected - head_expected
        gain = _fit(head_abandoned, head_expected) + _fit(tail_abandoned, tail_expected) - whole
        ratio = (tail_abandoned + PRIOR) / (tail_expected + PRIOR) * (head_expected + PRIOR) / (head_abandoned + PRIOR)
        split = Split(edge, gain, ratio)
        if best is None or split.holds > best.holds or (split.holds == best.holds and gain >= best.gain - TIE):
            best = split
    return best


class Side(NamedTuple):
    """Plays on one side of a split, and how many of them were left early; both undecayed."""

    plays: int
    abandoned: int


def told_by(side: Side, everything: Side) -> float:
    """How much a split of all plays tells of leaving, nats: the same G, with what is left early spread over all alike.

    >>> round(told_by(Side(9, 9), Side(20, 9)), 2), told_by(Side(20, 9), Side(20, 9))
    (7.19, 0.0)
    """
    share = everything.abandoned / everything.plays
    rest = Side(everything.plays - side.plays, everything.abandoned - side.abandoned)
    return _fit(side.abandoned, share * side.plays) + _fit(rest.abandoned, share * rest.plays)


def is_explained(above: Side, keys: Iterable[Side], everything: Side) -> bool:
    """Whether one tag or creator tells as much of what is left early as the cap does.

    Args:
        above: what lies above the cap.
        keys: the plays of each tag and creator that may, of any length; no more count than there are in all.
        everything: all plays of known length.
    """
    least = told_by(above, everything) - TIE
    for plays, abandoned in keys:
        key = Side(min(plays, everything.plays), min(abandoned, everything.abandoned))
        more = key.abandoned * everything.plays > everything.abandoned * key.plays
        if more and told_by(key, everything) >= least:
            return True
    return False


def _fit(abandoned: float, expected: float) -> float:
    """x(a, e), 0 where nothing was abandoned."""
    return abandoned * log(abandoned / expected) if abandoned > 0 and expected > 0 else 0.0


def duration_entry(edge: int, first_day: int, last_day: int, as_of: int) -> Entry | None:
    """The entry of a cap; None if it has expired.

    Args:
        edge: the cap, seconds.
        first_day: the first day with a play.
        last_day: the last day with a play.
        as_of: ms; an entry that has expired by then is none.
    """
    expires_at = (last_day + CAP_DAYS) * DAY_MS
    if expires_at <= as_of:
        return None
    return Entry(
        kind="duration",
        value=edge,
        context=None,
        tier="soft",
        multiplier=MULTIPLIER,
        log_odds=None,
        reasons=("too_long",),
        evidence=Evidence(first_day=iso_day(first_day), last_day=iso_day(last_day)),
        since=first_day * DAY_MS,
        expires_at=expires_at,
    )

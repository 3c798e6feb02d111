"""Entries of the avoid list: which keys are listed, how strongly, why and until when (spec §7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from streamer.events import DAY_MS
from streamer.scoring import score
from streamer.scoring.counts import CREATOR, TAG, Cell
from streamer.scoring.creators import ONE_DAY_DAYS, Row, left_again, one_and_done
from streamer.scoring.document import Entry, Evidence, Kind, Reason
from streamer.scoring.priors import Priors
from streamer.scoring.taken_back import engaged_since_said, outweighed
from streamer.signals.rounding import places4

Days = Sequence[tuple[int, Cell]]
"""A key's counts by day, ascending, days without a nonzero number left out."""

LISTED_EXPECTED: Final = {TAG: 1.5, CREATOR: 1.0}
"""Engagements expected, by kind: little is known of an item's tags one by one, of which there are several."""
LISTED_EXPLICIT = 1.5
HAIR: Final = 1e-9
"""Whole numbers of plays and likes make sums of exactly these thresholds: rounding must not decide."""


class Scored(Struct, frozen=True, gc=False):
    """A key's decayed sums as of its last evidence day (engagements, nats), and the log odds they give.

    ``observed``: without those of what was returned.

    ``taken_back``: it is engaged with as much as was expected, whatever was said of it; ``one_day``: all that speaks
    against it is of one day, and what was said alone does not list it. Both are told of likely keys only.
    """

    kind: str
    observed: float
    expected: float
    explicit: float
    last_day: int
    log_odds: float
    expires_at: int
    taken_back: bool
    one_day: bool = False


class Scorer:
    """Scores keys and makes their entries.

    Args:
        half_life_days: days after which evidence weighs half.
        expiry: when listed keys expire.
        priors: how likely any user is to dislike a key (π).
    """

    def __init__(self, half_life_days: float, expiry: score.Expiry, priors: Priors) -> None:
        self._half_life_days = half_life_days
        self._expiry = expiry
        self._priors = priors

    def prior(self, kind: str, value: str) -> float:
        """π of a tag or creator, of a tag in all contexts alike."""
        return self._priors.prior_of(kind, value)

    def nothing_known(self, kind: str, value: str) -> float:
        """L of a key without evidence."""
        return score.logit(self.prior(kind, value))

    def score(self, kind: str, value: str, days: Days) -> Scored | None:
        """The score of a tag or creator with these counts; None if nothing but counts is known of it."""
        last_day = next((day for day, cell in reversed(days) if cell.has_evidence), None)
        if last_day is None:
            return None
        observed = expected = explicit = returned = 0.0
        for day, cell in days:
            decay = 2 ** ((day - last_day) / self._half_life_days) / 1e6
            observed += cell.o * decay
            expected += cell.e * decay
            explicit += cell.ld * decay
            if cell.stated:
                returned += cell.returned * decay
        observed = max(0.0, observed - returned * 1e6)
        prior = self.prior(kind, value)
        log_odds = score.log_odds(observed, expected, explicit, prior)
        left, taken_back, one_day = 0, False, False
        if log_odds >= score.KEPT:
            left = self._expiry.days_left(observed, expected, explicit, prior)
            one_day = explicit < LISTED_EXPLICIT - HAIR and is_of_one_day(days)
            left = min(left, ONE_DAY_DAYS) if one_day else left
            taken_back = outweighed(observed, expected) or engaged_since_said(days)
        expires_at = (last_day + left) * DAY_MS
        return Scored(kind, observed, expected, explicit, last_day, log_odds, expires_at, taken_back, one_day)

    def key_entry(
        self, kind: Kind, value: str, days: Days, scored: Scored | None, was_listed: bool, as_of: int
    ) -> Entry | None:
        """The implicit entry of a tag or creator; None if there is none.

        Args:
            kind: tag or creator.
            value: which.
            days: its counts.
            scored: their score.
            was_listed: whether it was listed when last touched, and that has not expired.
            as_of: ms; an entry that has expired by then is none.
        """
        if scored is None:
            return None
        rows = [] if kind == TAG else [row for row in (one_and_done(days), left_again(days)) if row is not None]
        if is_listed(scored, was_listed):
            strong = scored.log_odds >= score.STRONG and not scored.one_day
            multiplier = listed_multiplier(scored, score.ALPHA_TAG if kind == TAG else score.ALPHA_CREATOR)
            rows.append(Row("strong" if strong else "soft", multiplier, scored.expires_at))
        rows = [row for row in rows if row.expires_at > as_of]
        if not rows:
            return None
        counts = total_of(days)
        own: set[Reason] = {row.reason for row in rows if row.reason is not None}
        return Entry(
            kind=kind,
            value=value,
            context=None,
            tier="strong" if any(row.tier == "strong" for row in rows) else "soft",
            multiplier=places4(min(row.multiplier for row in rows)),
            log_odds=places4(scored.log_odds),
            reasons=reasons_of(counts, scored.explicit > 0, 2, own),
            evidence=evidence_of(days, counts, scored.last_day, scored),
            since=days[0][0] * DAY_MS,
            expires_at=max(row.expires_at for row in rows),
        )


def is_of_one_day(days: Days) -> bool:
    """Whether what speaks against a key, more expected of it than observed, or said, is of one day at most."""
    return sum(cell.e > cell.o or cell.ld > 0 for _, cell in days) <= 1


def is_listed(scored: Scored, was_listed: bool) -> bool:
    """Whether a key is listed: enough evidence and odds, or not yet below the lower cut (hysteresis)."""
    if scored.taken_back:
        return False
    enough = scored.expected >= LISTED_EXPECTED[scored.kind] - HAIR or scored.explicit >= LISTED_EXPLICIT - HAIR
    if enough and scored.log_odds >= score.LISTED:
        return True
    return was_listed and scored.log_odds >= score.KEPT


def listed_multiplier(scored: Scored, alpha: float) -> float:
    """What a listed key's relevance is multiplied by: λ, with stated dislikes at most 1 − p; .1 to 1.

    Args:
        scored: its score.
        alpha: what λ leans on, in engagements.
    """
    likely = 1 - score.sigmoid(scored.log_odds) if scored.explicit > 0 else 1.0
    return max(0.1, min(1.0, score.rate_ratio(scored.observed, scored.expected, alpha), likely))


def hard_entry(kind: Kind, value: str, since: int, until: int | None) -> Entry:
    """The entry of an explicit exclusion (times ms)."""
    return Entry(kind, value, None, "hard", 0.0, None, ("explicit",), Evidence(), since, until)


def total_of(days: Days) -> Cell:
    """The undecayed counts over all days."""
    counts = Cell()
    for _, cell in days:
        counts.add(cell)
    return counts


def iso_day(day: int) -> str:
    """A day as text.

    >>> iso_day(20332)
    '2025-09-01'
    """
    return date.fromordinal(day + _EPOCH).isoformat()


_EPOCH = date(1970, 1, 1).toordinal()


def reasons_of(counts: Cell, explicit: bool, least_abandoned: int, own: set[Reason]) -> tuple[Reason, ...]:
    """The reasons that fit, in the order of spec §7.

    Args:
        counts: undecayed, over all days.
        explicit: whether there is explicit evidence against the key.
        least_abandoned: abandonments that make a reason.
        own: reasons that hold by the entry's own rule.
    """
    abandoned = counts.abandoned >= least_abandoned and 2 * counts.abandoned >= counts.started
    ignored = counts.ignored > 0 and 2 * counts.ignored >= counts.shown
    fitting: list[tuple[Reason, bool]] = [
        ("explicit", explicit),
        ("abandoned", abandoned),
        ("one_and_done", False),
        ("ignored", ignored),
        ("returned", counts.returned > 0),
        ("low_rating", counts.low_rating > 0),
    ]
    return tuple(reason for reason, fits in fitting if fits or reason in own) or ("below_own_rate",)


def evidence_of(days: Days, counts: Cell, last_day: int, scored: Scored | None) -> Evidence:
    """What an entry rests on: its days, their undecayed sum, and the decayed sums it was scored from, if it was."""
    return Evidence(
        shown=counts.shown,
        started=counts.started,
        abandoned=counts.abandoned,
        engaged=counts.engaged,
        ignored=counts.ignored,
        sessions=counts.sessions,
        expected=0.0 if scored is None else places4(scored.expected),
        observed=0.0 if scored is None else places4(scored.observed),
        explicit=0.0 if scored is None else places4(scored.explicit),
        first_day=iso_day(days[0][0]),
        last_day=iso_day(last_day),
    )

"""The least evidence with which a key can have an entry at all: cheap bounds that spare most keys their score."""

from __future__ import annotations

from typing import Final, NamedTuple

from streamer.scoring.contextual import MOST_PER_EXPECTED
from streamer.scoring.counts import CREATOR, TAG
from streamer.scoring.creators import ONE_AND_DONE_EXPECTED
from streamer.scoring.entries import LISTED_EXPECTED, LISTED_EXPLICIT
from streamer.scoring.priors import Priors
from streamer.scoring.score import KEPT, STRONG, logit

MARGIN: Final = 1 - 1e-6
"""Bounds are taken this much lower, so that rounding never decides."""


class _StandOut(NamedTuple):
    """What e and ld must raise a tag's L by, at least, for any of its contexts to have an entry: ``ever``, for L ≥ 0 on
    some day, and ``now``, for L ≥ −1.5 by now."""

    ever: float
    now: float

    @classmethod
    def of(cls, prior: float) -> _StandOut:
        """For a tag with this π."""
        nothing_known = logit(prior)
        return cls(STRONG - nothing_known - 1e-6, KEPT - nothing_known - 1e-6)


class Bounds:
    """The bounds of a deployment under one snapshot of the population.

    They go by what was ``expected`` of a key (engagements) and what it is ``blamed`` for (its positive ld alone, nats),
    both decayed. Whatever was observed or said for it only lowers L, and a context has no more of either than its tag.

    Args:
        most_decay: what is left of evidence when it leaves the window, 0–1.
        priors: how likely any user is to dislike a key (π).

    Attributes:
        unblamed: engagements expected, by kind, below which a key that is blamed for nothing is not :meth:`listable`.
    """

    def __init__(self, most_decay: float, priors: Priors) -> None:
        self._usual = usual = _StandOut.of(priors.prior)
        self._suspects = {t: _StandOut.of(prior) for t, prior in priors.tags.items() if prior > priors.prior}
        """Tags that more people than usual dislike, whose contexts need less; for others the usual bound is safe."""
        in_context = usual.now - MOST_PER_EXPECTED * LISTED_EXPECTED[TAG]
        one_and_done = ONE_AND_DONE_EXPECTED / 1e6 * most_decay
        expected = {TAG: LISTED_EXPECTED[TAG], CREATOR: min(LISTED_EXPECTED[CREATOR], one_and_done)}
        self._expected = {kind: least * MARGIN for kind, least in expected.items()}
        self._blamed = {TAG: min(LISTED_EXPLICIT * MARGIN, in_context), CREATOR: LISTED_EXPLICIT * MARGIN}
        suspected = [suspect.now / MOST_PER_EXPECTED for suspect in self._suspects.values()]
        least = 0.0 if in_context <= 0 else min([self._expected[TAG], *suspected])
        self.unblamed = {TAG: least, CREATOR: self._expected[CREATOR]}

    def listable(self, kind: str, value: str, expected: float, blamed: float) -> bool:
        """Whether a tag or creator could be listed, be one-and-done, or as a tag have an entry in some context.

        Args:
            kind: tag or creator.
            value: which.
            expected, blamed: as of its last evidence day: an entry that has not expired has L ≥ −1.5 by now.
        """
        if expected >= self._expected[kind] or blamed >= self._blamed[kind]:
            return True
        suspect = self._suspects.get(value) if kind == TAG else None
        return suspect is not None and MOST_PER_EXPECTED * expected + blamed >= suspect.now

    def stands_out(self, tag: str, most_ever: float, most_now: float) -> bool:
        """Whether any context of a tag could have an entry.

        Args:
            tag: the tag.
            most_ever: the most that all its evidence can raise L by (:func:`raises`) as of its first day.
            most_now: the same as of today.
        """
        least = self._suspects.get(tag, self._usual)
        return most_ever >= least.ever and most_now >= least.now


def raises(expected: float, blamed: float = 0.0) -> float:
    """The most that evidence can raise L by, nats."""
    return MOST_PER_EXPECTED * expected + blamed

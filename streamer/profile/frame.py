"""The rising frame: decay that never has to be applied (Cormode, Shkapenyuk, Srivastava, Xu 2009)."""

from __future__ import annotations

from typing import Final

from streamer.scoring.contextual import MOST_PER_EXPECTED
from streamer.scoring.counts import CREATOR, TAG
from streamer.scoring.entries import LISTED_EXPECTED, LISTED_EXPLICIT, ONE_AND_DONE_EXPECTED
from streamer.scoring.score import KEPT, STRONG, logit

MOST_HALF_LIVES: Final = 400
"""Half-lives a day may lie from the frame's origin: 2^±400 and its products stay far inside a float's range."""

MARGIN: Final = 1 - 1e-6
"""Cheap bounds are taken this much lower, so that rounding never decides."""


class Frame:
    """The decay of a deployment, worked out once for every distance of days.

    Args:
        half_life_days: days after which evidence weighs half.
        window_days: days after which it is gone.
        prior: π, the probability that a user dislikes a key.
    """

    def __init__(self, half_life_days: float, window_days: int, prior: float) -> None:
        self.window_days = window_days
        self.most_days = half_life_days * MOST_HALF_LIVES
        self._half_life_days = half_life_days
        self._growths: dict[int, float] = {}
        most_decay = 2 ** (-window_days / half_life_days)
        one_and_done = ONE_AND_DONE_EXPECTED / 1e6 * most_decay
        self.least_expected = {TAG: LISTED_EXPECTED * MARGIN, CREATOR: min(LISTED_EXPECTED, one_and_done) * MARGIN}
        """Decayed e below which a key of this kind can be neither listed nor one-and-done."""
        nothing_known = logit(prior)
        in_context = KEPT - nothing_known - MOST_PER_EXPECTED * LISTED_EXPECTED - 1e-6
        self.least_blamed = {TAG: min(LISTED_EXPLICIT * MARGIN, in_context), CREATOR: LISTED_EXPLICIT * MARGIN}
        """Decayed positive ld (nats) below which, if e is less than that, it is not listed, nor in any context: an
        entry that has not expired has L ≥ −1.5 by now, and a context has no more e and positive ld than its tag."""
        self.least_ever = STRONG - nothing_known - 1e-6
        self.least_now = KEPT - nothing_known - 1e-6
        """What e and ld must raise L by, at least, for L ≥ 0 on some day, and L ≥ −1.5 by now."""

    def growth(self, days: int) -> float:
        """2^(days/half-life)."""
        growth = self._growths.get(days)
        if growth is None:
            growth = self._growths[days] = 2.0 ** min(days / self._half_life_days, 2.0 * MOST_HALF_LIVES)
        return growth

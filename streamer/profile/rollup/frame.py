"""The rising frame: decay that never has to be applied (Cormode, Shkapenyuk, Srivastava, Xu 2009)."""

from __future__ import annotations

from typing import Final, NamedTuple

from streamer.scoring.contextual import MOST_PER_EXPECTED
from streamer.scoring.counts import CREATOR, TAG
from streamer.scoring.entries import LISTED_EXPECTED, LISTED_EXPLICIT, ONE_AND_DONE_EXPECTED
from streamer.scoring.priors import Priors
from streamer.scoring.score import KEPT, STRONG, logit

MOST_HALF_LIVES: Final = 400
"""Half-lives a day may lie from the frame's origin: 2^±400 and its products stay far inside a float's range."""

MARGIN: Final = 1 - 1e-6
"""Cheap bounds are taken this much lower, so that rounding never decides."""


class StandOut(NamedTuple):
    """What e and ld must raise a tag's L by, at least, for any of its contexts to have an entry: ``ever``, for L ≥ 0 on
    some day, and ``now``, for L ≥ −1.5 by now."""

    ever: float
    now: float

    @classmethod
    def of(cls, prior: float) -> StandOut:
        """For a tag with this π."""
        nothing_known = logit(prior)
        return cls(STRONG - nothing_known - 1e-6, KEPT - nothing_known - 1e-6)


class Frame:
    """The decay of a deployment, worked out once for every distance of days.

    Args:
        half_life_days: days after which evidence weighs half.
        window_days: days after which it is gone.
        population: how likely any user is to dislike a key (π).
    """

    def __init__(self, half_life_days: float, window_days: int, population: Priors) -> None:
        self.window_days = window_days
        self.most_days = half_life_days * MOST_HALF_LIVES
        self._half_life_days = half_life_days
        self._growths: dict[int, float] = {}
        most_decay = 2 ** (-window_days / half_life_days)
        one_and_done = ONE_AND_DONE_EXPECTED / 1e6 * most_decay
        least = {TAG: LISTED_EXPECTED[TAG], CREATOR: min(LISTED_EXPECTED[CREATOR], one_and_done)}
        self.least_expected = {kind: expected * MARGIN for kind, expected in least.items()}
        """Decayed e below which a key of this kind can be neither listed nor one-and-done."""
        self.adopt(population)

    def adopt(self, population: Priors) -> None:
        """Takes over what is known of everybody."""
        usual = StandOut.of(population.prior)
        in_context = usual.now - MOST_PER_EXPECTED * LISTED_EXPECTED[TAG]
        self.least_blamed = {TAG: min(LISTED_EXPLICIT * MARGIN, in_context), CREATOR: LISTED_EXPLICIT * MARGIN}
        """Decayed positive ld (nats) below which, if e is less than that, it is not listed, nor, but for suspects, in
        any context: an entry that has not expired has L ≥ −1.5 by now, and a context has no more e and positive ld than
        its tag."""
        self.stand_out = usual
        self.suspects = {tag: StandOut.of(prior) for tag, prior in population.tags.items() if prior > population.prior}
        """Tags that more people than usual dislike, whose contexts need less to stand out; for tags that fewer dislike
        the usual bound is safe."""

    def growth(self, days: int) -> float:
        """2^(days/half-life)."""
        growth = self._growths.get(days)
        if growth is None:
            growth = self._growths[days] = 2.0 ** min(days / self._half_life_days, 2.0 * MOST_HALF_LIVES)
        return growth

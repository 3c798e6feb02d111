"""The rising frame: decay that never has to be applied (Cormode, Shkapenyuk, Srivastava, Xu 2009)."""

from __future__ import annotations

from typing import Final

from streamer.profile.rollup.bounds import Bounds
from streamer.scoring.priors import Priors

MOST_HALF_LIVES: Final = 400
"""Half-lives a day may lie from the frame's origin: 2^±400 and its products stay far inside a float's range."""


class Frame:
    """The decay of a deployment, worked out once for every distance of days.

    Args:
        half_life_days: days after which evidence weighs half.
        window_days: days after which it is gone.
        priors: how likely any user is to dislike a key (π).

    Attributes:
        bounds: decayed evidence that a key needs to have an entry.
    """

    def __init__(self, half_life_days: float, window_days: int, priors: Priors) -> None:
        self.window_days = window_days
        self.most_days = half_life_days * MOST_HALF_LIVES
        self._half_life_days = half_life_days
        self._growths: dict[int, float] = {}
        self.adopt(priors)

    def adopt(self, priors: Priors) -> None:
        """Takes over what is known of everybody."""
        self.bounds = Bounds(self.growth(-self.window_days), priors)

    def growth(self, days: int) -> float:
        """2^(days/half-life)."""
        growth = self._growths.get(days)
        if growth is None:
            growth = self._growths[days] = 2.0 ** min(days / self._half_life_days, 2.0 * MOST_HALF_LIVES)
        return growth

"""Bins of a creator's evidence ℓ = L − logit π, so that a creator's many users are twelve numbers (spec §10).

ℓ is what a user's evidence says, without the prior: it depends on the user's counts alone, so the bin that a user was
in can be worked out again and need not be remembered.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

EDGES: Final = (-2.0, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.5)
"""Between two bins, nats; an edge belongs to the upper bin."""
CENTRES: Final = (-2.5, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5, 6.5)
"""What stands for all users of a bin, nats."""
BINS: Final = len(CENTRES)

NOWHERE: Final = -1
"""Instead of a bin: the user does not have the creator."""

HAIR: Final = 1e-9
"""Two dislikes and a like make 2.5 nats exactly: rounding must not decide."""


def bin_of(evidence: float) -> int:
    """The bin of ℓ (nats), 0 to 11.

    >>> bin_of(-3.0), bin_of(0.0), bin_of(2.4), bin_of(2.5), bin_of(40.0)
    (0, 4, 8, 9, 11)
    """
    return bisect_right(EDGES, evidence + HAIR)

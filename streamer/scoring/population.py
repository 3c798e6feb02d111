"""What is known of everybody: the priors that one user's evidence is weighed against (spec §5, §10)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Population(Struct, frozen=True, gc=False):
    """Rates over all users; the defaults hold until there is a population to measure.

    ``prior``: probability that a user dislikes a tag or creator (π). ``start_rate``: starts per examined
    exposure (r_pop). ``abandonment``: share of plays abandoned (a, and pop_b of every duration bucket).
    """

    prior: float = 0.04
    start_rate: float = 0.10
    abandonment: float = 0.35


DEFAULT: Final = Population()

"""Worlds with known tastes, for measuring how good avoid lists are: one user's life at a time.

Unlike :mod:`streamer.city.city`, which makes traffic for the demo and benchmarks, a world has what makes the
question hard: habits that differ from what the rule assumes, creators that draw in and disappoint, unseen showings that
are reported as seen, rare complaints that a few people make most of, length limits, and tastes that change.
"""

from lab.worlds.regime import REGIMES, Regime
from lab.worlds.resident import SIZES, Leanings, Resident, Size
from lab.worlds.world import World

__all__ = ["REGIMES", "SIZES", "Leanings", "Regime", "Resident", "Size", "World"]

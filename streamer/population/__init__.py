"""What many users' evidence adds up to (spec §10): priors, default lists, creators who play the system. Pure.

A seal says what it changes (:mod:`~streamer.population.deltas`, made by
:meth:`streamer.profile.Profile.take_population`); deltas add up to totals (:mod:`~streamer.population.totals`); from
totals follow the rates that users are judged by (:mod:`~streamer.population.rates`), the lists of users of whom
nothing is known (:mod:`~streamer.population.defaults`), and what creators are watched for
(:mod:`~streamer.population.health`).
"""

from streamer.population.deltas import Deltas, Key
from streamer.population.totals import Totals

__all__ = ["Deltas", "Key", "Totals"]

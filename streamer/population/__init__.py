"""What many users' evidence adds up to (spec §10): priors, default lists, creators who play the system. Pure.

A user's seals say what they change (:mod:`~streamer.population.user_delta`, made by
:meth:`streamer.profile.Profile.take_delta`). By key (:mod:`~streamer.population.deltas`) it is told
(:mod:`~streamer.population.telling`) and adds up to totals (:mod:`~streamer.population.totals`). From totals follow the
rates that users are judged by (:mod:`~streamer.population.rates`), how many users are counted
(:mod:`~streamer.population.share`), the lists of users of whom nothing is known
(:mod:`~streamer.population.defaults`), and what creators are watched for (:mod:`~streamer.population.health`).
"""

from streamer.population.deltas import Deltas, Key
from streamer.population.totals import Totals

__all__ = ["Deltas", "Key", "Totals"]

"""What the population agent announces in a round: the snapshot, the default lists, the creators it flags.

Faust seam: none; no I/O.

What must hold for it to be right: it follows from the totals and what was announced before alone; what says the same
as before stays as it was written, byte for byte, but for the snapshot's time, which shows that the agent lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from streamer.events import DAY_MS
from streamer.population import Totals
from streamer.population import health as creators
from streamer.population.defaults import default_lists
from streamer.population.rates import snapshot
from streamer.population.share import share_counted
from streamer.scoring import document
from streamer.scoring.document import must_write
from streamer.scoring.priors import DEFAULT, Priors
from streamer.settings import Settings


class Announcement(NamedTuple):
    """Everything announced, as it is written.

    Attributes:
        priors: the snapshot.
        lists: documents by the names of default lists.
        health: records of the flagged creators, by creator.
    """

    priors: Priors = DEFAULT
    lists: Mapping[bytes, bytes] = {}
    health: Mapping[bytes, bytes] = {}


def announce(totals: Totals, before: Announcement, now_ms: int, settings: Settings) -> Announcement:
    """What follows from the totals now (ms since 1970)."""
    return Announcement(
        _priors(totals, before.priors, now_ms, settings),
        _lists(totals, before.lists, now_ms, settings),
        _health(totals, before.health, now_ms),
    )


def _priors(totals: Totals, before: Priors, now_ms: int, settings: Settings) -> Priors:
    version = max(before.version + 1, now_ms // 1000)  # greater even than those of a topic that is gone
    rates = snapshot(totals, version, now_ms, before, settings.population_keys, settings.population_tag_rates)
    counted = share_counted(totals, before, now_ms, settings.population_share, settings.population_users)
    made = replace(rates, share=counted.share, share_since=counted.since)
    same = replace(made, version=before.version) == replace(before, as_of=now_ms)
    return replace(made, version=before.version) if same and before.version else made


def _lists(totals: Totals, before: Mapping[bytes, bytes], now_ms: int, settings: Settings) -> dict[bytes, bytes]:
    found = {}
    for name, made in default_lists(totals, now_ms, settings.avoid_tiers, settings.entries_max):
        key = name.encode()
        known = before.get(key)
        unchanged = known is not None and not must_write(document.decode(known), made, settings.window_days * DAY_MS)
        found[key] = known if unchanged and known is not None else document.encode(made)
    return found


def _health(totals: Totals, before: Mapping[bytes, bytes], now_ms: int) -> dict[bytes, bytes]:
    found = {}
    for health in creators.hooks(totals, now_ms):
        key = health.creator_id.encode()
        known = before.get(key)
        unchanged = known is not None and replace(creators.decode(known), as_of=now_ms) == health
        found[key] = known if unchanged and known is not None else creators.encode(health)
    return found

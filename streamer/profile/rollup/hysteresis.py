"""The listed bits: what was listed when its numbers last changed stays a little longer (hysteresis, spec §7)."""

from __future__ import annotations

from collections.abc import Iterable

from streamer.profile.rollup.rollup import Rollup
from streamer.scoring.counts import CONTENT
from streamer.scoring.entries import Scorer, is_listed

Listed = dict[tuple[str, str], int]
"""(kind, value) of listed keys -> when that expires, ms."""


def relist(listed: Listed, rollup: Rollup, scorer: Scorer, touched: Iterable[tuple[str, str]], as_of: int) -> None:
    """Sets the bits of keys whose e, o or ld changed.

    Args:
        listed: the bits, changed in place.
        rollup: R, after the change.
        scorer: scores keys.
        touched: the keys; those that neither are nor could be listed may be left out.
        as_of: ``last`` of the sealing session, or the frontier for a late undo, ms.
    """
    for kind, value in touched:
        if kind == CONTENT:
            continue
        scored = rollup.score(kind, value, scorer)
        if scored is not None and is_listed(scored, listed.get((kind, value), -1) > as_of):
            listed[kind, value] = scored.expires_at
        else:
            listed.pop((kind, value), None)

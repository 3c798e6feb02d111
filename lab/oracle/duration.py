"""The oracle, spec §8: the duration cap.

Part of the oracle (see ``oracle.py``): plain and slow on purpose, written from docs/spec.md alone.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from lab.oracle.counts import EDGES, Key, Window
from streamer.events import DAY_MS
from streamer.scoring.document import Entry, Evidence

BUCKETS: tuple[Key, ...] = tuple(("bucket", name) for name in (*map(str, EDGES), "inf"))


def duration_cap(window: Window) -> int | None:
    """The edge that best parts what the user stays for from what they leave, if the difference is evidence enough."""
    a_of = {b: window.decayed(b, "abandoned") for b in BUCKETS}
    p_of = {b: window.decayed(b, "plays") for b in BUCKETS}
    usual = sum(p_of[b] * window.pop_b(b) for b in BUCKETS)
    e_of = {b: p_of[b] * window.pop_b(b) * (sum(a_of.values()) + 4) / (usual + 4) for b in BUCKETS}
    found: list[tuple[float, int]] = []
    for n, edge in enumerate(EDGES):
        head, tail = BUCKETS[: n + 1], BUCKETS[n + 1 :]
        if any(sum(window.total(b, "plays") for b in side) < 6 for side in (head, tail)):
            continue
        a_h, a_t = sum(a_of[b] for b in head), sum(a_of[b] for b in tail)
        e_h, e_t = sum(e_of[b] for b in head), sum(e_of[b] for b in tail)
        gain = _x(a_h, e_h) + _x(a_t, e_t) - _x(a_h + a_t, e_h + e_t)
        ratio = ((a_t + 4) / (e_t + 4)) / ((a_h + 4) / (e_h + 4))
        if gain >= 5 and ratio >= 1.25:
            found.append((gain, edge))
    most = max((gain for gain, _ in found), default=0.0)
    return max((edge for gain, edge in found if gain >= most - 1e-9), default=None)


def _x(a: float, e: float) -> float:
    return 0.0 if a == 0 else a * math.log(a / e)


def duration_entries(window: Window, as_of: int) -> list[Entry]:
    """The entry of the cap, unless the last play is too long ago."""
    cap = duration_cap(window)
    if cap is None:
        return []
    above = [b for b in BUCKETS if b[1] == "inf" or int(b[1]) > cap]
    left = {day for b in above for day, counts in window.series(b) if counts.get("abandoned", 0) > 0}
    if len(left) < 3:
        return []
    if _explained(window, [b for b in BUCKETS if b in above]):
        return []
    days = [day for b in BUCKETS for day, counts in window.series(b) if counts.get("plays", 0) > 0]
    until = (max(days) + 90) * DAY_MS
    if until <= as_of:
        return []
    evidence = Evidence(first_day=_date(min(days)), last_day=_date(max(days)))
    since = min(days) * DAY_MS
    return [Entry("duration", cap, None, "soft", 0.5, None, ("too_long",), evidence, since, until)]


def _explained(window: Window, above: list[Key]) -> bool:
    """Whether a tag or creator tells as much of what is left as the cap does."""
    p = sum(window.total(b, "plays") for b in BUCKETS)
    a = sum(window.total(b, "abandoned") for b in BUCKETS)

    def told(plays: int, left: int) -> float:
        return _y(left, a * plays / p) + _y(a - left, a * (p - plays) / p)

    of_cap = told(sum(window.total(b, "plays") for b in above), sum(window.total(b, "abandoned") for b in above))
    for kind in ("tag", "creator"):
        for key in window.keys(kind):
            left, plays = min(window.total(key, "abandoned"), a), min(window.total(key, "started"), p)
            if window.total(key, "abandoned") >= 6 and left * p > a * plays and told(plays, left) >= of_cap - 1e-9:
                return True
    return False


def _y(a: float, e: float) -> float:
    return _x(a, e) if e > 0 else 0.0


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()

"""The oracle, spec §10: what all users add up to, from scratch, and the rates that follow.

Part of the oracle (see ``oracle.py``): plain and slow on purpose, written from docs/spec.md alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lab.oracle.binge import series_binged
from lab.oracle.counts import (
    ALL,
    EDGES,
    Key,
    Window,
    clip,
    log_odds,
    micro,
    usual_abandonment,
)
from lab.oracle.sessions import Session, outcome

BIN_EDGES = (-2, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.5)
CENTRES = (-2.5, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4.5, 6.5)

Met = Counter[str]
"""What a creator's items met with: starts, expected_starts, plays, abandoned, expected_abandoned (§10)."""
Sums = dict[tuple[str, ...], dict[str, int]]
"""Keys: ("tag", v), ("creator", v), ("cohort", cohort, tag), ("everyone",). A tag's o and e are of users of no cohort.
Numbers that are zero are left out."""


@dataclass(frozen=True)
class SealedUser:
    """What a user's sealed sessions left: R, what stands of what was said, by key, the cohort, what creators met."""

    r: Window
    said: list[dict[Key, int]]
    cohort: str | None
    met: dict[str, Met]


def meet(met: dict[str, Met], session: Session, r: Window) -> None:
    """Adds what a sealing session's items met with, against the R before it."""
    ratings = r.ratings.plus(session.ratings)
    found = [(i, outcome(i, session, True, ratings, r.settings)) for i in session.interactions.values()]
    trials = [i for i, out in found if out.resolved and out.valid]
    telling = [] if series_binged(found) is not None else trials
    starts = r.decayed(ALL, "starts") + sum(i.clicked or i.started for i in telling)
    theta = r.decayed(ALL, "theta") / 1000 + sum(i.attention or 0 for i in telling) / 1000
    rate = (starts + 20 * r.population.start_rate) / (theta + 20)
    for i, out in found:
        if i.creator is None:
            continue
        own = met.setdefault(i.creator, Met())
        if i in trials:
            own["starts"] += i.clicked or i.started
            own["expected_starts"] += micro(rate * (i.attention or 0) / 1000)
        if i.started:
            own["plays"] += 1
            own["abandoned"] += out.abandoned
            own["expected_abandoned"] += micro(usual_abandonment(i, r))


def totals(users: Iterable[SealedUser]) -> Sums:
    """What these users add up to."""
    sums: Sums = {}
    for user in users:
        _add_tags(sums, user)
        _add_creators(sums, user)
        for name in ("starts", "theta"):
            _add(sums, ("everyone",), name, user.r.total(ALL, name))
        for key in user.r.keys("bucket"):
            for name in ("plays", "abandoned"):
                _add(sums, ("everyone",), f"{name}_{key[1]}", user.r.total(key, name))
    return {key: own for key, own in sums.items() if own}


def _add_tags(sums: Sums, user: SealedUser) -> None:
    for key in user.r.keys("tag"):
        if user.r.last_evidence_day(key) is not None:
            _add(sums, key, "users", 1)
        for name in ("o", "e"):
            group = key if user.cohort is None else ("cohort", user.cohort, key[1])
            _add(sums, group, name, user.r.total(key, name))
    for said in user.said:
        for key, ld in said.items():
            if key[0] == "tag" and ld != 0:
                _add(sums, key, "dislikes" if ld > 0 else "likes", 1)


def _add_creators(sums: Sums, user: SealedUser) -> None:
    for key in user.r.keys("creator"):
        day = user.r.last_evidence_day(key)
        if day is not None:
            _add(sums, key, f"bin_{bin_of(user.r, key, day)}", 1)
    for creator, met in user.met.items():
        for name, amount in met.items():
            _add(sums, ("creator", creator), name, amount)


def bin_of(r: Window, key: Key, day: int) -> int:
    """The bin of ℓ = L − logit π, LD in full; an edge, or within 1e-9 below it, belongs to the upper bin."""
    o, e, ld = r.judged(key, day)
    evidence = log_odds(o, e, 0, 0.5) + ld
    return sum(evidence >= edge - 1e-9 for edge in BIN_EDGES)


def _add(sums: Sums, key: tuple[str, ...], name: str, amount: int) -> None:
    numbers = sums.setdefault(key, {})
    numbers[name] = numbers.get(name, 0) + amount
    if numbers[name] == 0:
        del numbers[name]


def share(sums: Sums, before: float, days_since: float, least: float, enough: int) -> float:
    """The share of the users that is counted, of §10; before 0: the snapshot before had none, days_since: it held."""
    users = [own.get("users", 0) for key, own in sums.items() if key[0] == "tag"]
    users += [sum(n for name, n in own.items() if name.startswith("bin_")) for key, own in sums.items()]
    most = max([0, *users])
    if enough == 0:
        return least
    if before == 0:
        halves = [max(least, 0.5**k) for k in range(60)]
        return next((s for s in halves if most / least * s <= enough), least)
    return max(least, before / 2 if most > enough and days_since >= 7 else before)


# --- rates ---------------------------------------------------------------------------------------------------


def pi_creator(sums: Sums, creator: str) -> float:
    """π_creator of §10."""
    own = sums.get(("creator", creator), {})
    n = [own.get(f"bin_{b}", 0) for b in range(len(CENTRES))]
    pi = 0.04
    for _ in range(5):
        odds = [pi / (1 - pi) * math.exp(centre) for centre in CENTRES]
        pi = (0.8 + sum(n_b * odd / (1 + odd) for n_b, odd in zip(n, odds, strict=True))) / (20 + sum(n))
    return clip(pi, 0.005, 0.5)


def pi_tag(sums: Sums, tag: str, kappa: float = 0.3) -> float:
    """π_tag of §10."""
    odds = _stated(sums, tag) / (1 - _stated(sums, tag))
    counts: dict[str, Counter[str]] = {}
    for key, own in sums.items():
        if key[0] in ("tag", "cohort"):
            counts.setdefault(key[-1], Counter()).update({name: own.get(name, 0) for name in ("o", "e")})
    o_all, e_all = (sum(own[name] for own in counts.values()) / 1e6 for name in ("o", "e"))
    if o_all == 0 or e_all == 0:
        return _stated(sums, tag)
    own = counts.get(tag, Counter())
    n = sums.get(("tag", tag), {}).get("users", 0)
    rho = (100 + own["o"] / 1e6) / (100 + own["e"] / 1e6 * o_all / e_all)
    odds *= rho ** (-kappa * n / (n + 200))
    return clip(odds / (1 + odds), 0.01, 0.15)


def _stated(sums: Sums, tag: str) -> float:
    """π_tag by statements alone."""
    tags = [own for key, own in sums.items() if key[0] == "tag"]
    s_all, t_all, n_all = (sum(own.get(name, 0) for own in tags) for name in ("dislikes", "likes", "users"))
    own = sums.get(("tag", tag), {})
    s, t, n = (own.get(name, 0) for name in ("dislikes", "likes", "users"))
    if s_all == 0 or n_all == 0:
        return clip(0.04 * (s + 100) / 100, 0.02, 0.08)
    w = min(1.0, 2 * min(s_all, t_all) / n_all)
    x = (1 - w) * n * s_all / n_all + w * (s + t) * s_all / (s_all + t_all)
    lean = 100 - 80 * w
    return clip(0.04 * (s + lean) / (x + lean), 0.02, 0.08)


def start_rate(sums: Sums) -> float:
    """r_pop: a thousand exposures at .10 added."""
    everyone = sums.get(("everyone",), {})
    return clip((everyone.get("starts", 0) + 100) / (everyone.get("theta", 0) / 1000 + 1000), 0.005, 0.95)


def abandonment(sums: Sums) -> float:
    """a: 200 plays at .35 added."""
    everyone = sums.get(("everyone",), {})
    plays = sum(n for name, n in everyone.items() if name.startswith("plays_"))
    abandoned = sum(n for name, n in everyone.items() if name.startswith("abandoned_"))
    return clip((abandoned + 70) / (plays + 200), 0.005, 0.95)


def abandonments(sums: Sums) -> list[float]:
    """pop_b by bucket: 200 plays at a added."""
    everyone, a = sums.get(("everyone",), {}), abandonment(sums)
    names = [*map(str, EDGES), "inf"]
    rates = [(everyone.get(f"abandoned_{b}", 0) + 200 * a) / (everyone.get(f"plays_{b}", 0) + 200) for b in names]
    return [clip(rate, 0.005, 0.95) for rate in rates]


def listed_by_default(sums: Sums, cohort: str | None) -> dict[str, float]:
    """Tags of a default list, with their multipliers; None: everybody's."""
    groups = [
        key
        for key in sums
        if (key[0] == "cohort" and key[1] == cohort) or (cohort is None and key[0] in ("tag", "cohort"))
    ]
    found = {}
    for tag in {key[-1] for key in groups}:
        o, e = (sum(sums[key].get(name, 0) for key in groups if key[-1] == tag) for name in ("o", "e"))
        ratio = (20 + o / 1e6) / (20 + e / 1e6)
        if ratio <= 0.5 and e >= 50_000_000:
            found[tag] = max(0.3, ratio)
    return found


def is_hook(sums: Sums, creator: str) -> bool:
    """Whether the creator monitor flags it."""
    own = sums.get(("creator", creator), {})
    users = sum(n for name, n in own.items() if name.startswith("bin_"))
    return (
        users >= 50
        and pi_creator(sums, creator) >= 0.2
        and own.get("starts", 0) >= 1.2 * own.get("expected_starts", 0) / 1e6
        and own.get("abandoned", 0) >= 1.2 * own.get("expected_abandoned", 0) / 1e6
    )

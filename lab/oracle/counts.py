"""The oracle, spec §5 and §6: day tiles, the roll-up R, a session's contributions, and the score.

Part of the oracle (see ``oracle.py``): plain and slow on purpose, written from docs/spec.md alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from lab.oracle.binge import is_trial, series_binged
from lab.oracle.sessions import Context, Interaction, Outcome, Ratings, Session, outcome
from streamer.scoring.priors import DEFAULT, Priors
from streamer.settings import Settings

Key = tuple[str, ...]
"""("tag" | "creator" | "content" | "bucket", value), ("context", tag, dimension, value), or ``ALL``."""
Counts = dict[str, int]
Tile = dict[Key, Counts]
Tiles = dict[int, Tile]

ALL: Key = ("*", "")
MICRO = 1_000_000
EDGES = (30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 960, 1440, 1920, 2880)


def micro(x: float) -> int:
    """A number in millionths, rounded half up."""
    return math.floor(x * MICRO + 0.5)


def clip(x: float, low: float, high: float) -> float:
    return max(low, min(high, x))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def bucket(duration_s: float) -> Key:
    """The duration bucket, named by its upper edge."""
    return ("bucket", next((str(edge) for edge in EDGES if duration_s <= edge), "inf"))


def with_contexts(keys: Iterable[Key], context: Context) -> list[Key]:
    """These keys, and for each tag among them those of the tag in its context."""
    own = list(keys)
    return own + [("context", key[1], *part) for key in own if key[0] == "tag" for part in context]


def add(tiles: Tiles, day: int, key: Key, **amounts: int) -> None:
    """Adds to the numbers of one day and key, and forgets those that are zero."""
    counts = tiles.setdefault(day, {}).setdefault(key, {})
    for name, amount in amounts.items():
        counts[name] = counts.get(name, 0) + amount
        if counts[name] == 0:
            del counts[name]
    if not counts:
        del tiles[day][key]
    if not tiles[day]:
        del tiles[day]


def add_all(tiles: Tiles, more: Tiles) -> None:
    for day, tile in more.items():
        for key, counts in tile.items():
            add(tiles, day, key, **counts)


def log_evidence(a: float, b: float, o: float, e: float) -> float:
    """ln m(a, b): Gamma–Poisson evidence of o events where e were expected, for a rate ratio ~ Gamma(a, b)."""
    return math.lgamma(a + o) - math.lgamma(a) + a * math.log(b) - (a + o) * math.log(b + e)


def log_odds(o: float, e: float, ld: float, pi: float = DEFAULT.prior) -> float:
    """L of §6: the log odds that the user dislikes a key, of which a share π of users does.

    >>> round(log_odds(0, 5, 0, 0.04), 4)
    0.3481
    """
    neutral = math.log(0.92) + log_evidence(20, 20, o, e)
    liked = math.log(0.08) + log_evidence(4, 2, o, e)
    most = max(neutral, liked)
    rest = most + math.log(math.exp(neutral - most) + math.exp(liked - most))
    return math.log(pi / (1 - pi)) + log_evidence(2, 8, o, e) - rest + said(ld)


def said(ld: float) -> float:
    """What explicit evidence counts for in L (§6)."""
    if abs(ld) <= 2:
        return ld
    return math.copysign(2 + math.log(1 + 2 * (abs(ld) - 2)) / 2, ld)


def rate_ratio(kind: str, o: float, e: float) -> float:
    """λ of a tag or creator, as it bounds its own multiplier (§7)."""
    alpha = 2 if kind == "tag" else 4
    return (alpha + o) / (alpha + e)


def credit(kind: str, o: float, e: float) -> float:
    """λ of a tag or creator, as it explains what becomes of an item that carries it (§5)."""
    alpha = 4 if kind == "tag" else 8
    return (alpha + o) / (alpha + e)


def days_until_forgotten(o: float, e: float, ld: float, settings: Settings, pi: float = DEFAULT.prior) -> int:
    """The Δ of §7: days after the last evidence until L, by decay alone, is below −1.5; at most the window.

    >>> days_until_forgotten(0, 5, 0, Settings())
    105
    """
    for days in range(1, settings.window_days):
        s = 2 ** (-days / settings.half_life_days)
        if log_odds(o * s, e * s, ld * s, pi) < -1.5:
            return days
    return settings.window_days


class Window:
    """Tiles as seen from a day: those inside the window, and how much each weighs.

    Over the tiles of sealed sessions it is R (§5); with provisional contributions added, the list's view.
    The tiles must not change while it is in use.
    """

    def __init__(self, tiles: Tiles, today: int, settings: Settings, population: Priors = DEFAULT) -> None:
        self.today = today
        self.settings = settings
        self.population = population
        self.tiles = {day: tiles[day] for day in sorted(tiles) if day > today - settings.window_days}
        self._ratio: dict[Key, float] = {}

    def pi(self, key: Key) -> float:
        """π of a tag (also of one in a context) or a creator."""
        named = self.population.creators if key[0] == "creator" else self.population.tags
        return named.get(key[1], self.population.prior)

    def pop_b(self, key: Key | None) -> float:
        """The share of plays in a duration bucket that people at large abandon; None: of unknown duration."""
        by_bucket = self.population.abandonments
        if key is None or not by_bucket:
            return self.population.abandonment
        return by_bucket[[*map(str, EDGES), "inf"].index(key[1])]

    def keys(self, kind: str) -> list[Key]:
        return sorted({key for tile in self.tiles.values() for key in tile if key[0] == kind})

    def series(self, key: Key) -> Iterator[tuple[int, Counts]]:
        """The days, ascending, on which the key has numbers."""
        return ((day, tile[key]) for day, tile in self.tiles.items() if key in tile)

    def total(self, key: Key, name: str) -> int:
        """The undecayed sum."""
        return sum(counts.get(name, 0) for _, counts in self.series(key))

    def decayed(self, key: Key, name: str, at: int | None = None) -> float:
        """The sum decayed as of a day, by default today."""
        until = self.today if at is None else at
        return sum(
            counts[name] * 2 ** (-(until - day) / self.settings.half_life_days)
            for day, counts in self.series(key)
            if name in counts
        )

    def evidence(self, key: Key, at: int | None = None) -> tuple[float, float, float]:
        """O, E, LD in units."""
        return (
            self.decayed(key, "o", at) / MICRO,
            self.decayed(key, "e", at) / MICRO,
            self.decayed(key, "ld", at) / MICRO,
        )

    def judged(self, key: Key, at: int | None) -> tuple[float, float, float]:
        """O, E, LD in units by which the key itself is judged: each thing returned is an engagement less."""
        o, e, ld = self.evidence(key, at)
        return max(0.0, o - self.decayed(key, "returned", at)), e, ld

    def last_evidence_day(self, key: Key) -> int | None:
        days = [day for day, counts in self.series(key) if counts.keys() & {"o", "e", "ld"}]
        return max(days, default=None)

    def rate_ratio(self, key: Key) -> float:
        """λ as of today."""
        if key not in self._ratio:
            o, e, _ = self.evidence(key)
            self._ratio[key] = credit(key[0], o, e)
        return self._ratio[key]

    def dislike_probability(self, key: Key) -> float:
        """p = σ(L) as of today."""
        return sigmoid(log_odds(*self.evidence(key), self.pi(key)))

    @property
    def ratings(self) -> Ratings:
        return Ratings(self.total(ALL, "ratings"), self.total(ALL, "rating_sum"))


def contributions(session: Session, closed: bool, r: Window) -> Tiles:
    """What the session adds to its day's tile, formed against R (§5)."""
    settings = r.settings
    ratings = r.ratings.plus(session.ratings)
    found = [(i, outcome(i, session, closed, ratings, settings)) for i in session.interactions.values()]

    starts = r.decayed(ALL, "starts")
    theta = r.decayed(ALL, "theta") / 1000
    binge = series_binged(found)
    if closed and binge is None:
        trials = [i for i, out in found if out.resolved and out.valid]
        starts += sum(1 for i in trials if i.clicked or i.started)
        theta += sum(i.attention or 0 for i in trials) / 1000
    own_rate = (starts + 20 * r.population.start_rate) / (theta + 20)
    a = r.population.abandonment
    calibration = (r.decayed(ALL, "engaged") + 5 * (1 - a)) / (r.decayed(ALL, "explained") / MICRO + 5)
    abandoning = (r.decayed(ALL, "abandoned") + 5 * a) / (r.decayed(ALL, "expected_abandoned") / MICRO + 5 * a)

    tiles: Tiles = {}
    for i, out in found:
        if out.resolved or closed:
            _add_counts(tiles, i, out)
        if is_trial(i, out, binge):
            _add_trial(tiles, i, out, r, own_rate, calibration, abandoning, binge is not None)
    if closed:
        _add_sessions(tiles, session.day, found)
    return tiles


def _day(i: Interaction) -> int:
    return i.first // 86_400_000


def _add_counts(tiles: Tiles, i: Interaction, out: Outcome) -> None:
    for key in (*with_contexts(i.keys, i.context), ("content", i.content_id)):
        times = i.showings if key[0] == "content" else 1
        add(
            tiles,
            _day(i),
            key,
            shown=out.valid * times,
            started=out.started,
            abandoned=out.abandoned,
            engaged=out.engaged,
            ignored=out.ignored * times,
            returned=out.returned and key[0] == "content",
            low_rating=out.low_rating,
        )
    if i.rating is not None:
        add(tiles, _day(i), ALL, ratings=1, rating_sum=i.rating)
    if out.completion is not None:
        amounts = {f"n_{i.media}": 1, f"completion_{i.media}": micro(out.completion)}
        add(tiles, _day(i), ALL, **amounts)
    if out.started and i.duration_s is not None and i.media != "product":
        add(tiles, _day(i), bucket(i.duration_s), plays=1, abandoned=out.abandoned)


def usual_abandonment(i: Interaction, r: Window) -> float:
    """pop_b of an interaction; a product is never abandoned."""
    if i.media == "product":
        return 0.0
    return r.pop_b(None if i.duration_s is None else bucket(i.duration_s))


def _add_trial(
    tiles: Tiles,
    i: Interaction,
    out: Outcome,
    r: Window,
    own_rate: float,
    calibration: float,
    abandoning: float,
    in_binge: bool,
) -> None:
    """Observed against expected of a resolved interaction: one trial, of the showing or else the play (§5)."""
    pop_b = usual_abandonment(i, r)
    pa = 0.0 if i.media == "product" else clip(pop_b * abandoning, 0.03, 0.95)
    p = 1.0
    for key in i.keys:
        p *= r.rate_ratio(key)
    e0 = min(own_rate * ((i.attention or 0) / 1000), 0.9)
    if out.valid:
        assert i.attention is not None
        if not in_binge:
            add(
                tiles,
                _day(i),
                ALL,
                theta=i.attention,
                starts=i.clicked or i.started,
                engaged=out.engaged,
                explained=micro(min(e0 * p, 0.97)),
            )
    if out.started:
        add(tiles, _day(i), ALL, abandoned=out.abandoned, expected_abandoned=micro(pop_b))
    for key in i.keys:
        others = clip(p / r.rate_ratio(key), 0.05, 5)
        if out.valid:
            e = micro(min(e0 * calibration * others, 0.97))
            for each in with_contexts([key], i.context):
                add(tiles, _day(i), each, e=e, o=MICRO if out.engaged else 0)
        elif out.started:
            w = clip(min(own_rate, 0.9) * calibration / (1 - pa), 0.5, 1)
            e = micro(w * min((1 - pa) * min(others, 1), 0.9))
            for each in with_contexts([key], i.context):
                add(tiles, _day(i), each, e=e, o=micro(w) if out.satisfied else 0)


def _add_sessions(tiles: Tiles, day: int, found: list[tuple[Interaction, Outcome]]) -> None:
    """A closed session counts for each key that was validly shown in it and not engaged with.

    A tag's stands in the contexts in which the tag was first shown.
    """
    shown: dict[Key, list[Interaction]] = {}
    engaged: set[Key] = set()
    for i, out in found:
        if out.valid:
            for named in i.keys:
                shown.setdefault(named, []).append(i)
            shown.setdefault(("content", i.content_id), [])
        if out.engaged:
            engaged |= {*i.keys, ("content", i.content_id)}
    for key in shown.keys() - engaged:
        first = min(shown[key], key=lambda i: (i.first, i.content_id), default=None)
        for each in with_contexts([key], () if first is None else first.context):
            add(tiles, day, each, sessions=1)


def apply_tile_caps(tile: Tile, settings: Settings) -> set[Key]:
    """Evicts from a tile what is over its caps (§5), and returns the keys evicted."""
    caps = {
        "tag": settings.tile_caps.tags,
        "creator": settings.tile_caps.creators,
        "content": settings.tile_caps.contents,
    }
    evicted: set[Key] = set()
    for kind, cap in caps.items():
        held = [key for key in tile if key[0] == kind]
        light = [key for key in held if tile[key].get("ld", 0) == 0]
        light.sort(key=lambda key: key[1], reverse=True)
        light.sort(key=lambda key: (tile[key].get("shown", 0), tile[key].get("engaged", 0)))
        gone = set(light[: max(0, len(held) - cap)])
        for each in [k for k in tile if k in gone or (k[0] == "context" and ("tag", k[1]) in gone)]:
            del tile[each]
        evicted |= gone
    return evicted

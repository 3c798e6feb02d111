"""What a session adds to the counts: observed engagements against expected ones (spec §5).

An item is engaged with for one of its keys, so what a key can be held to is what the user's own rate, the
item's attention and its *other* keys lead one to expect. Everything is measured against R, the decayed sums of
the user's sealed sessions, never against another open session: sessions do not influence one another.
"""

from __future__ import annotations

from math import prod

from streamer.profile.rollup import Rollup
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.profile.tile import Tile, context_name
from streamer.scoring.counts import CREATOR, TAG, Cell
from streamer.scoring.score import ALPHA_CREATOR, ALPHA_TAG, log_odds, rate_ratio, sigmoid
from streamer.signals.interaction import Interaction
from streamer.signals.outcome import Outcome
from streamer.signals.rounding import micro

PRIOR_EXPOSURES = 20
PRIOR_PLAYS = 5


class Baseline:
    """The user's habits as R knows them on a day: what any interaction is compared with.

    Args:
        rollup: R.
        today: the day R is decayed to.
        rules: the deployment's constants.
    """

    def __init__(self, rollup: Rollup, today: int, rules: Rules) -> None:
        self.rollup = rollup.as_of(today)
        self._scale = self.rollup.scale(today)
        self._population = rules.population
        self._rate_ratios: dict[tuple[str, str], float] = {}
        totals = self.rollup.totals
        self._starts = totals["starts"] * self._scale
        self._theta = totals["theta"] * self._scale / 1000
        a = rules.population.abandonment
        self.beta = (totals["engaged"] * self._scale + 5) / (totals["explained"] * self._scale / 1e6 + 5)
        abandoned = totals["abandoned"] * self._scale
        expected = totals["expected_abandoned"] * self._scale / 1e6
        ratio = (abandoned + PRIOR_PLAYS * a) / (expected + PRIOR_PLAYS * a)
        self.play_abandonment = a
        self.abandon_chance = min(max(a * ratio, 0.03), 0.95)

    def rate(self, starts: int = 0, theta: int = 0) -> float:
        """Starts per examined exposure, with those of a closed session (theta in thousandths) added."""
        prior = self._population.start_rate
        return (self._starts + starts + PRIOR_EXPOSURES * prior) / (self._theta + theta / 1000 + PRIOR_EXPOSURES)

    def rate_ratio(self, kind: str, value: str) -> float:
        """λ of a key; 1 if unknown."""
        known = self._rate_ratios.get((kind, value))
        if known is None:
            sums = self.rollup.keys.get((kind, value))
            alpha = ALPHA_TAG if kind == TAG else ALPHA_CREATOR
            known = 1.0 if sums is None else rate_ratio(sums.o * self._scale, sums.e * self._scale, alpha)
            self._rate_ratios[kind, value] = known
        return known

    def disliked(self, kind: str, value: str) -> float:
        """p = σ(L): the probability that the user dislikes a key; π if unknown."""
        sums = self.rollup.keys.get((kind, value))
        prior = self._population.prior
        if sums is None:
            return prior
        scale = self._scale
        return sigmoid(log_odds(sums.o * scale, sums.e * scale, sums.ld * scale, prior))


def contributions(session: Session, baseline: Baseline, closed: bool, rules: Rules) -> Tile:
    """What the interactions of a session add to the counts of its day, explicit evidence aside.

    Args:
        session: the session.
        baseline: R, decayed to the day it is looked at.
        closed: whether the session is closed.
        rules: the deployment's constants.
    """
    items = session.counted(rules)
    ratings, rating_sum = session_ratings(items, baseline.rollup)
    length = session.last - session.start
    read = rules.outcomes.read
    outcomes = [(item, read(item, length, closed, ratings, rating_sum)) for item in items]
    if closed:
        trials = [(item, outcome) for item, outcome in outcomes if outcome.resolved and outcome.exposed]
        starts = sum(1 for item, _ in trials if item.clicked or item.started)
        rate = baseline.rate(starts, sum(item.attention for item, _ in trials))
    else:
        rate = baseline.rate()
    delta = Tile(session.day)
    for item, outcome in outcomes:
        if outcome.counted:
            _add(delta, item, outcome, baseline, rate, rules)
    if closed:
        _add_sessions(delta, outcomes, rules)
    return delta


def session_ratings(items: list[Interaction], rollup: Rollup) -> tuple[int, int]:
    """How many ratings the user gave, and their sum: R's and this session's."""
    given = [rating for item in items if (rating := item.standing_rating) is not None]
    return rollup.ratings + len(given), rollup.rating_sum + sum(given)


def item_context(item: Interaction, rules: Rules) -> str:
    """The context that the item's tags are counted in."""
    return context_name(item.daypart if rules.by_daypart else "", item.device if rules.by_device else None)


def _add(delta: Tile, item: Interaction, outcome: Outcome, baseline: Baseline, rate: float, rules: Rules) -> None:
    product = outcome.media == "product"
    rating = item.standing_rating
    counts = Cell(
        shown=int(outcome.exposed),
        started=int(outcome.started),
        abandoned=int(outcome.abandoned),
        engaged=int(outcome.engaged),
        ignored=int(outcome.ignored),
        returned=int(item.returned),
        low_rating=int(rating is not None and rating <= 2),
    )
    if not counts.empty:
        delta.content_cell(item.content_id).add(counts)
    totals = delta.totals
    chance = 0.0 if product else baseline.abandon_chance
    tags = sorted(item.tags)
    ratios = [baseline.rate_ratio(TAG, tag) for tag in tags]
    if item.creator is not None:
        ratios.append(baseline.rate_ratio(CREATOR, item.creator))
    explained = prod(ratios)
    trial = outcome.resolved and outcome.exposed
    played = outcome.resolved and outcome.started
    chosen = min(rate * (item.attention / 1000), 0.9) * (1 - chance)
    context = item_context(item, rules)
    for at, ratio in enumerate(() if counts.empty else ratios):
        cell = delta.tag_cell(tags[at], context) if at < len(tags) else delta.creator_cell(item.creator or "")
        cell.add(counts)
        others = min(max(explained / ratio, 0.05), 5.0)
        if trial:
            cell.e += micro(min(chosen * baseline.beta * others, 0.97))
            cell.o += 1_000_000 * outcome.engaged
        if played:
            cell.e += micro(0.5 * min((1 - chance) * min(others, 1.0), 0.9))
            cell.o += 500_000 * outcome.satisfied
    if trial:
        totals.theta += item.attention
        totals.starts += int(item.clicked or item.started)
        totals.engaged += int(outcome.engaged)
        totals.explained += micro(min(chosen * explained, 0.97))
    if outcome.started:
        totals.abandoned += int(outcome.abandoned)
        totals.expected_abandoned += 0 if product else micro(baseline.play_abandonment)
        if outcome.completion is not None:
            delta.add_completion(outcome.media, micro(outcome.completion))
        if item.duration_s is not None and not product:
            delta.add_play(item.duration_s, outcome.abandoned)
    if rating is not None:
        totals.ratings += 1
        totals.rating_sum += rating


def _add_sessions(delta: Tile, outcomes: list[tuple[Interaction, Outcome]], rules: Rules) -> None:
    """Counts the session for every key it exposed without engagement, in the context of the first exposure."""
    exposed: dict[tuple[str, str], str] = {}
    engaged: set[tuple[str, str]] = set()
    for item, outcome in outcomes:
        if not (outcome.exposed or outcome.engaged):
            continue
        context = item_context(item, rules)
        for kind, value in keys_of(item):
            if outcome.exposed:
                exposed.setdefault((kind, value), context)
            if outcome.engaged:
                engaged.add((kind, value))
        if outcome.exposed and not outcome.engaged:
            delta.content_cell(item.content_id).sessions += 1
    for (kind, value), context in exposed.items():
        if (kind, value) not in engaged:
            delta.cell_to_add(kind, value, context).sessions += 1


def keys_of(item: Interaction) -> list[tuple[str, str]]:
    """The tags and the creator of an item."""
    keys = [(TAG, tag) for tag in item.tags]
    if item.creator is not None:
        keys.append((CREATOR, item.creator))
    return keys

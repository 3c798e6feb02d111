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
from streamer.scoring.counts import CREATOR, FIRST, SECOND, TAG, THIRD
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
    outcomes = [
        (item, read(item, length, closed, ratings, rating_sum))
        for item in items
        if closed or item.started or item.responded  # an open session's mere exposures say nothing yet
    ]
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
    given = [rating for item in items if item.given and (rating := item.given.standing_rating) is not None]
    return rollup.ratings + len(given), rollup.rating_sum + sum(given)


def item_context(item: Interaction, rules: Rules) -> str:
    """The context that the item's tags are counted in."""
    return context_name(item.daypart if rules.by_daypart else "", item.device if rules.by_device else None)


def _add(delta: Tile, item: Interaction, outcome: Outcome, baseline: Baseline, rate: float, rules: Rules) -> None:
    exposures = (FIRST if outcome.exposed else 0) + (SECOND if outcome.ignored else 0)
    plays = (FIRST if outcome.started else 0) + (SECOND if outcome.abandoned else 0) + (THIRD if outcome.engaged else 0)
    stated = 0
    if item.responded:
        rating = item.standing_rating
        stated = (FIRST if item.returned else 0) + (SECOND if rating is not None and rating <= 2 else 0)
        if rating is not None:
            delta.totals.ratings += 1
            delta.totals.rating_sum += rating
    if not (exposures or plays or stated):
        return
    cell = delta.content_cell(item.content_id)
    cell.exposures += exposures
    cell.plays += plays
    cell.stated += stated
    keys = [(TAG, tag) for tag in sorted(item.tags)]
    if item.creator is not None:
        keys.append((CREATOR, item.creator))
    ratios = [baseline.rate_ratio(kind, value) for kind, value in keys]
    explained = prod(ratios)
    chance = 0.0 if outcome.media == "product" else baseline.abandon_chance
    chosen = min(rate * (item.attention / 1000), 0.9) * (1 - chance)
    trial = outcome.resolved and outcome.exposed
    played = outcome.resolved and outcome.started
    observed = (1_000_000 if trial and outcome.engaged else 0) + (500_000 if played and outcome.satisfied else 0)
    context = item_context(item, rules)
    for (kind, value), ratio in zip(keys, ratios, strict=True):
        cell = delta.tag_cell(value, context) if kind is TAG else delta.creator_cell(value)
        cell.exposures += exposures
        cell.plays += plays
        cell.stated += stated
        cell.o += observed
        others = min(max(explained / ratio, 0.05), 5.0)
        if trial:
            cell.e += micro(min(chosen * baseline.beta * others, 0.97))
        if played:
            cell.e += micro(0.5 * min((1 - chance) * min(others, 1.0), 0.9))
    if trial:
        totals = delta.totals
        totals.theta += item.attention
        totals.starts += item.clicked or item.started
        totals.engaged += outcome.engaged
        totals.explained += micro(min(chosen * explained, 0.97))
    if outcome.started:
        _add_play(delta, item, outcome, baseline)


def _add_play(delta: Tile, item: Interaction, outcome: Outcome, baseline: Baseline) -> None:
    product = outcome.media == "product"
    delta.totals.abandoned += outcome.abandoned
    delta.totals.expected_abandoned += 0 if product else micro(baseline.play_abandonment)
    if outcome.completion is not None:
        delta.add_completion(outcome.media, micro(outcome.completion))
    if item.duration_s is not None and not product:
        delta.add_play(item.duration_s, outcome.abandoned)


def _add_sessions(delta: Tile, outcomes: list[tuple[Interaction, Outcome]], rules: Rules) -> None:
    """Counts the session for every key it exposed without engagement, in the context of the first exposure."""
    tags: dict[str, str] = {}
    creators: set[str] = set()
    engaged_tags: set[str] = set()
    engaged_creators: set[str] = set()
    for item, outcome in outcomes:
        if outcome.engaged:
            engaged_tags.update(item.tags)
            if item.creator is not None:
                engaged_creators.add(item.creator)
        elif outcome.exposed:
            delta.contents[item.content_id].exposures += THIRD
        if outcome.exposed:
            context = item_context(item, rules)
            for tag in item.tags:
                tags.setdefault(tag, context)
            if item.creator is not None:
                creators.add(item.creator)
    for tag, context in tags.items():
        if tag not in engaged_tags:
            delta.tags[tag][context].exposures += THIRD
    for creator in creators - engaged_creators:
        delta.creators[creator].exposures += THIRD

"""What a session adds to the counts: observed engagements against expected ones (spec §5).

An item is engaged with for one of its keys, so what a key can be held to is what the user's own rate, the
item's attention and its *other* keys lead one to expect. Everything is measured against R, the decayed sums of
the user's sealed sessions, never against another open session: sessions do not influence one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from streamer.profile.baseline import Baseline
from streamer.profile.rollup.rollup import Rollup
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.profile.tile import DayTotals, Tile, context_name
from streamer.scoring.counts import FIRST, SECOND, SHOWN, THIRD, Cell
from streamer.signals.binge import binged
from streamer.signals.interaction import NOTHING_SAID, Interaction, SessionFeedback
from streamer.signals.outcome import Outcome
from streamer.signals.rounding import micro

_IGNORED: Final = FIRST + SECOND
"""Shown and ignored, packed."""
_IGNORED_IN_A_SESSION: Final = _IGNORED + THIRD
"""The same of a content, which was seen once."""


def contributions(session: Session, baseline: Baseline, closed: bool, rules: Rules) -> Tile:
    """What the interactions of a session add to the counts of its day, explicit evidence aside.

    Args:
        session: the session.
        baseline: R, decayed to the day it is looked at.
        closed: whether the session is closed.
        rules: the deployment's constants.
    """
    long_enough = session.long_enough(rules)
    telling = closed and long_enough  # a mere exposure says nothing before its session is closed
    passed_over: list[Interaction] = []
    acted: list[Interaction] = []
    for item in session.counted(rules):
        if item.started or item.responded:
            acted.append(item)
        elif telling and item.seen:
            passed_over.append(item)
    ratings, rating_sum = session_ratings(session, acted, baseline.rollup)
    read, said = rules.outcomes.read, session.feedback().get
    outcomes = [
        (item, read(item, said(item.content_id, NOTHING_SAID), long_enough, closed, ratings, rating_sum))
        for item in acted
    ]
    binge = binged([item for item, outcome in outcomes if outcome.engaged])
    rate = baseline.rate() if binge is not None or not closed else _rate_with(passed_over, outcomes, baseline)
    delta = Tile(session.day)
    others = [] if binge is None else [item for item in passed_over if item.creator != binge]
    examined = [item for item in passed_over if item.creator == binge] if others else passed_over
    if examined:
        _add_passed_over(delta, examined, baseline, rate, rules)
    if others:  # who came for one series did not choose among these: nothing was expected of them
        _add_passed_over(delta, others, baseline, 0.0, rules)
    for item, outcome in outcomes:
        if outcome.counted:
            _add(delta, item, outcome, said(item.content_id, NOTHING_SAID), baseline, rate, rules)
    if binge is not None:
        _forget_choices(delta.totals)
    if closed:
        _add_sessions(delta, passed_over, outcomes, rules)
    return delta


def _rate_with(
    passed_over: list[Interaction], outcomes: list[tuple[Interaction, Outcome]], baseline: Baseline
) -> float:
    """The user's own rate, with the starts of this session."""
    starts, theta = 0, sum([item.attention for item in passed_over])
    for item, outcome in outcomes:
        if outcome.resolved and outcome.exposed:
            starts += item.clicked or item.started
            theta += item.attention
    return baseline.rate(starts, theta)


def _forget_choices(totals: DayTotals) -> None:
    """Takes out what a binge says of how readily the user begins anything: nothing."""
    totals.theta = totals.starts = totals.engaged = totals.explained = 0


def session_ratings(session: Session, items: list[Interaction], rollup: Rollup) -> tuple[int, int]:
    """How many ratings the user gave, and their sum: R's and this session's, of its items that count."""
    totals, said = rollup.totals, session.feedback()
    if not said:
        return totals.ratings, totals.rating_sum
    found = [said[item.content_id].rating for item in items if item.content_id in said]
    ratings = [rating for rating in found if rating is not None]
    return totals.ratings + len(ratings), totals.rating_sum + sum(ratings)


def item_context(item: Interaction, rules: Rules) -> str:
    """The context that the item's tags are counted in."""
    return context_name(item.daypart if rules.by_daypart else "", item.device if rules.by_device else None)


def _add_passed_over(delta: Tile, items: list[Interaction], baseline: Baseline, rate: float, rules: Rules) -> None:
    """Adds ignored exposures: by far the most interactions, and all they do is raise what was expected.

    The same as :func:`_add`, of what matters here, without its calls.
    """
    beta, untried, rate_ratios = baseline.beta, baseline.untried, baseline.rate_ratios
    contents, creators = delta.contents, delta.creators
    part: str = ""
    device: str | None = None
    cells: dict[str, Cell] = {}
    theta = explained_in_all = 0
    for item in items:
        attention, creator = item.attention, item.creator
        chosen = min(rate * (attention / 1000), 0.9)
        tags: Sequence[str] = item.tags
        if untried:
            explained = 1.0
            expectations = [_millionths(chosen * beta)] * (len(tags) + (creator is not None))
        else:
            tags = sorted(tags)
            ratios = rate_ratios(tags, creator)
            explained = prod(ratios)
            expectations = _expectations(chosen * beta, explained, ratios)
        theta += attention
        explained_in_all += _millionths(chosen * explained)
        times = len(item.showings)
        contents[item.content_id] = Cell(_IGNORED_IN_A_SESSION if times < 2 else _IGNORED * times + THIRD)
        if item.daypart != part or item.device != device:  # no daypart is empty
            part, device = item.daypart, item.device
            cells = delta.tags_in(item_context(item, rules))
        if creator is not None:
            millionths = expectations.pop()
            cell = creators.get(creator)
            if cell is None:
                creators[creator] = Cell(_IGNORED, 0, 0, millionths)
            else:
                cell.exposures += _IGNORED
                cell.e += millionths
        for tag, millionths in zip(tags, expectations, strict=True):
            cell = cells.get(tag)
            if cell is None:
                cells[tag] = Cell(_IGNORED, 0, 0, millionths)
            else:
                cell.exposures += _IGNORED
                cell.e += millionths
    delta.totals.theta += theta
    delta.totals.explained += explained_in_all


def _expectations(chosen: float, explained: float, ratios: list[float]) -> list[int]:
    """What is expected of each of an item's keys, millionths.

    Args:
        chosen: the chance of an engagement were no key known.
        explained: the product of the rate ratios.
        ratios: of each key.
    """
    found = []
    for ratio in ratios:  # the last two lines as by _millionths, without its call
        others = explained / ratio  # what its other tags and creator explain
        if others < 0.05:
            others = 0.05
        elif others > 5.0:
            others = 5.0
        expected = chosen * others
        found.append(970_000 if expected > 0.97 else int(expected * 1e6 + 0.5))
    return found


def _millionths(expected: float) -> int:
    """An expectation in millionths, at most .97."""
    return 970_000 if expected > 0.97 else int(expected * 1e6 + 0.5)


def _add(
    delta: Tile,
    item: Interaction,
    outcome: Outcome,
    said: SessionFeedback,
    baseline: Baseline,
    rate: float,
    rules: Rules,
) -> None:
    exposures = (FIRST if outcome.exposed else 0) + (SECOND if outcome.ignored else 0)
    plays = (FIRST if outcome.started else 0) + (SECOND if outcome.abandoned else 0) + (THIRD if outcome.engaged else 0)
    rating = said.rating
    stated = SECOND if rating is not None and rating <= 2 else 0
    if rating is not None:
        delta.totals.ratings += 1
        delta.totals.rating_sum += rating
    if not (exposures or plays or stated or said.returned):
        return
    tags = sorted(item.tags)
    ratios = baseline.rate_ratios(tags, item.creator)
    explained = prod(ratios)
    chosen = min(rate * (item.attention / 1000), 0.9)
    trial = outcome.resolved and outcome.exposed
    observed = 0
    expectations = [0] * len(ratios)
    if trial:
        observed = 1_000_000 if outcome.engaged else 0
        expectations = _expectations(chosen * baseline.beta, explained, ratios)
    elif outcome.resolved and outcome.started:  # from search, or of a showing that did not pass the gate
        stays = 1.0 if outcome.media == "product" else 1 - baseline.abandon_chance(item.duration_s)
        weight = min(max(0.5, min(rate, 0.9) * baseline.beta / stays), 1.0)
        observed = micro(weight) if outcome.satisfied else 0
        expectations = [micro(weight * min(stays * min(max(explained / ratio, 0.05), 1.0), 0.9)) for ratio in ratios]
    returned = FIRST if said.returned else 0
    _spread(delta, item, tags, item_context(item, rules), expectations, exposures, plays, observed, stated, returned)
    if trial:
        totals = delta.totals
        totals.theta += item.attention
        totals.starts += item.clicked or item.started
        totals.engaged += outcome.engaged
        totals.explained += _millionths(chosen * explained)
    if outcome.started:
        _add_play(delta, item, outcome, baseline)


def _spread(
    delta: Tile,
    item: Interaction,
    tags: list[str],
    context: str,
    expectations: list[int],
    exposures: int,
    plays: int,
    observed: int,
    stated: int,
    returned: int,
) -> None:
    """Adds an interaction's counts to its content, its tags in order and its creator, who have one expectation each.

    Of a content showings are counted, of what it is about the one interaction that they are; and its return, which of
    what it is about counts with what it says against that.
    """
    delta.contents[item.content_id] = Cell(exposures * item.times_seen, plays, 0, 0, 0, stated + returned)
    cells = delta.tags_in(context)
    for tag, expected in zip(tags, expectations, strict=False):
        cell = cells.get(tag)
        if cell is None:
            cells[tag] = Cell(exposures, plays, observed, expected, 0, stated)
        else:
            cell.count(exposures, plays, observed, expected, stated)
    creator = item.creator
    if creator is not None:
        cell = delta.creators.get(creator)
        if cell is None:
            delta.creators[creator] = Cell(exposures, plays, observed, expectations[-1], 0, stated)
        else:
            cell.count(exposures, plays, observed, expectations[-1], stated)


def _add_play(delta: Tile, item: Interaction, outcome: Outcome, baseline: Baseline) -> None:
    product = outcome.media == "product"
    delta.totals.abandoned += outcome.abandoned
    delta.totals.expected_abandoned += 0 if product else micro(baseline.usual_abandonment(item.duration_s))
    if outcome.completion is not None:
        delta.add_completion(outcome.media, micro(outcome.completion))
    if item.duration_s is not None and not product:
        delta.add_play(item.duration_s, outcome.abandoned)


def _add_sessions(
    delta: Tile, passed_over: list[Interaction], outcomes: list[tuple[Interaction, Outcome]], rules: Rules
) -> None:
    """Counts the session for every key it exposed without engagement, a tag in the context of its first exposure."""
    engaged_tags: set[str] = set()
    engaged_creators: set[str] = set()
    for item, outcome in outcomes:
        if outcome.engaged:
            engaged_tags.update(item.tags)
            if item.creator is not None:
                engaged_creators.add(item.creator)
        elif outcome.exposed and outcome.counted:
            delta.contents[item.content_id].exposures += THIRD
    _count_session(delta.creators, engaged_creators)
    if len(delta.tags) == 1:
        for tags in delta.tags.values():
            _count_session(tags, engaged_tags)
        return
    exposed = passed_over + [item for item, outcome in outcomes if outcome.exposed]
    first: dict[str, str] = {}
    for item in sorted(exposed, key=lambda item: (item.first, item.content_id)):
        for tag in item.tags:
            first.setdefault(tag, item_context(item, rules))
    for tag, context in first.items():
        if tag not in engaged_tags:
            delta.tags[context][tag].exposures += THIRD


def _count_session(cells: dict[str, Cell], engaged: set[str]) -> None:
    for value, cell in cells.items():
        if cell.exposures & SHOWN and value not in engaged:
            cell.exposures += THIRD

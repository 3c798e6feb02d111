"""Does what a rule says come true? Later items by what was said of them, and how often they were wanted after all.

A *lift* is wanted ÷ expected (:mod:`lab.evaluation.sets.expectation`): 1 if what was said means nothing. Multipliers
are honest if a bin's lift is near its mean multiplier; log odds mean something if lifts fall from bin to bin.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from lab.evaluation.bootstrap import NOTHING, Share, figures_of
from lab.evaluation.report import Lift
from lab.evaluation.rules import Rule
from lab.evaluation.sets.expectation import UserExpectation
from lab.evaluation.sets.history import History, candidate
from streamer.events import DAY_MS, Feedback, Impression, Play
from streamer.profile import Rules
from streamer.scoring.counts import TAG

LOG_ODDS: Final = "log odds of its tag"
MULTIPLIER: Final = "multiplier"
IN_VAIN: Final = "showings in vain before"
EDGES: Final[Mapping[str, tuple[float, ...]]] = {
    LOG_ODDS: (-4.5, -4.0, -3.5, -3.0, -2.5, -2.0, -1.5, -1.0, 0.0),
    MULTIPLIER: (0.05, 0.3, 0.5, 0.7, 0.9),
    IN_VAIN: (2, 3, 4, 5),
}
"""What is said of an item, and the edges between its bins."""
DAYS: Final = 30
"""Showings in vain count for so long."""

Bin = tuple[str, int]


class Said(Struct):
    """What one user's items of one bin add up to."""

    items: int = 0
    told: float = 0.0
    wanted: float = 0.0
    expected: float = 0.0


def of_user(rule: Rule, history: History, now_ms: int, expectation: UserExpectation, base: Rules) -> dict[Bin, Said]:
    """What one user's later items add to each bin."""
    found: dict[Bin, Said] = defaultdict(Said)
    for what, told, places in _said(rule, history, now_ms, base):
        own = found[what, sum(told >= edge for edge in EDGES[what])]
        own.items += len(places)
        own.told += told * len(places)
        own.wanted += sum(not history.tests[place].unwanted for place in places)
        own.expected += sum(expectation.of(places))
    return dict(found)


def _said(rule: Rule, history: History, now_ms: int, base: Rules) -> Iterator[tuple[str, float, list[int]]]:
    """What is said, and of which of the user's later items."""
    tests = history.tests
    if rule.calibrated:
        scores = rule.scores(now_ms)
        carrying: dict[str, list[int]] = defaultdict(list)
        for place, test in enumerate(tests):
            for kind, value in test.keys:
                if kind == TAG and (kind, value) in scores:
                    carrying[value].append(place)
        for value, places in carrying.items():
            yield LOG_ODDS, scores[TAG, value], places
    lowered: dict[float, list[int]] = defaultdict(list)
    for place, penalty in enumerate(rule.penalties([candidate(test) for test in tests], now_ms)):
        if penalty < 1:
            lowered[penalty].append(place)
    for penalty, places in lowered.items():
        yield MULTIPLIER, penalty, places
    again: dict[int, list[int]] = defaultdict(list)
    vain = in_vain(history, now_ms, base)
    for place, test in enumerate(tests):
        if test.content_id in vain:
            again[vain[test.content_id]].append(place)
    for number, places in again.items():
        yield IN_VAIN, number, places


def in_vain(history: History, now_ms: int, base: Rules) -> dict[str, int]:
    """Showings of each item that passed the gate, since it was last answered; those that had none are left out."""
    found: dict[str, int] = {}
    for event in history.before:
        if isinstance(event, Impression) and event.ts >= now_ms - DAYS * DAY_MS and base.gate.passes(event):
            found[event.content_id] = found.get(event.content_id, 0) + 1
        elif isinstance(event, (Play, Feedback)) and event.content_id is not None:
            found.pop(event.content_id, None)
    return found


def of_all(users: Sequence[Mapping[Bin, Said]], resamples: int, seed: int) -> tuple[Lift, ...]:
    """The lifts of all bins that any item falls in, with intervals over users."""
    bins = sorted({each for user in users for each in user})
    shares = [
        [Share(user[each].wanted, user[each].expected) if each in user else NOTHING for user in users] for each in bins
    ]
    lifts = []
    for (what, number), figure in zip(bins, figures_of(shares, resamples, seed), strict=True):
        own = [user[what, number] for user in users if (what, number) in user]
        items = sum(each.items for each in own)
        edges = EDGES[what]
        if figure is not None:
            low = edges[number - 1] if number else None
            high = edges[number] if number < len(edges) else None
            lifts.append(Lift(what, low, high, items, sum(each.told for each in own) / items, figure.estimate()))
    return tuple(lifts)

"""Time split: what rules conclude from the first part of a user's history, against what the user did next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from lab.evaluation.bootstrap import Share
from lab.evaluation.contenders import Contender
from lab.evaluation.crowd import Life, among
from lab.evaluation.figures import Measure
from lab.evaluation.joining import Joining, Key
from lab.evaluation.measures import auc
from lab.evaluation.report import Group, group_of
from lab.evaluation.rules import Rule
from streamer.events import Event
from streamer.profile import Rules
from streamer.serving.candidate import Candidate

SPLIT: Final = 0.7
"""The share of a user's judged items that lies before the split."""
KEY_TESTS: Final = 4
DISLIKED_BY: Final = 0.2
_SEALED_MS: Final = 3 * 3_600_000

SET_MEASURES: Final = (
    Measure(
        "item.auc",
        "AUC, items",
        True,
        "",
        "chance that a later unwanted item scores above a later wanted one; .5 is guessing",
    ),
    Measure(
        "key.auc",
        "AUC, keys",
        True,
        "",
        "the same of keys: those whose later items are unwanted at least .2 more often than the user's others, or not",
    ),
    Measure("hit.unwanted", "unwanted hit", True, "%", "of a user's later unwanted items, those that the list lowers"),
    Measure("hit.wanted", "wanted hit", False, "%", "of a user's later wanted items, those that the list lowers"),
    Measure("hit.net", "net", True, "%", "the first less the second"),
)
"""Averages over users, each counting 1, whatever the length of their history."""


class Test(Struct, frozen=True):
    """An item met after the split, and how it went."""

    content_id: str
    keys: tuple[Key, ...]
    unwanted: bool


class History(Struct, frozen=True):
    """One user: events before the split, ts ascending, and items met after it."""

    user_id: str
    before: tuple[Event, ...]
    tests: tuple[Test, ...]


def split_at(times: Sequence[int]) -> int:
    """The time from which judged items are tests: after :data:`SPLIT` of them; items of one time stay together.

    Args:
        times: of the judged items, ascending, not empty.

    >>> split_at([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    8
    """
    return times[min(len(times) - 1, int(len(times) * SPLIT))]


def study(
    name: str,
    histories: Sequence[History],
    contenders: Sequence[Contender],
    base: Rules,
    resamples: int,
    seed: int,
    report: Callable[[], None] = lambda: None,
) -> Group:
    """What all contenders make of all histories. Lists are read three hours after the last event before the split.

    Args:
        base: the constants by which the baselines' sessions are joined.
        report: called after each user.
    """
    shares: list[dict[str, list[Share]]] = [{each.name: [] for each in SET_MEASURES} for _ in contenders]
    halves = among(contenders, lambda: map(_life, histories))
    for place, history in enumerate(histories):
        rules = [contender.of(history.user_id) for contender in halves[place % 2]]
        joining = Joining(base)
        now_ms = 0
        for event in history.before:
            now_ms = event.ts
            for sitting in joining.add(event):
                for rule in rules:
                    rule.sit(sitting)
            for rule in rules:
                rule.see(event)
        now_ms += _SEALED_MS
        for sitting in joining.advance(now_ms):
            for rule in rules:
                rule.sit(sitting)
        for rule, own in zip(rules, shares, strict=True):
            for measure, share in judge(rule, history.tests, now_ms).items():
                own[measure].append(share)
        report()
    labels = [contender.label for contender in contenders]
    return group_of(name, labels, shares, resamples, seed)


def _life(history: History) -> Life:
    return Life(history.user_id, history.before, (history.before[-1].ts if history.before else 0) + _SEALED_MS)


def judge(rule: Rule, tests: Sequence[Test], now_ms: int) -> dict[str, Share]:
    """What one user adds to :data:`SET_MEASURES`. An item scores the mean of its keys."""
    scores = rule.scores(now_ms)

    def score_of(key: Key) -> float:
        score = scores.get(key)
        return rule.unknown(key) if score is None else score

    def score(test: Test) -> float:
        return sum(map(score_of, test.keys)) / max(1, len(test.keys))

    unwanted = [test for test in tests if test.unwanted]
    wanted = [test for test in tests if not test.unwanted]
    items = auc([score(test) for test in unwanted], [score(test) for test in wanted])
    disliked, others = _keys(tests)
    of_keys = auc([score_of(key) for key in disliked], [score_of(key) for key in others])
    hit_unwanted, hit_wanted = _hit(rule, unwanted, now_ms), _hit(rule, wanted, now_ms)
    both = bool(unwanted and wanted)
    return {
        "item.auc": Share(items or 0.0, items is not None),
        "key.auc": Share(of_keys or 0.0, of_keys is not None),
        "hit.unwanted": Share(hit_unwanted, bool(unwanted)),
        "hit.wanted": Share(hit_wanted, bool(wanted)),
        "hit.net": Share(hit_unwanted - hit_wanted if both else 0.0, both),
    }


def _keys(tests: Sequence[Test]) -> tuple[list[Key], list[Key]]:
    """The keys that later turned out disliked, and the others, of those with at least :data:`KEY_TESTS` tests."""
    met: dict[Key, list[bool]] = {}
    for test in tests:
        for key in test.keys:
            met.setdefault(key, []).append(test.unwanted)
    all_unwanted = sum(test.unwanted for test in tests)
    disliked: list[Key] = []
    others: list[Key] = []
    for key, hits in met.items():
        rest = len(tests) - len(hits)
        if len(hits) >= KEY_TESTS and rest:
            more = sum(hits) / len(hits) - (all_unwanted - sum(hits)) / rest
            (disliked if more >= DISLIKED_BY else others).append(key)
    return disliked, others


def _hit(rule: Rule, tests: Sequence[Test], now_ms: int) -> float:
    """The share of items whose relevance the list lowers."""
    if not tests:
        return 0.0
    items = [_candidate(test) for test in tests]
    return sum(penalty < 1 for penalty in rule.penalties(items, now_ms)) / len(items)


def _candidate(test: Test) -> Candidate:
    tags = tuple(value for kind, value in test.keys if kind == "tag")
    creator = next((value for kind, value in test.keys if kind == "creator"), None)
    return Candidate(test.content_id, creator, tags)

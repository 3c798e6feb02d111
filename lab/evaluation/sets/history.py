"""Time split: what rules conclude from the first part of a user's history, against what the user did next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from lab.evaluation.bootstrap import Share
from lab.evaluation.contenders import Contender
from lab.evaluation.crowd import Halves, Life, among
from lab.evaluation.figures import Measure
from lab.evaluation.joining import Joining, Key
from lab.evaluation.measures import auc
from lab.evaluation.rules import Rule
from streamer.events import Event
from streamer.profile import Rules
from streamer.scoring.counts import TAG
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
        "chance that a later unwanted item scores above a later wanted one of its surface or page; .5 is guessing",
    ),
    Measure("tag.auc", "AUC, tags", True, "", "the same where an item scores the mean of its tags alone"),
    Measure(
        "null.auc",
        "AUC, another's tags",
        True,
        "",
        "the same by what is known of another user: what the tags are worth to anybody",
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
    Measure("lowered.multiplier", "multiplier", False, "", "mean multiplier of the later items that the list lowers"),
    Measure("lowered.later", "later", False, "", "how often those were wanted, as a ratio to what was expected"),
)
"""Averages over users, each counting 1, whatever the length of their history."""


class Test(Struct, frozen=True):
    """An item met after the split, and how it went.

    ``group``: the surface or page that it was met in: items are compared within one.
    """

    content_id: str
    keys: tuple[Key, ...]
    unwanted: bool
    group: str = ""


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


def halves_of(contenders: Sequence[Contender], histories: Sequence[History]) -> Halves:
    """The contenders, those that go by others' rates with what the other half of these users give."""
    return among(contenders, lambda: map(_life, histories))


def concluded(history: History, contenders: Sequence[Contender], base: Rules) -> tuple[list[Rule], int]:
    """What each contender makes of a history, and when it is asked, ms: three hours after the last event before.

    Args:
        base: the constants by which the baselines' sessions are joined.
    """
    rules = [contender.of(history.user_id) for contender in contenders]
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
    return rules, now_ms


def _life(history: History) -> Life:
    return Life(history.user_id, history.before, (history.before[-1].ts if history.before else 0) + _SEALED_MS)


def judge(rule: Rule, tests: Sequence[Test], now_ms: int) -> dict[str, Share]:
    """What one user adds to most of :data:`SET_MEASURES`. An item scores the mean of its keys."""
    unwanted = [test for test in tests if test.unwanted]
    wanted = [test for test in tests if not test.unwanted]
    disliked, others = _keys(tests)
    scores = Scores(rule, now_ms)
    of_keys = auc([scores.key(key) for key in disliked], [scores.key(key) for key in others])
    hit_unwanted, hit_wanted = _hit(rule, unwanted, now_ms), _hit(rule, wanted, now_ms)
    both = bool(unwanted and wanted)
    return {
        "item.auc": within_groups(tests, [scores.item(test.keys) for test in tests]),
        "tag.auc": of_tags(scores, tests),
        "key.auc": Share(of_keys or 0.0, of_keys is not None),
        "hit.unwanted": Share(hit_unwanted, bool(unwanted)),
        "hit.wanted": Share(hit_wanted, bool(wanted)),
        "hit.net": Share(hit_unwanted - hit_wanted if both else 0.0, both),
    }


class Scores:
    """What a rule thinks of keys and items at a time, ms."""

    def __init__(self, rule: Rule, now_ms: int) -> None:
        self._rule = rule
        self._scores = rule.scores(now_ms)

    def key(self, key: Key) -> float:
        score = self._scores.get(key)
        return self._rule.unknown(key) if score is None else score

    def item(self, keys: Sequence[Key]) -> float:
        """The mean of the keys."""
        return sum(map(self.key, keys)) / max(1, len(keys))


def of_tags(scores: Scores, tests: Sequence[Test]) -> Share:
    """A user's AUC by tags alone; items without any are left out."""
    tagged = [test for test in tests if any(kind == TAG for kind, _ in test.keys)]
    return within_groups(tagged, [scores.item([key for key in test.keys if key[0] == TAG]) for test in tagged])


def within_groups(tests: Sequence[Test], scores: Sequence[float]) -> Share:
    """The share of a user's pairs of an unwanted and a wanted item of one group in which the first scores higher."""
    groups: dict[str, tuple[list[float], list[float]]] = {}
    for test, score in zip(tests, scores, strict=True):
        groups.setdefault(test.group, ([], []))[not test.unwanted].append(score)
    won = pairs = 0.0
    for above, below in groups.values():
        found = auc(above, below)
        if found is not None:
            won += found * len(above) * len(below)
            pairs += len(above) * len(below)
    return Share(won / pairs if pairs else 0.0, bool(pairs))


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
    items = [candidate(test) for test in tests]
    return sum(penalty < 1 for penalty in rule.penalties(items, now_ms)) / len(items)


def candidate(test: Test) -> Candidate:
    """The item as a reader of the list gets it."""
    tags = tuple(value for kind, value in test.keys if kind == "tag")
    creator = next((value for kind, value in test.keys if kind == "creator"), None)
    return Candidate(test.content_id, creator, tags)

"""One user's life before all contenders: fed event by event, looked at once a week, judged against the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from lab.evaluation.contenders import Contender
from lab.evaluation.joining import Joining, Key, keys_of
from lab.evaluation.rules import Listed, Rule
from lab.worlds import Leanings, Resident, World
from streamer.events import DAY_MS, Impression
from streamer.profile import Rules
from streamer.scoring.counts import CREATOR, TAG

LOOK_EVERY_DAYS: Final = 7
"""Lists are looked at this often; "ever listed" and days on a list are known no finer."""
SETTLED_MS: Final = DAY_MS
"""The last look is this long after the end, when every session has sealed."""


class Tale(Struct):
    """What one contender said about one user.

    Attributes:
        neutral: the score of a key of which nothing is known.
        scores: at the end.
        unknown: scores at the end of keys that were shown and that those leave out.
        listed: at the end.
        found_after: disliked key -> how often it had been shown when it was first seen listed.
        wronged: keys seen listed while they were liked, the same of those not named by the user, and while they were
            neutral.
        stayed: key given up in a change of taste and listed then -> days until it was seen off the list, and whether
            it was.
    """

    neutral: float = 0.0
    scores: Mapping[Key, float] = field(default_factory=dict)
    unknown: Mapping[Key, float] = field(default_factory=dict)
    listed: Mapping[Key, Listed] = field(default_factory=dict)
    found_after: dict[Key, int] = field(default_factory=dict)
    wronged: dict[str, set[Key]] = field(
        default_factory=lambda: {"liked": set(), "liked_inferred": set(), "neutral": set()}
    )
    stayed: dict[Key, tuple[float, bool]] = field(default_factory=dict)


class Trial(Struct):
    """One user's whole trial. ``shown``: how often each tag and creator was shown; ``tales`` by contender."""

    who: Resident
    shown: Counter[Key]
    rules: list[Rule]
    tales: list[Tale]
    ended_ms: int


def run(who: Resident, world: World, contenders: Sequence[Contender], base: Rules) -> Trial:
    """Lets one user live before all contenders.

    Args:
        base: the constants by which the baselines' sessions are joined.
    """
    rules = [contender.of(who.user_id) for contender in contenders]
    ended_ms = world.end_ms + SETTLED_MS
    trial = Trial(who, Counter(), rules, [Tale(neutral=rule.neutral) for rule in rules], ended_ms)
    joining = Joining(base)
    truths = (Truth.of(who.before), Truth.of(who.after))
    watchers = [_Watcher(tale, who.changes_ms, truths) for tale in trial.tales]
    look_ms = world.start_ms + LOOK_EVERY_DAYS * DAY_MS
    for event in world.life(who):
        while event.ts >= look_ms:
            _settle(joining, rules, look_ms)
            if trial.shown:
                _look(rules, watchers, look_ms, trial.shown)
            look_ms += LOOK_EVERY_DAYS * DAY_MS
        for sitting in joining.add(event):
            for rule in rules:
                rule.sit(sitting)
        for rule in rules:
            rule.see(event)
        if isinstance(event, Impression):
            trial.shown.update(keys_of(event.tags, event.creator_id))
    while look_ms < ended_ms:
        _settle(joining, rules, look_ms)
        _look(rules, watchers, look_ms, trial.shown)
        look_ms += LOOK_EVERY_DAYS * DAY_MS
    _settle(joining, rules, ended_ms)
    _look(rules, watchers, ended_ms, trial.shown)
    for rule, tale in zip(rules, trial.tales, strict=True):
        tale.scores, tale.listed = rule.scores(ended_ms), rule.listed(ended_ms)
        tale.unknown = {key: rule.unknown(key) for key in trial.shown if key not in tale.scores}
    return trial


def _settle(joining: Joining, rules: Sequence[Rule], now_ms: int) -> None:
    for sitting in joining.advance(now_ms):
        for rule in rules:
            rule.sit(sitting)


def _look(rules: Sequence[Rule], watchers: Sequence[_Watcher], now_ms: int, shown: Counter[Key]) -> None:
    for rule, watcher in zip(rules, watchers, strict=True):
        listed = {key: how for key, how in rule.listed(now_ms).items() if key[0] in (TAG, CREATOR)}
        watcher.look(listed, now_ms, shown)


class Truth(Struct, frozen=True):
    """What one taste likes and dislikes, as keys."""

    disliked: frozenset[Key]
    liked: frozenset[Key]

    @classmethod
    def of(cls, leanings: Leanings) -> Truth:
        """The tags and creators of a taste."""
        return cls(
            frozenset((kind, value) for kind in (TAG, CREATOR) for value in leanings.disliked(kind)),
            frozenset((kind, value) for kind in (TAG, CREATOR) for value in leanings.liked(kind)),
        )


class _Watcher:
    """Notes what is on a list, week by week.

    Args:
        tale: what is noted.
        changes_ms: when the taste changes, None: never.
        truths: the taste before and after.
    """

    def __init__(self, tale: Tale, changes_ms: int | None, truths: tuple[Truth, Truth]) -> None:
        self._tale = tale
        self._changes_ms = changes_ms
        self._before, self._after = truths
        self._given_up = self._before.disliked - self._after.disliked
        self._listed: frozenset[Key] = frozenset()
        self._open: frozenset[Key] | None = None

    def look(self, listed: Mapping[Key, Listed], now_ms: int, shown: Counter[Key]) -> None:
        """Takes in the keys listed at a time."""
        tale, changed = self._tale, self._changes_ms is not None and now_ms >= self._changes_ms
        truth = self._after if changed else self._before
        for key in listed:
            if key in truth.disliked:
                tale.found_after.setdefault(key, shown[key])
            elif key not in self._given_up:  # how long those stay is a measure of its own
                tale.wronged["liked" if key in truth.liked else "neutral"].add(key)
                if key in truth.liked and listed[key].tier != "hard":
                    tale.wronged["liked_inferred"].add(key)
        if self._changes_ms is not None and changed:
            if self._open is None:
                self._open = self._listed & self._given_up
            days = (now_ms - self._changes_ms) / DAY_MS
            for key in self._open:
                tale.stayed[key] = (days, key not in listed)
            self._open &= listed.keys()
        self._listed = frozenset(listed)

"""Ours: the worker's own profile, driven event by event; the list is the document, read as the serving tier does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lab.evaluation.joining import Key
from lab.evaluation.rules.base import Listed, Rule
from streamer.events import DAY_MS, Event
from streamer.profile import Profile, Rules
from streamer.profile.view.view import days_of
from streamer.scoring.counts import CREATOR, TAG
from streamer.scoring.document import Document
from streamer.scoring.score import logit
from streamer.serving.candidate import Candidate
from streamer.serving.decay import multiplier_at
from streamer.serving.rules import AvoidList

CERTAIN: Final = 20.0
"""The score of what the user named: above all that is inferred."""


class Ours(Rule):
    """Scores by the log odds L of spec §6; what the user named stands above all else."""

    name = "ours"
    what = "Streamer's rule: log odds of a dislike, by rates that other users give"
    calibrated = True
    among = True

    def __init__(self, user_id: str, rules: Rules) -> None:
        super().__init__(user_id, rules)
        self.neutral = logit(rules.priors.prior)
        self._profile = Profile(user_id, rules)
        self._due: int | None = None
        self._known: tuple[int, Document | None] | None = None

    def unknown(self, key: Key) -> float:
        return logit(self.rules.priors.prior_of(*key))

    def see(self, event: Event) -> None:
        if self._due is not None and event.ts >= self._due:
            self._profile.advance(event.ts)
        self._profile.apply(event, event.ts)
        self._due = self._profile.deadline()
        self._known = None

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        document = self._document(now_ms)
        scores = self._log_odds()
        for entry in () if document is None else document.entries:
            if entry.tier == "hard" and entry.kind in (TAG, CREATOR) and multiplier_at(entry, now_ms) is not None:
                scores[entry.kind, str(entry.value)] = CERTAIN
        return scores

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        document = self._document(now_ms)
        listed: dict[Key, Listed] = {}
        for entry in () if document is None else document.entries:
            multiplier = multiplier_at(entry, now_ms)
            key = (entry.kind, str(entry.value))
            if multiplier is not None and entry.context is None and key not in listed:  # hard ones come first
                listed[key] = Listed(entry.tier, multiplier)
        return listed

    def penalties(self, items: Sequence[Candidate], now_ms: int) -> list[float]:
        return AvoidList(self._document(now_ms), user_id=self.user_id).penalties(items, now_ms)

    def _document(self, now_ms: int) -> Document | None:
        if self._known is None or self._known[0] != now_ms:
            self._profile.advance(now_ms)
            self._due = self._profile.deadline()
            self._known = (now_ms, self._profile.document())
        return self._known[1]

    def _log_odds(self) -> dict[Key, float]:
        profile, scorer = self._profile, self.rules.scorer
        if profile.newest < 0 or profile.past_window:
            return {}
        rollup = profile.rollup.as_of(profile.newest // DAY_MS)
        keys: set[Key] = {(kind, value) for kind in (TAG, CREATOR) for value in rollup.sums[kind]}
        if not profile.sessions:
            found = {key: rollup.score(*key, scorer) for key in keys}
        else:
            for session in profile.sessions:
                for item in session.interactions.values():
                    keys |= {(TAG, tag) for tag in item.tags}
                    keys |= {(CREATOR, item.creator)} if item.creator is not None else set()
            found = {key: scorer.score(*key, days_of(profile, *key)) for key in keys}
        return {key: scored.log_odds for key, scored in found.items() if scored is not None}


class Alone(Ours):
    """Ours by the constants: what a deployment has with the population off, or until there are others."""

    name = "alone"
    what = "Streamer's rule without other users' rates"
    among = False

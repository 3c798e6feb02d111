"""Explicit only: what most products do today. What was said no to is left out; nothing is inferred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from lab.evaluation.joining import Key
from lab.evaluation.rules.base import Listed
from lab.evaluation.rules.complaints import ComplaintRule


class ExplicitOnly(ComplaintRule):
    """Excludes what was named; a key scores the number of standing complaints about it and items that carry it."""

    name = "explicit"
    what = "explicit dislikes only"

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        return Counter(key for complaint in self._complaints for key in complaint.keys)

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        return {complaint.named: Listed("hard", 0.0) for complaint in self._complaints}

"""Recommenders that need no model: by popularity, and any with the user's avoid list applied to it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from streamer.events import Event
from streamer.learning.responsiveness.state import Asked, Item, State
from streamer.profile import Profile, Rules, lived
from streamer.scoring.document import Document
from streamer.serving import AvoidList

_POOL: Final = 500
"""Proposals that a list is applied to at first; more if they do not suffice."""


class Popular:
    """The same order for everybody, without what they have met.

    Args:
        counts: how often each content was wanted.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._order = sorted(counts, key=lambda content_id: (-counts[content_id], content_id))

    def recommend(self, state: State, k: int) -> list[str]:
        """See :class:`streamer.learning.responsiveness.state.Asked`."""
        known = {met.content_id for met in state}
        return list(islice((content_id for content_id in self._order if content_id not in known), k))


class AvoidListed:
    """A recommender whose proposals the user's avoid list is applied to, as serving does (``AvoidList.rerank``).

    The list is the document that the worker's own code makes of the state's events. An item at rank n has relevance
    1 ÷ n, so a penalty of one half doubles its rank. Without discovery, lest chance decide.

    Args:
        base: proposes.
        items: by content id; of what is not among them only the content can be listed.
        rules: the deployment's constants.
    """

    def __init__(self, base: Asked, items: Mapping[str, Item], rules: Rules) -> None:
        self._base = base
        self._candidates = {content_id: item.candidate for content_id, item in items.items()}
        self._rules = rules
        self._known: tuple[tuple[Event, ...], Profile] | None = None

    def recommend(self, state: State, k: int) -> list[str]:
        """See :class:`streamer.learning.responsiveness.state.Asked`."""
        user = AvoidList(self.document(state), user_id=state.user_id, explore=0)
        asked = max(_POOL, k)
        while True:
            proposed = self._base.recommend(state, asked)
            candidates = [self._candidates.get(each) or Item(each).candidate for each in proposed]
            ranked = user.rerank(candidates, [1 / rank for rank in range(1, len(proposed) + 1)], state.now_ms)
            if len(ranked) >= k or len(proposed) < asked:
                return [candidate.content_id for candidate, _ in ranked[:k]]
            asked *= 4

    def document(self, state: State) -> Document | None:
        """The user's avoid list at the state's time; None: they have none."""
        if self._known is None or self._known[0] is not state.events or self._known[1].watermark > state.now_ms:
            self._known = state.events, lived(state.user_id, state.events, self._rules)
        profile = self._known[1]
        profile.advance(state.now_ms)
        profile.take_labels()
        return profile.document()

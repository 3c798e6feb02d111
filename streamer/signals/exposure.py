"""Exposure (spec §3): which impressions were really seen, and how likely each was examined.

A thumbnail that was scrolled past unseen says nothing (I4), so an impression counts only past the MRC
viewability gate; and one far down the page counts less, by the examination hypothesis: the probability of
a click is the probability that the item was examined times the probability that it was wanted
(Richardson, Dominowska, Ragno 2007).
"""

from __future__ import annotations

from streamer.events import Impression
from streamer.settings import Settings
from streamer.signals.rounding import milli

ATTENTION_FLOOR = 0.1
VIDEO_FACTOR = 2
"""MRC asks twice the time in view of video: 2 s against 1 s."""


class Gate:
    """Decides whether an impression was viewable.

    >>> gate = Gate(Settings())
    >>> gate.passes(Impression(user_id="u", ts=0, content_id="c", media="article", visible_ms=1000))
    True
    >>> gate.passes(Impression(user_id="u", ts=0, content_id="c", visible_ms=1000))  # video needs 2 s
    False
    >>> gate.passes(Impression(user_id="u", ts=0, content_id="c"))  # unverified
    False
    """

    __slots__ = ("_ms", "_ratio", "_surface_ms", "_trust", "_video_ms")

    def __init__(self, settings: Settings) -> None:
        self._ms = settings.viewable_ms
        self._video_ms = settings.viewable_ms * VIDEO_FACTOR
        self._surface_ms = settings.surface_viewable_ms
        self._ratio = settings.viewable_ratio
        self._trust = settings.trust_unverified

    def passes(self, impression: Impression) -> bool:
        """Whether enough of the item was in view for long enough."""
        if impression.visible_ratio < self._ratio:
            return False
        visible_ms = impression.visible_ms
        if visible_ms is None:
            return self._trust
        if self._surface_ms:
            own_ms = self._surface_ms.get(impression.surface or "")
            if own_ms is not None:
                return visible_ms >= own_ms
        return visible_ms >= (self._video_ms if impression.media in (None, "video") else self._ms)


class Attention:
    """The probability θ that a seen item was examined, by its position and surface; in thousandths.

    >>> attention = Attention(Settings())
    >>> [attention.at(p) for p in (None, 0, 1, 3, 500)]
    [1000, 1000, 707, 500, 100]
    """

    __slots__ = ("_surfaces", "_table")

    def __init__(self, settings: Settings) -> None:
        self._surfaces = settings.surface_attention
        if settings.attention_table:
            self._table = [milli(share) for share in settings.attention_table]
            return
        table: list[int] = []
        if settings.attention_eta == 0:
            table = [1000]
        else:
            while not table or (table[-1] > milli(ATTENTION_FLOOR) and len(table) < 100_000):
                table.append(milli(max(ATTENTION_FLOOR, (1 + len(table)) ** -settings.attention_eta)))
        self._table = table

    def at(self, position: int | None, surface: str | None = None) -> int:
        """θ of the item at this position (0 = first; None = unknown: 1) of a surface."""
        share = self._surfaces.get(surface) if self._surfaces and surface is not None else None
        if share is not None:
            return int(self.at(position) * share + 0.5)
        if position is None:
            return 1000
        return self._table[position] if position < len(self._table) else self._table[-1]

    def may_be_at(self, position: int, attention: int) -> bool:
        """Whether an item at this position has this θ on any surface."""
        return any(self.at(position, surface) == attention for surface in (None, *self._surfaces))

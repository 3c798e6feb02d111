"""Sessions that also remember where items stood, for labels; without labels nobody pays for it.

An interaction keeps its attention, which is all that counting needs, and attention cannot be turned back into a
position: far down the page many share one, and a table may repeat values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec import field

from streamer.events import Event, Impression
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.signals.exposure import Attention


class PositionedSession(Session, gc=False):
    """A session that knows, per content, the position of its most attended viewable impression (ties: the least)."""

    positions: dict[str, int] = field(default_factory=dict)

    def add_run(self, events: Sequence[Event], begin: int, rules: Rules) -> tuple[int, bool]:
        """Joins events from a place in their list on; see :meth:`Session.add_run`."""
        taken, speaks = 0, False
        while begin + taken < len(events) and self.takes(events[begin + taken], rules.gap_ms):
            speaks = self.add(events[begin + taken], rules) or speaks
            taken += 1
        return taken, speaks

    def add(self, event: Event, rules: Rules) -> bool:
        """Joins an event that falls in this session; see :meth:`Session.add`."""
        speaks = super().add(event, rules)
        if type(event) is Impression:
            position, content_id = event.position, event.content_id
            if position is not None and content_id in self.interactions and rules.gate.passes(event):
                self._place(content_id, position, rules.attention)
        return speaks

    def join(self, other: Session, rules: Rules) -> None:
        """Takes in a session that turned out to be part of this one."""
        if isinstance(other, PositionedSession):
            for content_id, position in other.positions.items():
                self._place(content_id, position, rules.attention)
        super().join(other, rules)

    def bound(self, rules: Rules) -> None:
        """Keeps memory bounded (I6)."""
        held = len(self.interactions)
        super().bound(rules)
        if len(self.interactions) < held:
            self._let_go()

    def keep(self, content_ids: Collection[str]) -> None:
        """Drops all interactions but these."""
        super().keep(content_ids)
        self._let_go()

    def _let_go(self) -> None:
        self.positions = {c: p for c, p in self.positions.items() if c in self.interactions}

    def position(self, content_id: str) -> int | None:
        """Where the most attended viewable impression stood; None: unknown."""
        return self.positions.get(content_id)

    def positions_of(self, content_ids: Iterable[str]) -> dict[str, int] | None:
        """The positions known of these contents, to be saved."""
        return {c: self.positions[c] for c in content_ids if c in self.positions} or None

    def take_positions(self, positions: dict[str, int]) -> None:
        """Takes in saved positions; newer ones replace older ones."""
        self.positions.update(positions)

    def _place(self, content_id: str, position: int, attention: Attention) -> None:
        known = self.positions.get(content_id)
        if known is None or (attention.at(position), -position) > (attention.at(known), -known):
            self.positions[content_id] = position


def session_kind(rules: Rules) -> type[Session]:
    """What sessions are made of: places are kept for labels only."""
    return PositionedSession if rules.labels else Session

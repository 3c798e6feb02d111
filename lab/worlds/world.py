"""A world: its residents, and the events of each one's life."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

from lab.worlds.regime import Regime
from lab.worlds.resident import HOOK_SHARE, Resident, Size, resident
from lab.worlds.visit import Visit
from streamer.city.catalogue import Catalogue, Item
from streamer.events import DAY_MS, Event

START_MS: Final = 20_000 * DAY_MS
"""The first moment of every world, ms since 1970."""
DAYS: Final = 120
ITEMS: Final = 10_000
TAGS: Final = 300
CREATORS: Final = 1_000
APPEAL_SIGMA: Final = 0.6
"""Spread of how much an item appeals to everybody, whatever its tags and creator: log-normal with mean 1."""
SHARES: Final[tuple[tuple[Size, float], ...]] = (("heavy", 0.1), ("medium", 0.4), ("light", 0.5))
"""What share of the users is of which size."""

_LIGHT_DAYS: Final = 30
_VISIT: Final = (15, 40)
_SLOTS_A_DAY: Final = 8
_SLOT_MS: Final = DAY_MS // _SLOTS_A_DAY
_REST_MS: Final = 2 * 3_600_000


class World:
    """Users of one regime over 120 days, shown what is popular, whatever their lists say.

    Args:
        regime: how the app shows things.
        users: how many, ≥ 1: a tenth heavy, two fifths medium, half light.
        seed: the same seed gives the same world; another one another catalogue, other hooks and other people.
        scale: of the catalogue, .2–1: .2 has a fifth of the items, tags and creators, so that as many users meet each
            of them five times as often. With less not everybody would dislike a tag.
    """

    def __init__(self, regime: Regime, users: int, seed: int, scale: float = 1.0) -> None:
        if users < 1:
            raise ValueError(f"users must be >= 1, got {users}")
        if not 0.2 <= scale <= 1:
            raise ValueError(f"scale must be .2–1, got {scale}")
        self.regime = regime
        self.users = users
        self.seed = seed
        self.start_ms = START_MS
        self.end_ms = START_MS + DAYS * DAY_MS
        items, tags, creators = (round(scale * whole) for whole in (ITEMS, TAGS, CREATORS))
        self.catalogue = Catalogue(items, tags, creators, seed)
        rng = Random(f"{seed}/{regime.name}/hooks")
        self.appeals = {
            item.content_id: rng.lognormvariate(-(APPEAL_SIGMA**2) / 2, APPEAL_SIGMA) for item in self.catalogue.items
        }
        self.hooks = frozenset(rng.sample(self.catalogue.creators, k=round(HOOK_SHARE * len(self.catalogue.creators))))

    def residents(self) -> Iterator[Resident]:
        """Everybody, the heavy users first."""
        for number in range(self.users):
            span = (self.start_ms, self.end_ms)
            user_id = f"{self.regime.name}-{number:05d}"
            yield resident(user_id, self._size(number), self.regime, self.catalogue, self.hooks, span, self.seed)

    def _size(self, number: int) -> Size:
        below = 0.0
        for size, share in SHARES:
            below += share * self.users
            if number < round(below):
                return size
        return "light"

    def life(self, who: Resident) -> list[Event]:
        """All events of one user, ts ascending, before :attr:`end_ms`."""
        rng = Random(f"{self.seed}/{who.user_id}/life")
        lengths = []
        left = who.showings
        while left > 0:
            lengths.append(min(left, rng.randint(*_VISIT)))
            left -= lengths[-1]
        first = self.start_ms if who.size != "light" else self.end_ms - _LIGHT_DAYS * DAY_MS
        slots = sorted(rng.sample(range((self.end_ms - first) // _SLOT_MS), k=len(lengths)))
        events: list[Event] = []
        for slot, length in zip(slots, lengths, strict=True):
            start = max(first + slot * _SLOT_MS, events[-1].ts + 60_000 if events else 0) + int(rng.random() * _REST_MS)
            visit = Visit(who, self.regime, self.hooks, self.appeals, start, rng)
            events += visit.walk(self.catalogue.feed(length, rng))
        return [event for event in events if event.ts < self.end_ms]

    def candidates(self, who: Resident, count: int) -> list[Item]:
        """Items that a recommender might show the user next, drawn by popularity."""
        return self.catalogue.feed(count, Random(f"{self.seed}/{who.user_id}/candidates"))

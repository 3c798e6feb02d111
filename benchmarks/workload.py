"""Workload W of design §8, and the same people's visits as a steady stream at real-time pace.

W is a city's life: 45 days of visits of 20 to 40 items, tags by zipf, three an item; 80 % impressions, 17 % plays, 1 %
dislikes, 2 % feedback; values of 250 to 300 bytes. Twenty events a user in the mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from msgspec.structs import replace

from streamer.events import Dislike, Event, Play
from streamer.settings import DAY_MS
from streamer.simulation.city import City
from streamer.simulation.tastes import person
from streamer.simulation.visits import Visit

DAYS: Final = 45
END_MS: Final = 1_760_000_000_000
SEED: Final = 4

_CATALOGUE: Final[dict[str, int]] = {"items": 20_000, "tags": 400, "creators": 2_000}
# A city's people state half of W's dislikes; the others come from every so many-th play left early.
_LEFT_S: Final = 20.0
_DISLIKES_EVERY: Final = 8
_NAMED: Final = ("user_id", "ts", "session_id", "device", "creator_id", "tags", "content_id")
_EVENTS_A_VISIT: Final = 33
_LONGEST_VISIT_MS: Final = 600_000


@dataclass(frozen=True)
class Workload:
    """W of a given size.

    Args:
        events: how many.
        users: how many people live there; about a third of them come in the 45 days.
        end_ms: the newest event lies just before this.
    """

    events: int
    users: int
    end_ms: int = END_MS

    @property
    def sealed_ms(self) -> int:
        """A watermark at which every session is sealed."""
        return self.end_ms + DAY_MS

    def stream(self) -> Iterator[tuple[str, Event]]:
        """(topic without prefix, event), ts ascending."""
        made = left = 0
        for topic, event in self._city().events():
            for pair in self._with_dislike(topic, event, left):
                if made == self.events:
                    return
                made += 1
                yield pair
            left += _is_left(event)

    def _city(self) -> City:
        return City(self.users, DAYS, SEED, self.end_ms, events=self.events, **_CATALOGUE)

    def _with_dislike(self, topic: str, event: Event, left: int) -> list[tuple[str, Event]]:
        pairs = [(topic, event)]
        if _is_left(event) and left % _DISLIKES_EVERY == 0:
            named = {name: getattr(event, name) for name in _NAMED}
            pairs.append(("dislikes", Dislike(action="not_interested", **named)))
        return pairs

    def steady(self, span_ms: int, events: int, speed: float, seed: int) -> list[tuple[str, Event]]:
        """Visits of W's people, spread evenly: about ``events`` in a span, ts ascending from 0.

        Args:
            span_ms: how long the stream lasts, ms. Visits under way at its beginning and end are cut.
            events: how many events it has; a few more or fewer.
            speed: how many times as fast as in W things happen within a visit.
            seed: source of all chance.
        """
        city, rng = self._city(), Random(seed)
        users = rng.sample(range(self.users), self.users)
        lead_ms = _LONGEST_VISIT_MS / speed
        visits = round(events / _EVENTS_A_VISIT * (span_ms + lead_ms) / span_ms)
        found: list[tuple[str, Event]] = []
        for number in range(visits):
            taste, habits = person(f"user-{users[number % self.users]:05d}", city.catalogue, SEED)
            start = (span_ms + lead_ms) * number / visits - lead_ms
            session = f"s-{number}" if habits.declares_sessions else None
            feed = city.catalogue.feed(rng.randint(20, 40), rng)
            for topic, event in Visit(taste, habits, session, 0, rng).walk(feed):
                ts = round(start + event.ts / speed)
                if 0 <= ts < span_ms:
                    found.append((topic, replace(event, ts=ts)))
        found.sort(key=lambda pair: pair[1].ts)
        return found


def _is_left(event: Event) -> bool:
    return isinstance(event, Play) and event.ended and event.played_s is not None and event.played_s < _LEFT_S

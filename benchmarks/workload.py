"""Workload W (docs/performance.md), and the same people's visits as a steady stream at real-time pace.

W is a city's life: 45 days of visits of 20 to 40 items, tags by zipf, three an item; 80 % impressions, 17 % plays, 1 %
dislikes, 2 % feedback; values of 250 to 300 bytes. Twenty events a user in the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Final

from msgspec.structs import replace

from streamer.city.city import City
from streamer.city.tastes import person
from streamer.city.visits import Visit
from streamer.events import DAY_MS, Dislike, Event, Play

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
_EVENTS_A_WHOLE_VISIT: Final = 28
_LONGEST_WHOLE_VISIT_MS: Final = 1_000_000
_PAUSE_MS: Final = 1_500_000

Pair = tuple[str, Event]
"""Topic without prefix, event."""


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

    def steady(self, span_ms: int, events: int, speed: float, seed: int) -> list[Pair]:
        """Visits of W's people, spread evenly: about ``events`` in a span, ts ascending from 0.

        Args:
            span_ms: how long the stream lasts, ms. Visits under way at its beginning and end are cut.
            events: how many events it has; a few more or fewer.
            speed: how many times as fast as in W things happen within a visit.
            seed: source of all chance.
        """
        visit_of = self._visits(Random(seed))
        lead_ms = _LONGEST_VISIT_MS / speed
        visits = round(events / _EVENTS_A_VISIT * (span_ms + lead_ms) / span_ms)
        found: list[Pair] = []
        for number in range(visits):
            start = (span_ms + lead_ms) * number / visits - lead_ms
            found += [(topic, replace(event, ts=round(start + event.ts / speed))) for topic, event in visit_of(number)]
        return sorted((pair for pair in found if 0 <= pair[1].ts < span_ms), key=_ts)

    def present(
        self, span_ms: int, rate: float, due_after_ms: Sequence[int], seed: int
    ) -> tuple[list[Pair], list[Pair]]:
        """The same people as they come and go at life's own speed: what happened before now, and what will, ts from 0.

        Before: the visits under way, and those with which something is due within the span, at the rate at which others
        begin.

        Args:
            span_ms: how far ahead, ms.
            rate: events per second.
            due_after_ms: how long after its last event a visit is closed, and sealed.
            seed: source of all chance.
        """
        visits = self._visits(Random(seed))
        every_ms = 1000 * _EVENTS_A_WHOLE_VISIT / rate
        found: list[Pair] = []
        number = 0
        for begin in _steps(-_LONGEST_WHOLE_VISIT_MS, span_ms, every_ms):
            visit = _unbroken(visits(number))
            if begin + visit[-1][1].ts >= 0:  # else it is over, and this user may come another time
                found += moved(visit, begin)
                number += 1
        for after_ms in due_after_ms:
            for due in _steps(0, span_ms, every_ms):
                visit = _unbroken(visits(number))
                found += moved(visit, due - after_ms - visit[-1][1].ts)
                number += 1
        if number > self.users:
            raise ValueError(f"{number} people are there, {self.users} live there: a rate of {rate} needs more users")
        found.sort(key=_ts)
        return [pair for pair in found if pair[1].ts < 0], [pair for pair in found if 0 <= pair[1].ts < span_ms]

    def _visits(self, rng: Random) -> Callable[[int], list[Pair]]:
        """A visit by number, of different users as long as there are any; ts from 0, not quite in order."""
        catalogue = self._city().catalogue
        users = rng.sample(range(self.users), self.users)

        def visit(number: int) -> list[Pair]:
            taste, habits = person(f"user-{users[number % self.users]:05d}", catalogue, SEED)
            session = f"s-{number}" if habits.declares_sessions else None
            return Visit(taste, habits, session, 0, rng).walk(catalogue.feed(rng.randint(20, 40), rng))

        return visit


def _steps(begin_ms: int, end_ms: int, every_ms: float) -> Iterator[int]:
    return (round(begin_ms + number * every_ms) for number in range(int((end_ms - begin_ms) / every_ms)))


def _unbroken(visit: list[Pair]) -> list[Pair]:
    """A visit up to the first long pause, in the order of ts."""
    visit = sorted(visit, key=_ts)
    for number, (earlier, later) in enumerate(pairwise(visit)):
        if later[1].ts - earlier[1].ts > _PAUSE_MS:
            return visit[: number + 1]
    return visit


def moved(events: Iterable[Pair], by_ms: int) -> list[Pair]:
    """The same events at another time."""
    return [(topic, replace(event, ts=event.ts + by_ms)) for topic, event in events]


def _ts(pair: Pair) -> int:
    return pair[1].ts


def _is_left(event: Event) -> bool:
    return isinstance(event, Play) and event.ended and event.played_s is not None and event.played_s < _LEFT_S

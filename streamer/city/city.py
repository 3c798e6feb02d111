"""A generated city: users with known tastes, and the events their visits leave, in event-time order.

For the demo, tests and benchmarks: what the avoid lists say can be compared with :meth:`City.truth`.
The same arguments always give the same events; memory holds about one day of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from random import Random
from typing import Final, Self

from streamer.city.catalogue import Catalogue, zipf
from streamer.city.disorder import disorder
from streamer.city.tastes import Taste, person
from streamer.city.visits import Visit
from streamer.events import DAY_MS, Event

__all__ = ["City", "disorder", "generate"]

VISITS_A_DAY: Final = 4
"""A user makes at most this many visits in a day."""

_MIN_APART_MS: Final = 2 * 3_600_000
_FEED: Final = (20, 40)
# How likely a visit is to begin in each local hour, 0 to 23: quiet nights, a lunch peak, busy evenings.
_HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 6, 6, 5, 4, 5, 7, 6, 4, 4, 5, 6, 8, 10, 11, 10, 7, 4)


class City:
    """Users who visit an app for some days.

    Args:
        users: how many, ≥ 1. Low numbers visit more often than high ones (zipf).
        days: over how many days the visits spread, ≥ 1.
        seed: the same seed gives the same city.
        end_ms: the newest events lie just before this, ms since 1970.
        events: how many events in all, exactly; None: 20 a user and day.
        items: size of the catalogue.
        tags: how many different tags.
        creators: how many creators.

    Raises:
        ValueError: an argument is out of range, or there are too few users and days for so many events.
    """

    def __init__(
        self,
        users: int,
        days: int,
        seed: int,
        end_ms: int,
        *,
        events: int | None = None,
        items: int = 5_000,
        tags: int = 120,
        creators: int = 400,
    ) -> None:
        for name, value, least in (
            ("users", users, 1),
            ("days", days, 1),
            ("items", items, 1),
            ("tags", tags, 5),
            ("creators", creators, 1),
            ("events", 1 if events is None else events, 1),
            ("end_ms", end_ms, days * DAY_MS),
        ):
            if value < least:
                raise ValueError(f"{name} must be >= {least}, got {value}")
        self.total = 20 * users * days if events is None else events
        most = users * days * VISITS_A_DAY * _FEED[0]
        if self.total > most:
            raise ValueError(
                f"{users} users make at most {most} events in {days} days, {self.total} were asked for:"
                " raise users or days, or lower events"
            )
        self.users = users
        self.days = days
        self.seed = seed
        self.end_ms = end_ms
        self.catalogue = Catalogue(items, tags, creators, seed)

    @classmethod
    def of_size(cls, events: int, *, end_ms: int, seed: int = 0, days: int = 45, users: int | None = None) -> Self:
        """A city that makes exactly ``events`` events; ``users`` defaults to one per 200 events."""
        least = -(-events // (days * VISITS_A_DAY * _FEED[0])) if days > 0 else 1
        return cls(max(events // 200, least, 1) if users is None else users, days, seed, end_ms, events=events)

    def user_ids(self) -> Iterator[str]:
        """Everybody's id, the most frequent visitor first."""
        return map(_user_id, range(self.users))

    def truth(self, user_id: str) -> Taste:
        """What a user really likes and dislikes.

        Raises:
            KeyError: nobody of that id lives here.
        """
        number = user_id.removeprefix("user-")
        if not number.isdecimal() or int(number) >= self.users or _user_id(int(number)) != user_id:
            raise KeyError(user_id)
        return person(user_id, self.catalogue, self.seed)[0]

    def events(self) -> Iterator[tuple[str, Event]]:
        """(topic without prefix, event), ts ascending, :attr:`total` of them."""
        population = range(self.users)
        activity = zipf(self.users, 0.5)
        pending: list[tuple[int, tuple[str, Event]]] = []
        made = 0
        for day in range(self.days):
            begin = self.end_ms - (self.days - day) * DAY_MS
            target = self.total * (day + 1) // self.days
            rng = Random(f"{self.seed}/day/{day}")
            starts: dict[int, list[int]] = {}
            while made < target:
                user = rng.choices(population, cum_weights=activity)[0]
                while len(starts.get(user, ())) >= VISITS_A_DAY:
                    user = (user + 1) % self.users
                events = self._visit(user, begin, starts.setdefault(user, []), rng)
                del events[self.total - made :]
                made += len(events)
                pending += [(pair[1].ts, pair) for pair in events]
            pending.sort(key=itemgetter(0))
            tomorrow = begin + DAY_MS if day + 1 < self.days else self.end_ms + 1
            cut = next((n for n, (ts, _) in enumerate(pending) if ts >= tomorrow), len(pending))
            for _, pair in pending[:cut]:
                yield pair
            del pending[:cut]

    def _visit(self, user: int, begin: int, starts: list[int], rng: Random) -> list[tuple[str, Event]]:
        taste, habits = person(_user_id(user), self.catalogue, self.seed)
        start = _start(begin, habits.tz_offset_min, starts, rng)
        starts.append(start)
        session = f"s-{start}" if habits.declares_sessions else None
        visit = Visit(taste, habits, session, start, rng)
        feed = self.catalogue.feed(rng.randint(*_FEED), rng)
        return [pair for pair in visit.walk(feed) if pair[1].ts <= self.end_ms]


def generate(users: int, days: int, seed: int, end_ms: int) -> Iterator[tuple[str, Event]]:
    """The events of ``City(users, days, seed, end_ms)``."""
    return City(users, days, seed, end_ms).events()


def _user_id(number: int) -> str:
    return f"user-{number:05d}"


def _start(begin: int, tz_offset_min: int, taken: list[int], rng: Random) -> int:
    """When a visit on the day that begins at ``begin`` starts: by local hour, away from those taken."""
    for _ in range(8):
        local = rng.choices(range(24), weights=_HOURS)[0] * 3_600_000 + int(3_600_000 * rng.random())
        start = begin + (local - tz_offset_min * 60_000 - begin) % DAY_MS
        if all(abs(start - other) >= _MIN_APART_MS for other in taken):
            return start
    return start

"""What is sent in a storm, and when: a city squeezed into minutes, with all that is wrong with real input.

Erased are only users whom the population's sums leave out: the sums keep what had sealed before an erasure, so they
would depend on when that was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle
from random import Random
from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec.structs import replace

from streamer.city import city
from streamer.events import DAY_MS, Erasure, Event, Watermark
from streamer.profile import Rules
from streamer.settings import Settings
from tests.deployment import NOW, outspoken
from tests.system.faults.test_dirt import BAD, Bad

USERS: Final = 250
DAYS_A_MINUTE: Final = 0.4
"""Of the city's time, so that a visit takes a second or two, and some thirty events are sent a second."""

LATEST_S: Final = 12.0
"""An event is sent at most so much later than it happened; grace is longer by more than any outage."""
DUPLICATES: Final = 0.1
ERASED: Final = 8
QUIET_S: Final = 45.0
"""An erased user does nothing for so long: nobody says in which order an erasure and what follows at once are read."""
BAD_EVERY: Final = 40
STRANGE: Final = 12
STRANGERS: Final = ("stranger",)
"""Keys of the records that strangers write to our own topics."""
_WATERMARK_EVERY_S: Final = 2.0

Clock: TypeAlias = Literal["wall", "events"]

TIMES: Final[dict[Clock, dict[str, object]]] = {
    "events": {"clock": "events", "grace": 6 * 3600},
    "wall": {"clock": "wall", "grace": 120, "session_gap": 5, "min_session": 1, "allowed_lag": 5},
}
"""Settings: `events` squeezes the sending alone, so that days pass and sessions seal; `wall` squeezes the events' own
times, which are those of the clock that is stepped."""


class Strange(NamedTuple):
    """A record that none of ours has written, in one of our topics."""

    topic: str
    partition: int


Sendable: TypeAlias = Event | Erasure | Watermark | Bad | Strange


class Sent(NamedTuple):
    """Something sent, so many seconds after the beginning."""

    at_s: float
    what: Sendable


class Plan(NamedTuple):
    """A storm's input.

    Attributes:
        sent: in order.
        events: what counts of it, in the order of its times.
        erased: users, and up to when.
        end: a watermark by which everything is sealed, ms.
    """

    sent: Sequence[Sent]
    events: Sequence[tuple[str, Event]]
    erased: dict[str, int]
    end: int


def plan(seed: int, settings: Settings, minutes: float, begin_ms: int) -> Plan:
    """The plan of a seed.

    Args:
        settings: the deployment's; its times are those of `TIMES`.
        minutes: how long it takes to send.
        begin_ms: when that begins, ms since 1970.
    """
    rng = Random(f"{seed}/plan")
    days = max(1, round(DAYS_A_MINUTE * minutes))
    squeeze = days * DAY_MS / (minutes * 60_000)
    if settings.clock == "wall":
        end, pace = begin_ms + round(minutes * 60_000), 1.0
        told = [(topic, _moved(event, end, squeeze)) for topic, event in _city(days, seed, end)]
    else:
        end, pace = NOW, squeeze
        told = list(_city(days, seed, end))
    begin = end - round(minutes * 60_000 * pace)

    def at_s(ts: int) -> float:
        return (ts - begin) / 1000 / pace

    erased = _erased(settings, {event.user_id for _, event in told}, begin, end, rng)
    quiet_ms = round(QUIET_S * 1000 * pace)
    told = [(topic, event) for topic, event in told if not 0 < event.ts - erased.get(event.user_id, end) <= quiet_ms]
    sent = [Sent(at_s(ts), Erasure(user, ts)) for user, ts in erased.items()]
    sent += _arriving((event for _, event in told), at_s, rng)
    sent += _dirt(settings, minutes * 60, len(told), rng)
    sent += _watermarks(begin, end, pace) if settings.clock == "events" else ()
    counted = [(topic, event) for topic, event in told if event.ts > erased.get(event.user_id, -1)]
    sealed_ms = 1000 * (settings.session_gap + settings.grace) + 1
    return Plan(sorted(sent, key=lambda each: each.at_s), counted, erased, end + max(DAY_MS, sealed_ms))


def _city(days: int, seed: int, end_ms: int) -> Iterator[tuple[str, Event]]:
    return outspoken(city.generate(USERS, days, seed, end_ms))


def _moved(event: Event, end: int, squeeze: float) -> Event:
    return replace(event, ts=end - round((end - event.ts) / squeeze))


def _arriving(events: Iterable[Event], at_s: Callable[[int], float], rng: Random) -> Iterator[Sent]:
    """Most of it soon, some of it much later, some of it twice."""
    for event in events:
        for _ in range(2 if rng.random() < DUPLICATES else 1):
            yield Sent(at_s(event.ts) + LATEST_S * rng.random() ** 4, event)


def _erased(settings: Settings, users: set[str], begin: int, end: int, rng: Random) -> dict[str, int]:
    rules = Rules(settings)
    alone = sorted(user for user in users if not rules.adds_up(user))
    return {user: round(begin + (end - begin) * rng.uniform(0.3, 0.7)) for user in rng.sample(alone, ERASED)}


def _dirt(settings: Settings, seconds: float, events: int, rng: Random) -> Iterator[Sent]:
    for bad in (each for each, _ in zip(cycle(BAD), range(events // BAD_EVERY), strict=False)):
        yield Sent(rng.uniform(0, seconds), bad)
    topics = settings.topics
    for topic in (topics.state, topics.journal, topics.avoid_lists, topics.population):
        partitions = 1 if topic == topics.population else settings.partitions
        for _ in range(STRANGE // 4):
            yield Sent(rng.uniform(0, seconds), Strange(topic, rng.randrange(partitions)))


def _watermarks(begin: int, end: int, pace: float) -> Iterator[Sent]:
    """By the events' clock nobody else lets time pass; the last one comes after everything."""
    behind_ms = round((LATEST_S + 1) * 1000 * pace)
    for ts in range(begin, end, round(_WATERMARK_EVERY_S * 1000 * pace)):
        yield Sent((ts + behind_ms - begin) / 1000 / pace, Watermark(ts))
    yield Sent((end + behind_ms - begin) / 1000 / pace, Watermark(end + DAY_MS))

"""Events as a network delivers them: out of order and some of them twice, yet none too late."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from random import Random

from streamer.events import Event


def disorder(
    events: Iterable[tuple[str, Event]], grace_ms: int, duplicates: float, seed: int
) -> Iterator[tuple[str, Event]]:
    """Delays every event by less than ``grace_ms`` of event time, and delivers some twice.

    Whenever an event arrives, no event ``grace_ms`` or more newer has arrived before it: so none is late for
    a worker with at least that grace. Memory holds ``grace_ms`` of events.

    Args:
        events: in event-time order.
        grace_ms: bound of the delay, ms, ≥ 1.
        duplicates: share of events delivered a second time (with a delay of its own), 0–1.
        seed: the same seed gives the same order.

    Raises:
        ValueError: an argument is out of range, or ``events`` is not in event-time order.
    """
    if grace_ms < 1:
        raise ValueError(f"grace_ms must be >= 1 ms, got {grace_ms}")
    if not 0 <= duplicates <= 1:
        raise ValueError(f"duplicates must be a share from 0 to 1, got {duplicates}")
    return _disorder(events, grace_ms, duplicates, Random(seed))


def _disorder(
    events: Iterable[tuple[str, Event]], grace_ms: int, duplicates: float, rng: Random
) -> Iterator[tuple[str, Event]]:
    waiting: list[tuple[int, int, tuple[str, Event]]] = []
    pushed = 0
    newest = 0
    for pair in events:
        ts = pair[1].ts
        if ts < newest:
            raise ValueError(f"events must come in event-time order: ts {ts} follows {newest}")
        newest = ts
        while waiting and waiting[0][0] < ts:
            yield heappop(waiting)[2]
        for _ in range(2 if rng.random() < duplicates else 1):
            heappush(waiting, (ts + int(grace_ms * rng.random()), pushed, pair))
            pushed += 1
    while waiting:
        yield heappop(waiting)[2]

"""Ends a process that reads nothing though there is something to read, so that its supervisor starts it again.

Faust seam: ``app.crash`` (public). Replaces Faust's alarm for what stalls, which watches streams and acks.

A consumer can be wedged while it heartbeats: it asks the wrong broker, waits for an answer that never comes, has lost a
message to another thread. Its group takes it for alive, so its partitions stay where nobody reads them. Known ways are
mended where they are; this is for the next one.

Two witnesses are heard. By the consumer's own account a partition has had no progress for the bound, or no broker has
answered for it; then a fresh connection is asked, and the process ends only if brokers answer *that* one and have
records beyond where the partition is read. So brokers that are away, idle topics, slow work and held partitions (Redis
away, another topic behind) end nobody.

What must hold for it to be right: time that this process did not live, frozen or too busy to look, counts for nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple, Protocol

from faust.types import TP

from streamer.engine.kafka.records import Fetched
from streamer.engine.kafka.scan import scanner
from streamer.engine.metrics import Metrics
from streamer.errors import BrokerUnavailable, Stalled
from streamer.settings import Settings

log: Final = logging.getLogger(__name__)

_LEAST_BOUND_S: Final = 60.0
_TIMEOUTS: Final = 4
_LOOKS: Final = 12
"""Within the bound."""


class Reading(NamedTuple):
    """How far a partition is.

    Attributes:
        fetched: how far it is read, as far as the app's thread knows; None: nothing came of it yet.
        saved: up to where what came of it is done; None: nothing yet.
    """

    fetched: Fetched | None
    saved: int | None

    @property
    def position(self) -> int | None:
        """The next offset to read."""
        return None if self.fetched is None else self.fetched.position

    @property
    def is_behind(self) -> bool:
        """There was more when the broker was last asked, or it never was."""
        fetched = self.fetched
        return fetched is None or fetched.highwater is None or fetched.position < fetched.highwater


class Consumer(Protocol):
    """Whose reading is watched."""

    def readings(self) -> Mapping[TP, Reading]:
        """Of every partition that is to be read now."""


Ends = Callable[[list[TP]], Awaitable[Mapping[TP, int] | None]]
"""Where partitions end now, asked over a fresh connection; None: no broker answers."""


class _Still(NamedTuple):
    """Since when a partition stands still, s of this process's life: without progress, and without an answer."""

    reading: Reading
    unmoved_s: float = 0.0
    unanswered_s: float = 0.0

    def after(self, now: Reading, passed_s: float) -> _Still:
        before = self.reading
        moved = (before.position, before.saved) != (now.position, now.saved)
        answered = None if now.fetched is None else now.fetched.seen_ms
        answered_before = None if before.fetched is None else before.fetched.seen_ms
        return _Still(
            now,
            0.0 if moved else self.unmoved_s + passed_s,
            0.0 if answered != answered_before else self.unanswered_s + passed_s,
        )

    def is_suspicious(self, bound_s: float) -> bool:
        return self.unmoved_s >= bound_s and (self.reading.is_behind or self.unanswered_s >= bound_s)


class Watchdog:
    """Watches one consumer.

    Args:
        settings: how long its group waits for a sign of life.
        metrics: told how many partitions stand still.
        ends: asks brokers, for tests.
    """

    def __init__(self, settings: Settings, metrics: Metrics, ends: Ends | None = None) -> None:
        self.bound_s = max(_LEAST_BOUND_S, _TIMEOUTS * settings.worker_timeout)
        self._settings = settings
        self._metrics = metrics
        self._ends = ends or self._ask
        self._still: dict[TP, _Still] = {}

    async def run(self, consumer: Consumer, crash: Callable[[BaseException], Awaitable[None]]) -> None:
        """Looks now and then, until cancelled or until it has ended the process."""
        interval_s = self.bound_s / _LOOKS
        while True:
            began = time.monotonic()
            await asyncio.sleep(interval_s)
            lived_s = min(time.monotonic() - began, 2 * interval_s)
            try:
                await self.look(consumer.readings(), lived_s)
            except Stalled as stalled:
                log.error("%s", stalled)
                await crash(stalled)
                return

    def count_reset(self, topic: str, why: str) -> None:
        """A topic is read from its beginning, though it was read further."""
        self._metrics.offset_resets.labels(topic, why).inc()

    def count_unreadable(self, topic: str, count: int) -> None:
        """Records that cannot be unpacked were stepped over."""
        self._metrics.count_unreadable(topic, count)

    async def look(self, readings: Mapping[TP, Reading], passed_s: float) -> None:
        """Call it now and then, with how long ago the last call was.

        Raises:
            Stalled: there is something to read, and it is not read.
        """
        known = self._still
        self._still = {
            tp: known[tp].after(now, passed_s) if tp in known else _Still(now) for tp, now in readings.items()
        }
        suspicious = [tp for tp, still in self._still.items() if still.is_suspicious(self.bound_s)]
        self._metrics.stalled.set(len(suspicious))
        if not suspicious:
            return
        ends = await self._ends(suspicious)
        if ends is None:
            return
        stalled = [tp for tp in suspicious if _has_more(self._still[tp].reading, ends.get(tp, 0))]
        if stalled:
            raise Stalled(self._words(stalled, ends))
        for tp in suspicious:  # nothing to read: it is asked again when the bound has passed again
            self._still[tp] = _Still(self._still[tp].reading)

    def _words(self, stalled: list[TP], ends: Mapping[TP, int]) -> str:
        named = ", ".join(
            f"{tp.topic}[{tp.partition}] (at {self._still[tp].reading.position}, ends at {ends[tp]})" for tp in stalled
        )
        return f"nothing was read of {named} for {self.bound_s:g} s, though the brokers answer: restart this process"

    async def _ask(self, tps: list[TP]) -> Mapping[TP, int] | None:
        found: dict[TP, int] = {}
        try:
            async with scanner(self._settings, "the ends of topics", committed_only=True) as topics:
                for topic in {tp.topic for tp in tps}:
                    extents = await topics.extents(topic, [tp.partition for tp in tps if tp.topic == topic])
                    found |= {TP(topic, partition): extent.end for partition, extent in extents.items()}
        except BrokerUnavailable as error:
            log.warning("nothing is read, as no broker answers: %s", error)
            return None
        return found


def _has_more(reading: Reading, end: int) -> bool:
    return reading.position is None or reading.position < end

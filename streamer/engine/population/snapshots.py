"""Population snapshots as a worker sees them: it reads them all, whoever else does, and keeps the last good one.

Faust seam: none. A consumer group would give each snapshot to one worker, ``faust.GlobalTable`` is unreliable
(faust-streaming #283); so once an interval what is new is read outside any group.

What must hold for it to be right: the rules change between steps only, as all runs on one event loop, and never to a
snapshot older than the one in force.

=====================================  ===============================================================================
no snapshot yet                        the constants hold (version 0)
older than ``STALE_AFTER`` intervals   it still holds, a warning says so once: old rates are better than none
it does not decode, or is too new      the one before it holds; an error says so, metric ``population_snapshots``
the broker does not let it be read     the one before it holds; tried again an interval later
=====================================  ===============================================================================
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from streamer.engine.kafka.compacted import PARTITION
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import Scanner, scanner
from streamer.engine.metrics import Metrics
from streamer.errors import BrokerUnavailable, StateCorrupt, StateTooNew
from streamer.profile import Rules
from streamer.scoring.priors import decode
from streamer.settings import Settings

log: Final = logging.getLogger(__name__)

KEY: Final = b"snapshot"
STALE_AFTER: Final = 10
"""Intervals without a new snapshot after which something must be wrong."""
_TAIL: Final = 10
"""Records from the end at which the first reading begins: before them there are only older snapshots."""


class SnapshotFollower:
    """Keeps rules up to date.

    Args:
        rules: told of every new one.
        settings: where it is read, and how often.
        metrics: told of its version and age.
        now_ms: the wall clock, ms since 1970.
    """

    def __init__(self, rules: Rules, settings: Settings, metrics: Metrics, now_ms: Callable[[], int]) -> None:
        self._rules = rules
        self._settings = settings
        self._metrics = metrics
        self._now_ms = now_ms
        self._seen: int | None = None
        self._made_ms: int | None = None
        self._is_stale = False

    async def refresh(self) -> None:
        """Reads what is new. Never raises for a broker that is away."""
        try:
            async with scanner(self._settings, "the population snapshots") as topics:
                await self._read(topics)
        except BrokerUnavailable as error:
            log.warning("population snapshot %d stays in force: %s", self._rules.priors.version, error)
        self._watch_age()

    async def _read(self, topics: Scanner) -> None:
        topic = self._settings.topics.snapshots
        extent = (await topics.extents(topic, [PARTITION]))[PARTITION]
        if self._seen == extent.end:
            return
        begin = max(extent.first, extent.end - _TAIL) if self._seen is None else extent.begin(self._seen)
        if not await self._read_from(topics, begin) and self._seen is None and begin > extent.first:
            await self._read_from(topics, extent.first)
        self._seen = extent.end

    async def _read_from(self, topics: Scanner, begin: int) -> bool:
        found: list[Record] = []
        async for scanned in topics.scan(self._settings.topics.snapshots, {PARTITION: begin}):
            found += [record for record in scanned.records if record.key == KEY and record.value is not None]
        return self._take_newest(found)

    def _take_newest(self, records: Sequence[Record]) -> bool:
        """Takes the last one that decodes; False if there is none.

        One of the version in force says only that the agent lives: its time is noted.
        """
        for record in reversed(records):
            try:
                taken = decode(record.value or b"")
            except StateTooNew as error:
                self._refuse("too_new", error)
            except StateCorrupt as error:
                self._refuse("corrupt", error)
            else:
                self._made_ms = taken.as_of
                if self._rules.adopt(taken):
                    self._metrics.population_snapshots.labels("adopted").inc()
                return True
        return False

    def _refuse(self, result: str, error: Exception) -> None:
        self._metrics.population_snapshots.labels(result).inc()
        log.error("population snapshot %d stays in force: %s", self._rules.priors.version, error)

    def _watch_age(self) -> None:
        version = self._rules.priors.version
        self._metrics.population_version.set(version)
        if self._made_ms is None:
            return
        now_ms = self._now_ms()
        age_s = max(0.0, (now_ms - self._made_ms) / 1000)
        self._metrics.population_age.set(age_s)
        stale = is_stale(self._made_ms, now_ms, self._settings)
        if stale and not self._is_stale:
            log.warning(
                "population snapshot %d is %.0f s old and stays in force: does  streamer population  run?",
                version,
                age_s,
            )
        self._is_stale = stale


def is_stale(as_of_ms: int, now_ms: int, settings: Settings) -> bool:
    """Whether a snapshot made then (ms since 1970) is so old that nobody can be making new ones."""
    return now_ms - as_of_ms > STALE_AFTER * settings.population_interval * 1000

"""What there is to measure: how far Kafka's readers are, Redis, and the metrics of workers and publishers."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from streamer.errors import StreamerError, Unavailable
from streamer.producing.connection import connect
from streamer.service.backends import Backends
from streamer.settings import Settings

EVERY_S: Final = 2.0
"""How often it is looked, whoever asks."""
KEPT: Final = 90
"""Readings that are kept: three minutes."""
_PATIENCE_S: Final = 2.0
_LARGEST: Final = 8 << 20

Offsets = Mapping[tuple[str, int], int]
Samples = Mapping[str, Sequence[tuple[Mapping[str, str], float]]]
"""Values of metrics with their labels, by name."""


class Progress(NamedTuple):
    """How far readers are in topics.

    Attributes:
        ends: of the topics that workers read, by topic and partition, how many records there ever were.
        saved: up to which of these workers have saved what they made of them.
        lists_end, lists_read: the same of lists, all partitions, and of publishers.
    """

    ends: Offsets
    saved: Offsets
    lists_end: int
    lists_read: int


class Reading(NamedTuple):
    """All that was measured at one time.

    Attributes:
        at: s of a clock that only goes forward.
        progress: None: Kafka does not answer.
        redis_ms: how long Redis took to answer; None: it does not.
        processes: by address, what each says of itself; None: it does not answer.
    """

    at: float
    progress: Progress | None
    redis_ms: float | None
    processes: Mapping[str, Samples | None]


class Watch:
    """Looks when somebody asks, and keeps what was seen for a while.

    Args:
        backends: Kafka and Redis.
    """

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._readings: deque[Reading] = deque(maxlen=KEPT)
        self._looking: asyncio.Task[None] | None = None

    async def readings(self) -> Sequence[Reading]:
        """The last readings, oldest first, of which the newest is new."""
        if not self._readings or time.monotonic() - self._readings[-1].at >= EVERY_S:
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            await asyncio.shield(self._looking)
        return tuple(self._readings)

    async def _look(self) -> None:
        try:
            settings = self._backends.settings
            urls = settings.console_metrics_urls
            progress, redis_ms, processes = await asyncio.gather(
                asyncio.to_thread(progress_of, settings),
                self._ask_redis(),
                asyncio.gather(*(asyncio.to_thread(_scrape, url) for url in urls)),
            )
            found = dict(zip(urls, processes, strict=True))
            self._readings.append(Reading(time.monotonic(), progress, redis_ms, found))
        finally:
            self._looking = None

    async def _ask_redis(self) -> float | None:
        began = time.perf_counter()
        try:
            await self._backends.reader.get("~ready")
        except Unavailable:
            return None
        except StreamerError:
            pass  # it has answered
        return (time.perf_counter() - began) * 1000


def progress_of(settings: Settings) -> Progress | None:
    """How far readers are; None if Kafka does not say."""
    topics = settings.topics
    partitions = range(settings.partitions)
    sources = [(topic, partition) for topic in (*topics.sources, topics.erasures) for partition in partitions]
    lists = [(topics.avoid_lists, partition) for partition in partitions]
    try:
        with connect(settings) as cluster:
            ends = cluster.ends([*sources, *lists])
            saved = cluster.committed(settings.group, sources)
            read = cluster.committed(settings.publisher_group, lists)
    except StreamerError:
        return None
    return Progress(
        {place: ends.get(place, 0) for place in sources},
        {place: saved.get(place, 0) for place in sources},
        sum(ends.get(place, 0) for place in lists),
        sum(read.get(place, 0) for place in lists),
    )


def _scrape(url: str) -> Samples | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_PATIENCE_S) as answer:
            return samples(answer.read(_LARGEST).decode(errors="replace"))
    except (urllib.error.URLError, OSError, HTTPException, ValueError):
        return None


def samples(exposition: str) -> Samples:
    """The values in a Prometheus text.

    >>> samples('# TYPE a counter\\na_total{topic="x"} 2.0\\n')
    {'a_total': [({'topic': 'x'}, 2.0)]}

    Raises:
        ValueError: it is none.
    """
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found

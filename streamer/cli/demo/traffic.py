"""A city's events through the deployment, watched until every list has reached Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

from redis import Redis
from rich.progress import Progress, TaskID

from streamer.city.catalogue import Item
from streamer.city.city import City
from streamer.cli.demo.deployment import Deployment
from streamer.clock import wall_ms
from streamer.engine.kafka.scan import scanner
from streamer.engine.population.aggregator import announced
from streamer.engine.population.announcement import Announcement
from streamer.events import Dislike
from streamer.producing import SignalProducer
from streamer.scoring.document import Document, decode
from streamer.serving import AvoidListReader, Candidate
from streamer.settings import Settings
from streamer.sinks.keys import Keys

_POLL_S: Final = 0.2
_STALL_S: Final = 60.0
_ROUND_S: Final = 10.0
_WATERMARK_GAP_MS: Final = 12 * 3_600_000


class Traffic:
    """Sends a city and watches what becomes of it.

    Args:
        deployment: where to.
        city: whose events.
        progress: shows how far everything is.
    """

    def __init__(self, deployment: Deployment, city: City, progress: Progress) -> None:
        self._deployment = deployment
        self._city = city
        self._progress = progress
        self._sent = progress.add_task("events sent", total=city.total)
        self._processed = progress.add_task("events processed", total=city.total)
        self._lists = progress.add_task("users with a list in Redis", total=city.users)
        self._records = 0
        self._events = 0
        self._last: tuple[object, ...] = ()
        self._moved = time.monotonic()

    def run(self, producer: SignalProducer, settled_ms: int) -> None:
        """Sends everything, then waits until it is in Redis.

        Args:
            producer: an open one.
            settled_ms: the watermark at which every session is sealed.

        Raises:
            ProcessEnded: the worker or publisher ended, or stopped making progress.
        """
        marked = polled = 0.0
        for _, event in self._city.events():
            if event.ts - marked >= _WATERMARK_GAP_MS:
                self._mark(producer, event.ts)
                marked = event.ts
            producer.send(event)
            self._events += 1
            self._records += 1
            if time.monotonic() - polled >= _POLL_S:
                self._poll()
                polled = time.monotonic()
        self._mark(producer, settled_ms)
        producer.flush()
        while not self._poll():
            time.sleep(_POLL_S)
        lists = sum(1 for _ in _documents(self._deployment.settings))
        self._progress.update(self._lists, completed=lists, total=lists)  # the others have none: too little is known

    def _mark(self, producer: SignalProducer, ts: int) -> None:
        producer.watermark(ts)
        self._records += len(self._deployment.settings.topics.sources) * self._deployment.settings.partitions

    def _poll(self) -> bool:
        """Shows how far everything is; True once all that was sent has come through."""
        worker, publisher = self._deployment.worker, self._deployment.publisher
        counted, published = worker.counters(), publisher.counters()
        taken = counted.get("streamer_events_total", 0.0)
        changed = counted.get("streamer_lists_changed_total", 0.0)
        written = published.get("streamer_redis_writes_total", 0.0)
        lists = sum(1 for _ in _documents(self._deployment.settings))
        self._show(self._sent, self._events)
        self._show(self._processed, round(taken * self._events / self._records) if self._records else 0)
        self._show(self._lists, lists)
        now = time.monotonic()
        if (taken, written, self._records) != self._last:
            self._last, self._moved = (taken, written, self._records), now
        elif now - self._moved > _STALL_S:
            process = worker if taken < self._records else publisher
            raise process.failed(f"made no progress for {_STALL_S:.0f} s")
        return taken >= self._records and written >= changed

    def _show(self, task: TaskID, completed: int) -> None:
        self._progress.update(task, completed=completed)


def documents(settings: Settings) -> dict[str, Document]:
    """All users' documents by user id."""
    with Redis.from_url(settings.redis_url) as client:
        keys = list(_documents(settings))
        found = zip(keys, client.mget(keys) if keys else [], strict=True)
        begins = Keys(settings.redis_prefix).documents
        return {key.decode().removeprefix(begins): decode(raw) for key, raw in found if raw is not None}


def _documents(settings: Settings) -> Iterator[bytes]:
    keys = Keys(settings.redis_prefix)
    with Redis.from_url(settings.redis_url) as client:
        found = client.scan_iter(match=f"{keys.documents}*", count=1000)
        yield from (key for key in found if keys.is_users(key.decode()))


def population(deployment: Deployment) -> Announcement | None:
    """What all users add up to, once the agent has counted what the worker told; None if it takes too long."""

    async def read() -> Announcement:
        async with scanner(deployment.settings, "the population's figures") as topics:
            return await announced(topics, deployment.settings)

    deadline = time.monotonic() + _ROUND_S
    told = deployment.worker.counters().get("streamer_population_deltas_total", 0.0)
    while deployment.population.counters().get("streamer_population_deltas_counted_total", 0.0) < told:
        if time.monotonic() > deadline:
            return None
        time.sleep(_POLL_S)
    counted_ms = wall_ms()
    while time.monotonic() < deadline:
        found = asyncio.run(read())
        if found.priors.as_of >= counted_ms:
            return found
        time.sleep(_POLL_S)
    return None


def dislike(deployment: Deployment, producer: SignalProducer, user_id: str, item: Item) -> float:
    """Dislikes an item, and returns how many seconds it took until a reader leaves it out.

    Raises:
        ProcessEnded: that did not happen in time.
    """
    candidate = Candidate(item.content_id, item.creator_id, item.tags, item.duration_s)
    with AvoidListReader(deployment.settings.redis_url, prefix=deployment.settings.redis_prefix) as reader:
        reader.get(user_id)  # connects
        now_ms = wall_ms()
        began = time.perf_counter()
        producer.send(
            Dislike(
                user_id=user_id,
                ts=now_ms,
                action="dislike",
                **item.carried,
            )
        )
        producer.watermark(now_ms)  # the demo's time is that of its events: without this it would stand still
        while reader.get(user_id).penalty(candidate, explore=False) > 0:
            if time.perf_counter() - began > _STALL_S:
                raise deployment.worker.failed(f"did not bring a dislike to Redis within {_STALL_S:.0f} s")
            time.sleep(0.001)
        return time.perf_counter() - began

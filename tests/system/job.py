"""The whole job on real Kafka and Redis: topics, producing, processes, and the oracle's opinion of the result."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import redis

from streamer.events import Event
from streamer.producing import SignalProducer, topics
from streamer.scoring import document
from streamer.scoring.document import Document
from streamer.settings import Settings
from streamer.simulation import oracle
from streamer.sinks.keys import document_key
from tests.processes import Progress, running, wait_for


class Job:
    """One deployment with its own topics.

    Args:
        settings: with `clock="events"`, so that results do not depend on when the job runs.
        logs: where the processes' output goes.
    """

    def __init__(self, settings: Settings, logs: Path) -> None:
        self.settings = settings
        self._logs = logs
        topics.create(settings)
        self._stack = ExitStack()
        self.source = Progress(settings, settings.group, (*settings.topics.sources, settings.topics.erasures))
        self.outbox = Progress(settings, settings.publisher_group, (settings.topics.avoid_lists,))
        self._stack.callback(self.source.close)
        self._stack.callback(self.outbox.close)

    def close(self) -> None:
        self._stack.close()

    def produce(self, events: Iterable[Event], watermark: int | None = None) -> None:
        """Sends events in this order, then a watermark."""
        with SignalProducer(self.settings) as producer:
            for event in events:
                producer.send(event)
            if watermark is not None:
                producer.watermark(watermark)

    def run_to_the_end(self, timeout: float) -> None:
        """Runs a worker and a publisher until everything produced is in Redis, and stops them in order."""
        with (
            running("worker", self.settings, self._logs / "worker.log") as worker,
            running("publisher", self.settings, self._logs / "publisher.log") as publisher,
        ):
            wait_for("all events are committed", self.source.done, worker, timeout)
            wait_for("all lists are in Redis", self.outbox.done, publisher, timeout)
        assert (worker.exit_code, publisher.exit_code) == (0, 0), worker.tail() + publisher.tail()

    def served(self) -> dict[str, Document]:
        """All documents in Redis by user."""
        with redis.Redis.from_url(self.settings.redis_url) as client:
            keys = list(client.scan_iter(match=document_key("*"), count=1000))
            values = client.mget(keys) if keys else []
        found = [document.decode(raw) for raw in values if raw is not None]
        return {made.user_id: made for made in found}

    def differences(self, events: list[Event], watermark: int) -> dict[str, list[str]]:
        """What is served against what the oracle computes from these events, by user."""
        truth = oracle.documents(self.settings, events, watermark)
        served = self.served()
        return {
            user: found
            for user in truth.keys() | served.keys()
            if (found := oracle.disagreements(served.get(user), truth.get(user)))
        }

"""A deployment that faults are done to: its processes, what it is fed, and the comparison every case ends with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from streamer.embedded.child import Child
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.deployment import Story, wrong_anywhere
from tests.feeding import Feed
from tests.processes import Progress, start, wait_for

Kind = Literal["worker", "publisher"]


class Deployed:
    """Processes on topics of their own, and a Redis nobody else uses meanwhile."""

    def __init__(self, settings: Settings, kafka: Kafka, redis: RealRedis, logs: Path) -> None:
        topics = settings.topics
        self.settings = settings
        self.kafka = kafka
        self.redis = redis
        self.source = Progress(settings, settings.group, (*topics.sources, topics.erasures))
        self.outbox = Progress(settings, settings.publisher_group, (topics.avoid_lists,))
        self._logs = logs
        self._children: list[Child] = []

    def spawn(self, kind: Kind, settings: Settings | None = None) -> Child:
        """Starts a worker or publisher, with other settings if need be."""
        return self._keep(start(kind, settings or self.settings, self._log(kind)))

    def spawn_faulty(self, kind: Kind, *fault: str) -> Child:
        """Starts one that does to itself what `faulty.py` calls this."""
        program = ["-m", "tests.system.faults.faulty", kind, *fault]
        return self._keep(start(kind, self.settings, self._log(kind), program))

    def feed(self, story: Story, shares: int = 1, rate: float | None = None) -> Feed:
        """A running feed, whose shares wait to be allowed."""
        feed = Feed(self.settings, story.events, story.end, shares, rate)
        feed.start()
        return feed

    def finish(self, story: Story, feed: Feed | None, worker: Child, publisher: Child, timeout: float = 120) -> None:
        """Waits until everything is processed and published, stops all in order, and compares everything."""
        if feed is not None:
            wait_for("everything is produced", lambda: feed.finished, worker, timeout)
        wait_for("all events are committed", self.source.done, worker, timeout)
        assert worker.stop(30) == 0, worker.tail()
        wait_for("all lists are in Redis", self.outbox.done, publisher, timeout)
        assert publisher.stop(30) == 0, publisher.tail()
        assert wrong_anywhere(self.settings, story.truth, story.users) == {}

    def close(self) -> None:
        """Kills what still runs."""
        for child in self._children:
            child.kill()
        self.source.close()
        self.outbox.close()

    def _keep(self, child: Child) -> Child:
        self._children.append(child)
        return child

    def _log(self, kind: Kind) -> Path:
        return self._logs / f"{kind}{len(self._children)}.log"


Deploy = Callable[..., Deployed]
"""Makes a deployment, whose settings may be given by name."""

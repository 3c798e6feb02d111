"""I3 with real processes: kill -9 of worker and publisher while events stream in changes no document."""

from __future__ import annotations

import threading

import pytest

from streamer.events import Event
from streamer.producing import SignalProducer
from streamer.settings import DAY_MS, Settings
from streamer.simulation.datasets import kuairand
from tests.backends.choose import RealRedis
from tests.data import shared_data
from tests.deployment import wrong
from tests.processes import Progress, wait_for
from tests.system.conftest import Spawn

KILLS = 3


class Stream(threading.Thread):
    """Produces events, a share at a time as `allowed`, with a watermark now and then and at the end."""

    def __init__(self, settings: Settings, events: list[tuple[str, Event]], shares: int) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._events = events
        self._share = len(events) // shares + 1
        self.allowed = threading.Semaphore(0)
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with SignalProducer(self._settings) as producer:
                for first in range(0, len(self._events), self._share):
                    self.allowed.acquire()
                    for i, (_, event) in enumerate(self._events[first : first + self._share]):
                        producer.send(event)
                        if i % 500 == 0:
                            producer.watermark(event.ts)
                producer.watermark(self._events[-1][1].ts + DAY_MS)
        except BaseException as error:
            self.error = error
            raise


@pytest.mark.timeout(400)
@pytest.mark.parametrize("settings", ["memory", "rocksdb"], indirect=True)
def test_killing_worker_and_publisher_in_the_middle_of_kuairand_changes_no_document(
    settings: Settings, source: Progress, outbox: Progress, redis_server: RealRedis, spawn: Spawn
) -> None:
    redis_server.flush()
    events = list(kuairand.events(shared_data("kuairand")))
    stream = Stream(settings, events, KILLS + 1)
    stream.start()
    for kill in range(KILLS + 1):
        before = source.committed()
        worker = spawn("worker")
        publisher = spawn("publisher")
        stream.allowed.release()
        if kill == KILLS:
            break
        wait_for("some of the stream is committed", lambda at=before: source.committed() > at + 3_000, worker)
        worker.kill()
        publisher.kill()
        assert source.lag() > 0, "it was killed in the middle"
    stream.join(120)
    assert stream.error is None
    assert not stream.is_alive()
    wait_for("all events are committed", source.done, worker, 120)
    assert worker.stop(30) == 0, worker.tail()
    wait_for("all lists are in Redis", outbox.done, publisher)
    assert publisher.stop(30) == 0, publisher.tail()
    assert wrong(settings, events, events[-1][1].ts + DAY_MS) == {}

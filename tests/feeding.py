"""Events going in while a test does something to the processes that read them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from streamer.events import Event
from streamer.producing import SignalProducer
from streamer.settings import Settings

_WATERMARK_EVERY = 200
_BURST = 20


class Feed(threading.Thread):
    """Produces a list of events, a share at a time as `allow` says, with watermarks on the way and after each.

    Args:
        end: the last watermark, ms.
        shares: how many times `allow` must be called before all is produced.
        rate: events a second within a share; None: as fast as the broker takes them.
        lateness_ms: how much older than its predecessors an event may be.
    """

    def __init__(
        self,
        settings: Settings,
        events: Sequence[tuple[str, Event]],
        end: int,
        shares: int = 1,
        rate: float | None = None,
        lateness_ms: int = 0,
    ) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._events = events
        self._end = end
        self._share = len(events) // shares + 1
        self._pause_s = 0.0 if rate is None else _BURST / rate
        self._lateness_ms = lateness_ms
        self._allowed = threading.Semaphore(0)
        self._shares_allowed = self._shares_sent = 0
        self._error: BaseException | None = None
        self.sent = 0

    def allow(self, shares: int = 1) -> None:
        """Lets the next shares go."""
        self._shares_allowed += shares
        self._allowed.release(shares)

    @property
    def idle(self) -> bool:
        """Every share that was allowed is at the broker."""
        return self.finished or self._shares_sent >= self._shares_allowed

    @property
    def finished(self) -> bool:
        """Everything is at the broker.

        Raises:
            AssertionError: the broker did not take it.
        """
        assert self._error is None, f"feeding failed: {self._error!r}"
        return not self.is_alive()

    def run(self) -> None:
        try:
            with SignalProducer(self._settings, delivery_timeout=300.0) as producer:
                for first in range(0, len(self._events), self._share):
                    self._allowed.acquire()
                    self._feed(producer, self._events[first : first + self._share])
                    self._shares_sent += 1
                producer.watermark(self._end)
        except BaseException as error:  # noqa: BLE001 - told to the test by `finished`
            self._error = error

    def _feed(self, producer: SignalProducer, events: Sequence[tuple[str, Event]]) -> None:
        for _, event in events:
            producer.send(event)
            self.sent += 1
            if self.sent % _WATERMARK_EVERY == 0 or event is events[-1][1]:
                producer.watermark(max(0, event.ts - self._lateness_ms))
            if self._pause_s and self.sent % _BURST == 0:
                time.sleep(self._pause_s)
        producer.flush()

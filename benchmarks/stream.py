"""A steady stream of events at real-time pace: each is sent when its time has come."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from msgspec.structs import replace

from benchmarks.backlog import flush, open_producer
from streamer.events import Event, encode
from streamer.settings import Settings

_TICK_S: Final = 0.005


class Stream:
    """Sends events in a thread of its own while the block runs.

    Args:
        settings: names the topics.
        events: (topic without prefix, event), `ts` in ms from the beginning of the stream, ascending.

    Attributes:
        sent: how many so far.
    """

    def __init__(self, settings: Settings, events: Sequence[tuple[str, Event]]) -> None:
        self._prefix = settings.topic_prefix
        self._events = events
        self._producer = open_producer(settings, linger_ms=2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent: list[Event] = []

    def _run(self) -> None:
        began = time.monotonic()
        began_ms = time.time_ns() // 1_000_000
        for topic, event in self._events:
            while (ahead := event.ts / 1000 - (time.monotonic() - began)) > 0:
                self._producer.poll(0)
                if self._stop.wait(min(ahead, _TICK_S)):
                    return
            stamped = replace(event, ts=began_ms + event.ts)
            self._producer.produce(self._prefix + topic, encode(stamped), stamped.user_id)
            self.sent.append(stamped)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        flush(self._producer)

"""A steady stream of events at real-time pace: each is sent when its time has come; and which of them came too late."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import msgspec
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from msgspec.structs import replace

from benchmarks.backlog import flush, open_admin, open_producer, produce
from benchmarks.outcome import records_of
from benchmarks.workload import Pair
from streamer.events import Event, encode
from streamer.settings import Settings

_TICK_S: Final = 0.005


class _Dated(msgspec.Struct):
    ts: int


_decoder: Final = msgspec.json.Decoder(_Dated)


class Stream:
    """Sends events in a thread of its own while the block runs.

    Args:
        settings: names the topics.
        events: (topic without prefix, event), `ts` in ms from the beginning of the stream, ascending.
        begin_ms: when that is, ms since 1970; what should have been sent by now is sent at once. None: now.

    Attributes:
        sent: how many so far.
    """

    def __init__(self, settings: Settings, events: Sequence[Pair], begin_ms: int | None = None) -> None:
        self._prefix = settings.topic_prefix
        self._events = events
        self._producer = open_producer(settings, linger_ms=2)
        self._begin_ms = begin_ms
        self._stop = threading.Event()
        self._present = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent: list[Event] = []

    def _run(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        begin_ms = now_ms if self._begin_ms is None else self._begin_ms
        began = time.monotonic() - (now_ms - begin_ms) / 1000
        for topic, event in self._events:
            while (ahead := event.ts / 1000 - (time.monotonic() - began)) > 0:
                self._producer.poll(0)
                self._present.set()
                if self._stop.wait(min(ahead, _TICK_S)):
                    return
            stamped = replace(event, ts=begin_ms + event.ts)
            produce(self._producer, self._prefix + topic, encode(stamped), stamped.user_id.encode())
            self.sent.append(stamped)

    def wait_present(self) -> None:
        """Returns when all that should have been sent by now has been."""
        self._present.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        flush(self._producer)


def date_by_broker(settings: Settings) -> None:
    """From now on the broker notes when records of the source topics reach it, for :func:`too_late`."""
    entry = ConfigEntry("message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
    resources = [
        ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry]) for topic in settings.topics.sources
    ]
    admin = open_admin(settings)
    for altered in admin.incremental_alter_configs(resources).values():
        altered.result(30)


def too_late(settings: Settings, since_ms: int) -> dict[str, int]:
    """By user, by how many ms at most their events newer than this came after the watermark might have sealed them.

    A watermark that is right passes no event that reaches the broker within `allowed_lag` of its ts, and a seal waits
    for `grace` more. Events that come later than that may count differently from what the oracle says, and rightly so.
    """
    allowed_ms = round(1000 * (settings.allowed_lag + settings.grace))
    late: dict[str, int] = {}
    for topic in settings.topics.sources:
        for record in records_of(settings.brokers, topic, settings.partitions):
            kind, appended_ms = record.timestamp()
            ts = _decoder.decode(record.value() or b"").ts
            if kind == TIMESTAMP_LOG_APPEND_TIME and ts > since_ms and appended_ms - ts > allowed_ms:
                user = (record.key() or b"").decode()
                late[user] = max(late.get(user, 0), appended_ms - ts)
    return late

"""The Faust app of a worker, publisher or population agent: settings translated, its life tied to what it carries.

Faust seam: ``faust.App`` with ``on_start``/``on_stop`` overridden (public), and its settings.

What must hold for it to be right: the service stops while the partitions are still ours.

Settings that matter, and why:
- ``stream_wait_empty=False``: nothing is ever acked; the engine saves before partitions go.
- ``table_standby_replicas=1`` (the default) keeps Faust's own assignor, which gives partition p of all topics with
  equal partition counts to one worker; the alternative, round robin, does not.
- ``broker_max_poll_interval``: a publisher waiting for Redis does not poll, and must not be thrown out for it.
- ``stream_buffer_maxsize`` counts deliveries here: all that one fetch brought an agent.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any, Final, Protocol, cast

import faust

from streamer.engine.kafka import transport
from streamer.engine.kafka.connecting.security import Security
from streamer.engine.kafka.connecting.worker_security import of_faust
from streamer.engine.kafka.positions import METADATA_MAX_AGE_MS
from streamer.engine.kafka.watchdog import Watchdog
from streamer.errors import SettingsError
from streamer.settings import Settings

_DAY_S: Final = 86_400.0
_HEARTBEATS: Final = 5
"""A process must miss this many to count as dead."""
_BUFFERED_DELIVERIES: Final = 64
STOP_LIMIT_S: Final = 10.0

log: Final = logging.getLogger(__name__)


class Service(Protocol):
    """What an app carries."""

    async def start(self, consumer: transport.BatchConsumer) -> None:
        """Called before the consumer joins its group."""

    async def stop(self) -> None:
        """Called while the partitions are still ours."""


class BatchApp(faust.App):
    """A Faust app on the batch transport; starts and stops its service.

    A broker that is gone must not keep it from stopping: after STOP_LIMIT_S the process ends as it is, which is as
    harmless as any crash, since what was not saved is read again.
    """

    attached: Service | None = None
    watchdog: Watchdog | None = None
    _stop_limit: threading.Timer | None = None

    async def on_start(self) -> None:
        """Called by Faust when the app starts."""
        await super().on_start()
        if self.attached is not None:
            await self.attached.start(cast(transport.BatchConsumer, self.consumer))
        if self.watchdog is not None:
            consumer = cast(transport.BatchConsumer, self.consumer)
            consumer.count_reset, consumer.count_unreadable = self.watchdog.count_reset, self.watchdog.count_unreadable
            self.add_future(self.watchdog.run(consumer, self.crash))

    async def on_stop(self) -> None:
        """Called by Faust when the app stops, before its consumer does."""
        self._stop_limit = threading.Timer(STOP_LIMIT_S, _end_unsaved)
        self._stop_limit.daemon = True
        self._stop_limit.start()
        try:
            if self.attached is not None:
                await self.attached.stop()
        finally:
            await super().on_stop()

    async def on_shutdown(self) -> None:
        """Called by Faust when everything has stopped."""
        await super().on_shutdown()
        if self._stop_limit is not None:
            self._stop_limit.cancel()


def _end_unsaved() -> None:
    log.error("not stopped within %.0f s, the broker may be gone: ending without saving", STOP_LIMIT_S)
    os._exit(1)


def create_app(name: str, settings: Settings, **overrides: Any) -> BatchApp:
    """An app whose consumer group is ``name``.

    Raises:
        SettingsError: ``data_dir`` cannot be made.
    """
    transport.register()
    folder = Path(settings.data_dir) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError([f"data_dir: {folder} cannot be made: {error.strerror}; set data_dir"]) from None
    options: dict[str, Any] = {
        "broker": transport.broker_urls(settings.brokers),
        "broker_credentials": of_faust(Security(settings)),
        "datadir": folder,
        "autodiscover": False,
        "web_enabled": False,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "topic_allow_declare": settings.declare_topics,
        "topic_disable_leader": True,
        "stream_wait_empty": False,
        "stream_buffer_maxsize": _BUFFERED_DELIVERIES,
        "broker_commit_interval": min(1.0, settings.checkpoint_interval),
        "broker_max_poll_interval": _DAY_S,
        "broker_session_timeout": settings.worker_timeout,
        "broker_heartbeat_interval": settings.worker_timeout / _HEARTBEATS,
        "broker_request_timeout": max(settings.broker_timeout, 2 * settings.worker_timeout),
        "consumer_metadata_max_age_ms": METADATA_MAX_AGE_MS,
        "worker_redirect_stdouts": False,
        **overrides,
    }
    return BatchApp(name, **options)

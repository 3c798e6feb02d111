"""The rejects agent: counts what was rejected, and logs a sample, so that somebody notices."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Final, cast

import faust
from faust.types import StreamT

from streamer.engine.kafka.records import Record
from streamer.engine.kafka.transport import BatchConsumer, Delivery, deliveries
from streamer.engine.metrics import Metrics
from streamer.events import REJECT_CODES
from streamer.settings import Settings

log: Final = logging.getLogger(__name__)

_SAMPLE_EVERY_S: Final = 10.0
_SHOWN: Final = 200


class RejectSampler:
    """Logs at most one reject per code every 10 s, with how many it stands for.

    Args:
        metrics: where rejects are counted. Whatever a stranger writes to their topic, there are no labels but these:
        topics: the full names of those that rejects are from.
    """

    def __init__(self, metrics: Metrics, topics: Collection[str]) -> None:
        self._metrics = metrics
        self._topics = frozenset(topics)
        self._logged_at_s: dict[str, float] = {}
        self._unlogged: dict[str, int] = {}

    def take(self, record: Record) -> None:
        """Counts one record of the rejects topic."""
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        code = _known(headers.get("code"), REJECT_CODES)
        topic = _known(headers.get("topic"), self._topics)
        self._metrics.rejects.labels(topic, code).inc()
        now_s = time.monotonic()
        if now_s - self._logged_at_s.get(code, -_SAMPLE_EVERY_S) < _SAMPLE_EVERY_S:
            self._unlogged[code] = self._unlogged.get(code, 0) + 1
            return
        self._logged_at_s[code] = now_s
        log.warning(
            "rejected (%s) %s[%s]@%s and %d more: %s",
            code,
            topic,
            headers.get("partition"),
            headers.get("offset"),
            self._unlogged.pop(code, 0),
            headers.get("detail", "")[:_SHOWN],
        )


def _known(value: str | None, values: Collection[str]) -> str:
    return value if value is not None and value in values else "unknown"


def install(app: faust.App, settings: Settings, metrics: Metrics) -> None:
    """Adds the agent to the app."""
    sampler = RejectSampler(metrics, (*settings.topics.sources, settings.topics.erasures))

    async def rejects(stream: StreamT[Delivery]) -> None:
        async for delivery in deliveries(stream):
            for batch in delivery.values():
                for record in batch:
                    sampler.take(record)
            cast(BatchConsumer, app.consumer).finished(delivery)

    app.agent(app.topic(settings.topics.rejects), name="rejects")(rejects)

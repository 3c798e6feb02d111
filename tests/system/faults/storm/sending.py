"""Sends a storm's plan at its times, whatever happens to the brokers meanwhile."""

from __future__ import annotations

import threading
import time
from random import Random
from typing import Final

from kafka import KafkaProducer

from streamer.events import Erasure, Watermark
from streamer.partitioning import partition_of
from streamer.producing import SignalProducer
from streamer.settings import Settings
from tests.system.faults.storm.plan import STRANGERS, Plan, Sendable, Strange
from tests.system.faults.test_dirt import Bad

BAD_HEADER: Final = "bad"
"""Header of a record that must be rejected: its code. So what a retry has sent twice is known, too."""
_DELIVERED_WITHIN_S: Final = 300.0


class Sending(threading.Thread):
    """Sends a plan; its first second is when it is started."""

    def __init__(self, settings: Settings, plan: Plan, seed: int) -> None:
        super().__init__(name="sending", daemon=True)
        self._settings = settings
        self._plan = plan
        self._rng = Random(f"{seed}/sending")
        self._error: BaseException | None = None

    @property
    def finished(self) -> bool:
        """Everything is at the brokers.

        Raises:
            AssertionError: they did not take it.
        """
        assert self._error is None, f"sending failed: {self._error!r}"
        return not self.is_alive()

    def run(self) -> None:
        began_s = time.monotonic()
        raw = KafkaProducer(
            bootstrap_servers=self._settings.brokers.split(","),
            acks="all",
            enable_idempotence=True,
            delivery_timeout_ms=round(_DELIVERED_WITHIN_S * 1000),
            max_block_ms=round(_DELIVERED_WITHIN_S * 1000),
        )
        patient = self._settings.model_copy(update={"broker_timeout": _DELIVERED_WITHIN_S})
        try:
            with SignalProducer(patient, delivery_timeout=_DELIVERED_WITHIN_S) as producer:
                for at_s, what in self._plan.sent:
                    time.sleep(max(0.0, began_s + at_s - time.monotonic()))
                    self._send(producer, raw, what)
            raw.flush(_DELIVERED_WITHIN_S)
        except BaseException as error:  # noqa: BLE001 - told to the test by `finished`
            self._error = error
        finally:
            raw.close(10)

    def _send(self, producer: SignalProducer, raw: KafkaProducer, what: Sendable) -> None:
        match what:
            case Erasure():
                producer.erase(what.user_id, what.ts)
                producer.flush()  # what follows of its user must not overtake it
            case Watermark():
                producer.watermark(what.watermark)
            case Bad():
                raw.send(
                    self._settings.topics.impressions,
                    what.value,
                    key=what.key,
                    headers=[(BAD_HEADER, what.code.encode())],
                    partition=self._partition(what),
                )
            case Strange():
                raw.send(what.topic, b"hello", key=STRANGERS[0].encode(), partition=what.partition)
            case _:
                producer.send(what)

    def _partition(self, bad: Bad) -> int | None:
        """Where a bad record stands: with what it says of its user, unless it is to stray."""
        count = self._settings.partitions
        home = partition_of("u", count)
        if bad.strays:
            return (home + 1 + self._rng.randrange(count - 1)) % count
        return None if bad.code == "key_mismatch" else self._rng.randrange(count)

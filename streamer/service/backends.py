"""Kafka and Redis as the service uses them: opened when they are first needed, and tried again while they are away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from streamer.clock import wall_ms
from streamer.errors import BrokerUnavailable, DeliveryError, RedisUnavailable, StreamerError
from streamer.events import Event
from streamer.producing import SignalProducer
from streamer.producing.connection import connect
from streamer.serving import AsyncAvoidListReader
from streamer.settings import Settings

ACK_S: Final = 15.0
"""Until an event that Kafka has not taken is an error."""
_KNOWN_S: Final = 2.0


class Backends:
    """What the routes stand on.

    Args:
        settings: the deployment's.

    Attributes:
        settings: the same.
        reader: of lists.
        now_ms: the wall clock, ms since 1970.
    """

    def __init__(self, settings: Settings, now_ms: Callable[[], int] = wall_ms) -> None:
        self.settings: Final = settings
        self.reader: Final = AsyncAvoidListReader(
            settings.redis_url, prefix=settings.redis_prefix, explore=settings.explore
        )
        self.now_ms: Final = now_ms
        self._producer: SignalProducer | None = None
        self._opening = asyncio.Lock()
        self._known: tuple[float, dict[str, str]] = (-_KNOWN_S, {})

    async def deliver(self, events: Sequence[Event]) -> list[DeliveryError | None]:
        """Sends events, and says of each whether Kafka has it (None) or why not.

        Raises:
            BrokerUnavailable, TopicsError: nothing can be sent at all.
        """
        producer = await self._open()
        return await asyncio.to_thread(producer.deliver, events, ACK_S)

    async def erase(self, user_id: str, ts: int) -> None:
        """Asks workers to forget a user up to ``ts`` (ms), and waits until Kafka has that.

        Raises:
            BrokerUnavailable, DeliveryError: it has not.
        """
        producer = await self._open()

        def send() -> None:
            producer.erase(user_id, ts)
            producer.flush(ACK_S)

        await asyncio.to_thread(send)

    async def problems(self) -> dict[str, str]:
        """What does not answer, and how; asked every two seconds at most."""
        at, known = self._known
        if time.monotonic() - at >= _KNOWN_S:
            known = await self._ask()
            self._known = (time.monotonic(), known)
        return known

    async def close(self) -> None:
        """Sends what is under way, and disconnects."""
        await self.reader.close()
        if self._producer is not None:
            await asyncio.to_thread(self._producer.close, ACK_S)

    async def _open(self) -> SignalProducer:
        if self._producer is None:
            if self._opening.locked():  # whoever tries it waits long enough for all
                raise BrokerUnavailable("Kafka is being connected to")
            async with self._opening:
                self._producer = await asyncio.to_thread(SignalProducer, self.settings, delivery_timeout=ACK_S)
        return self._producer

    async def _ask(self) -> dict[str, str]:
        found = {}
        try:
            await self.reader.get("~ready")
        except RedisUnavailable:
            found["redis"] = "it does not answer"
        except StreamerError:
            pass  # it has answered
        try:
            await asyncio.to_thread(self._ask_kafka)
        except StreamerError:
            found["kafka"] = "it does not answer"
        return found

    def _ask_kafka(self) -> None:
        with connect(self.settings):
            pass

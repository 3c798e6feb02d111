"""Kafka and Redis as the service uses them: opened in the background, and tried again while they are away.

What must hold for it to be right: nothing here waits behind a Kafka that is away. Whoever sends waits in threads of its
own, so many and no more, and beyond that is refused at once; probes have a thread of theirs, and one look serves all.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from streamer.clock import wall_ms
from streamer.errors import BrokerUnavailable, DeliveryError, RedisUnavailable, StreamerError
from streamer.events import Erasure, Event
from streamer.producing import SignalProducer
from streamer.producing.connection import connect
from streamer.serving import AsyncAvoidListReader
from streamer.settings import Settings

log: Final = logging.getLogger(__name__)

ACK_S: Final = 15.0
"""Until an event that Kafka has not taken is an error."""
SENDING: Final = 16
"""Requests that send at a time."""
WAITING: Final = 64
"""Requests that may wait for that: each has a body of some megabytes at most."""
_CONNECTS_S: Final = 2.0
"""How long a request waits for a connection that is being made."""
_KNOWN_S: Final = 2.0


class Backends:
    """What the routes stand on; used from one event loop.

    Args:
        settings: the deployment's.
        now_ms: the wall clock, ms since 1970.

    Attributes:
        settings: the same.
        reader: of lists.
        now_ms: the same.
        ending: set once the process is to end: what streams to a browser then ends, too.
    """

    def __init__(self, settings: Settings, now_ms: Callable[[], int] = wall_ms) -> None:
        self.settings: Final = settings
        self.reader: Final = AsyncAvoidListReader(
            settings.redis_url, prefix=settings.redis_prefix, explore=settings.explore
        )
        self.now_ms: Final = now_ms
        self.ending: Final = threading.Event()
        self._senders = ThreadPoolExecutor(SENDING, "sending")
        self._probes = ThreadPoolExecutor(1, "probing")
        self._under_way = 0
        self._producer: SignalProducer | None = None
        self._opening: asyncio.Task[SignalProducer] | None = None
        self._looking: asyncio.Task[dict[str, str]] | None = None
        self._known: tuple[float, dict[str, str]] = (-_KNOWN_S, {})

    def begin(self) -> None:
        """Begins to connect to Kafka; that it is away ends nothing."""
        self._open_in_background()

    async def deliver(self, events: Sequence[Event | Erasure]) -> list[DeliveryError | None]:
        """Sends events, and says of each whether Kafka has it (None) or why not; an erasure goes to every partition.

        Raises:
            BrokerUnavailable, TopicsError: nothing can be sent at all, or too many are waiting already.
        """
        if self._under_way >= SENDING + WAITING:
            raise BrokerUnavailable(f"{self._under_way} requests are waiting for Kafka")
        self._under_way += 1
        deadline = time.monotonic() + ACK_S
        try:
            producer = await self._open()

            def send() -> list[DeliveryError | None]:
                return producer.deliver(events, max(0.0, deadline - time.monotonic()))

            found = await asyncio.get_running_loop().run_in_executor(self._senders, send)
        finally:
            self._under_way -= 1
        if producer.is_broken and self._producer is producer:
            log.warning("Kafka has refused for good what was sent: connecting anew")
            self._producer = None
            self._senders.submit(_close, producer)
            self._open_in_background()
        return found

    async def problems(self) -> dict[str, str]:
        """What does not answer, and how; asked every two seconds at most, whoever asks."""
        at, known = self._known
        if time.monotonic() - at < _KNOWN_S:
            return known
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def close(self) -> None:
        """Sends what is under way, and disconnects; never raises for a Kafka that is away."""
        await self.reader.close()
        if self._opening is not None:
            self._opening.cancel()
        if self._producer is not None:
            await asyncio.get_running_loop().run_in_executor(self._senders, _close, self._producer)
        self._senders.shutdown(wait=False, cancel_futures=True)
        self._probes.shutdown(wait=False, cancel_futures=True)

    # --- connecting ---------------------------------------------------------------------------------------------

    def _open_in_background(self) -> asyncio.Task[SignalProducer]:
        if self._opening is None:
            self._opening = asyncio.create_task(self._connect())
            self._opening.add_done_callback(self._opened)
        return self._opening

    async def _connect(self) -> SignalProducer:
        return await asyncio.get_running_loop().run_in_executor(
            self._senders, lambda: SignalProducer(self.settings, delivery_timeout=ACK_S)
        )

    def _opened(self, task: asyncio.Task[SignalProducer]) -> None:
        self._opening = None
        if not task.cancelled() and task.exception() is None:
            self._producer = task.result()

    async def _open(self) -> SignalProducer:
        if self._producer is not None:
            return self._producer
        try:
            return await asyncio.wait_for(asyncio.shield(self._open_in_background()), _CONNECTS_S)
        except TimeoutError:
            raise BrokerUnavailable("Kafka does not answer yet") from None

    # --- probes -------------------------------------------------------------------------------------------------

    async def _look(self) -> dict[str, str]:
        found = {}
        try:
            await self.reader.get("~ready")
        except RedisUnavailable:
            found["redis"] = "it does not answer"
        except StreamerError:
            pass  # it has answered
        try:
            await asyncio.get_running_loop().run_in_executor(self._probes, self._ask_kafka)
        except StreamerError:
            found["kafka"] = "it does not answer"
        self._known, self._looking = (time.monotonic(), found), None
        return found

    def _ask_kafka(self) -> None:
        with connect(self.settings):
            pass


def _close(producer: SignalProducer) -> None:
    try:
        producer.close(ACK_S)
    except DeliveryError as error:
        log.warning("%s", error)

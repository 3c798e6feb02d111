"""The producer on asyncio: the same one, which never blocks the event loop."""

from __future__ import annotations

import asyncio
from functools import partial
from types import TracebackType
from typing import Self, Unpack

from streamer.events import Event
from streamer.events.fields import DislikeFields, FeedbackFields, ImpressionFields, PlayFields
from streamer.producing.producer import SignalProducer
from streamer.settings import Settings


class AsyncSignalProducer:
    """Sends events to Kafka as :class:`~streamer.producing.SignalProducer` does, by its rules and with its errors.

        async with AsyncSignalProducer(settings) as producer:
            await producer.impression(user_id="ann", content_id="c1", position=0, visible_ms=2400)

    Sending waits, and lets others run, while as many events as may be are under way. Within ``async with`` alone.

    Args:
        settings: the deployment's; None: as :func:`streamer.settings.load` finds them.
        delivery_timeout: s until an event that the broker has not taken is an error.
        max_pending: events under way at most.
        linger: s an event waits for others to share a request with.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        delivery_timeout: float = 60.0,
        max_pending: int = 100_000,
        linger: float = 0.005,
    ) -> None:
        self._open_producer = partial(
            SignalProducer, settings, delivery_timeout=delivery_timeout, max_pending=max_pending, linger=linger
        )
        self._producer: SignalProducer | None = None

    async def send(self, event: Event) -> None:
        """Sends one event; raises as :meth:`SignalProducer.send`."""
        await asyncio.to_thread(self._open.send, event)

    async def impression(self, **fields: Unpack[ImpressionFields]) -> None:
        """Sends an :class:`~streamer.events.Impression` with these fields; raises as :meth:`send`."""
        await asyncio.to_thread(self._open.impression, **fields)

    async def play(self, **fields: Unpack[PlayFields]) -> None:
        """Sends a :class:`~streamer.events.Play` with these fields; raises as :meth:`send`."""
        await asyncio.to_thread(self._open.play, **fields)

    async def dislike(self, **fields: Unpack[DislikeFields]) -> None:
        """Sends a :class:`~streamer.events.Dislike` with these fields; raises as :meth:`send`."""
        await asyncio.to_thread(self._open.dislike, **fields)

    async def feedback(self, **fields: Unpack[FeedbackFields]) -> None:
        """Sends a :class:`~streamer.events.Feedback` with these fields; raises as :meth:`send`."""
        await asyncio.to_thread(self._open.feedback, **fields)

    async def erase(self, user_id: str, ts: int) -> None:
        """Asks that everything known of a user up to ``ts`` (ms) be deleted; raises as :meth:`send`."""
        await asyncio.to_thread(self._open.erase, user_id, ts)

    async def flush(self, timeout: float | None = None) -> None:
        """Waits until the broker has every event sent so far; raises as :meth:`SignalProducer.flush`."""
        await asyncio.to_thread(self._open.flush, timeout)

    @property
    def _open(self) -> SignalProducer:
        if self._producer is None:
            raise RuntimeError("use it in  async with AsyncSignalProducer(...) as producer")
        return self._producer

    async def __aenter__(self) -> Self:
        self._producer = await asyncio.to_thread(self._open_producer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        producer, self._producer = self._open, None
        await asyncio.to_thread(producer.__exit__, kind, error, at)

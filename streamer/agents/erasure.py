"""The erasure agent: a request to forget a user goes to the partition that holds them, and takes effect at once."""

from __future__ import annotations

import faust
from faust.types import StreamT

from streamer.engine.kafka.transport import Delivery, deliveries
from streamer.engine.worker import Engine
from streamer.settings import Settings


def install(app: faust.App, engine: Engine, settings: Settings) -> None:
    """Adds the agent to the app."""

    async def erasure(stream: StreamT[Delivery]) -> None:
        async for delivery in deliveries(stream):
            engine.receive(delivery)

    app.agent(app.topic(settings.topics.erasures), name="erasure")(erasure)

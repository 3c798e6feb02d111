"""The erasure agent: a request to forget a user goes to the partition that holds them, and takes effect at once."""

from __future__ import annotations

import faust
from faust.types import StreamT

from streamer.engine.records import Batch
from streamer.engine.transport import held_batches
from streamer.engine.worker import Engine
from streamer.settings import Settings


def install(app: faust.App, engine: Engine, settings: Settings) -> None:
    """Adds the agent to the app."""

    async def erasure(stream: StreamT[Batch]) -> None:
        async for event, batch in held_batches(stream):
            engine.receive(event.message.tp, batch)

    app.agent(app.topic(settings.topics.erasures), name="erasure")(erasure)

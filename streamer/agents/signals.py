"""The signals agent: all that comes of the four source topics goes to the engine, which commits by checkpoints."""

from __future__ import annotations

from typing import Final

import faust
from faust.types import StreamT

from streamer.engine import lateness
from streamer.engine.kafka.transport import Delivery, deliveries
from streamer.engine.worker import Engine
from streamer.settings import Settings

_TICK_S: Final = 0.5
_TRUNCATE_S: Final = 60.0


def install(app: faust.App, engine: Engine, settings: Settings) -> None:
    """Adds the agent, and what the engine does by the clock, to the app."""

    async def signals(stream: StreamT[Delivery]) -> None:
        async for delivery in deliveries(stream):
            engine.receive(delivery)

    app.agent(app.topic(*settings.topics.sources), name="signals")(signals)
    app.task(engine.run)

    async def tick() -> None:
        engine.tick()

    app.timer(_TICK_S, name="tick")(tick)
    app.timer(settings.checkpoint_interval, name="checkpoint")(engine.checkpoint)
    if settings.population:
        app.timer(settings.population_interval, name="population")(engine.follow_population)
    app.timer(lateness.EVERY_S, name="late")(engine.report_late)
    app.timer(_TRUNCATE_S, name="truncate")(engine.truncate)
    app.timer(_TRUNCATE_S, name="keep whole")(engine.keep_whole)

"""``streamer rebuild-redis``: Redis is a cache of the topic avoid-lists and of those of the population."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.options import options_of

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from streamer.settings import Settings


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("rebuild-redis")(rebuild_redis)


def rebuild_redis(
    ctx: typer.Context,
    clear: Annotated[
        bool,
        typer.Option("--clear", help="Delete every user's list first: none is left that the topic does not have."),
    ] = False,
) -> None:
    """Replay all avoid lists, and the population's figures if it is on, into Redis: after a loss, or into an empty one.

    Safe to run while publishers run, and to run again: an older list never replaces a newer one.
    """
    settings = options_of(ctx).settings()
    from rich.console import Console
    from rich.progress import Progress

    from streamer.producing.outbox import outbox_of
    from streamer.producing.topics import require

    require(settings)
    owner = outbox_of(settings)
    console = Console(highlight=False)
    with Progress(console=console) as progress:
        task = progress.add_task("records of the topic", total=None)
        lines = asyncio.run(_rebuild(settings, owner, clear, progress, task))
    if settings.population:
        lines.append(asyncio.run(_rebuild_population(settings, owner)))
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


async def _rebuild(settings: Settings, owner: str, clear: bool, progress: Progress, task: TaskID) -> list[str]:
    from streamer.engine.kafka.scan import scan
    from streamer.engine.state.position import term_of
    from streamer.errors import StateCorrupt
    from streamer.sinks.markers import Span
    from streamer.sinks.redis import AvoidListWriter, Outbox
    from streamer.sinks.updates import Update

    applied = stale = records = 0
    terms = dict.fromkeys(range(settings.partitions), 0)
    problems: list[str] = []
    async with AvoidListWriter(
        settings.redis_url,
        timeout=settings.redis_timeout,
        clock=settings.clock,
        prefix=settings.redis_prefix,
        outbox=Outbox(settings.topics.avoid_lists, owner),
    ) as writer:
        await writer.look({})
        cleared = await writer.clear() if clear else 0
        async for scanned in scan(settings, settings.topics.avoid_lists, dict.fromkeys(range(settings.partitions), 0)):
            updates = []
            for record in scanned.records:
                try:
                    updates.append(Update.of(record, scanned.partition, settings.window_days))
                except StateCorrupt as error:
                    problems.append(str(error))
            if scanned.records:
                partition = scanned.partition
                terms[partition] = max(terms[partition], *(term_of(record.headers) for record in scanned.records))
                spans = {partition: Span(0, scanned.records[-1].offset + 1, terms[partition])}
            else:
                spans = {}
            written = await writer.write(updates, spans)
            records += len(scanned.records)
            applied += written.applied
            stale += written.stale
            progress.update(task, total=scanned.total, completed=scanned.done)
        progress.update(task, total=1, completed=1)
    lines = [f"deleted {cleared} keys first"] if clear else []
    lines.append(
        f"read {records} records: {applied} written to Redis, {stale} there already or replaced by a newer one"
    )
    return lines + problems


async def _rebuild_population(settings: Settings, owner: str) -> str:
    from streamer.engine.kafka.scan import scanner
    from streamer.engine.population.aggregator import announced
    from streamer.sinks.population import PopulationWriter, figures_of

    async with scanner(settings, "the population's figures") as topics:
        found = await announced(topics, settings)
    if found.priors.version == 0:
        return "the population: nothing announced yet"
    async with PopulationWriter(
        settings.redis_url, timeout=settings.redis_timeout, prefix=settings.redis_prefix, owner=owner
    ) as writer:
        if await writer.write(figures_of(*found)) is None:
            return "the population: Redis has newer figures, which stay"
    return (
        f"the population: everybody's rates (snapshot {found.priors.version}), {len(found.lists)} default lists "
        f"and {len(found.health)} flagged creators written to Redis"
    )

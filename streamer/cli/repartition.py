"""``streamer repartition``: the deployment's state in another number of partitions, under another prefix."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.options import options_of
from streamer.clock import wall_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamer.engine.state.repartition import Done
    from streamer.settings import Settings


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(repartition)


def repartition(
    ctx: typer.Context,
    to: Annotated[int, typer.Option("--to", min=1, max=10_000, help="How many partitions.")],
    prefix: Annotated[str, typer.Option(metavar="NEW", help="topic_prefix of the topics to be written.")],
    source_prefix: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="source_prefix of the deployment that is to be.")
    ] = None,
) -> None:
    """Write all users' state and lists to topics with another number of partitions. Nothing of the deployment may run.

    The settings are those of the deployment as it is. May be stopped and run again. docs/operations.md has the recipe.
    """
    options = options_of(ctx)
    old = options.settings()
    sources = {} if source_prefix is None else {"source_prefix": source_prefix}
    new = options.settings(partitions=to, topic_prefix=prefix, **sources)
    from rich.console import Console
    from rich.progress import Progress

    from streamer.producing import topics

    _ensure_apart(old, new)
    topics.require(old)
    topics.create(new)
    _ensure_at_rest(old)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=None)

        def told(what: str, done: int, of: int) -> None:
            progress.update(task, description=what, completed=done, total=of)

        done = asyncio.run(_repartition(old, new, told))
    for line in _report(done, old, new):
        typer.echo(line)


def _ensure_apart(old: Settings, new: Settings) -> None:
    from streamer.errors import SettingsError

    if new.topic_prefix == old.topic_prefix:
        raise SettingsError([f"--prefix: must be another than topic_prefix, {old.topic_prefix!r}"])
    if new.topics.source_prefix == old.topics.source_prefix and new.partitions != old.partitions:
        raise SettingsError(
            [
                f"--source-prefix: the sources {new.topics.impressions} … have {old.partitions} partitions; name other "
                f"ones, with {new.partitions}, to which producers send from now on"
            ]
        )


def _ensure_at_rest(old: Settings) -> None:
    from streamer.errors import TopicsError
    from streamer.producing import groups

    problems = groups.running(old) or asyncio.run(_unread(old))
    if problems:
        raise TopicsError(problems)


async def _unread(old: Settings) -> list[str]:
    from streamer.engine.kafka.scan import scanner
    from streamer.producing import groups

    problems = []
    async with scanner(old, "what is not processed yet", committed_only=True) as topics:
        for (topic, partition), offset in groups.committed(old).items():
            count = 0
            async for scanned in topics.scan(topic, {partition: offset}):
                count += len(scanned.records)
            if count:
                problems.append(
                    f"{topic}[{partition}] has {count} records that are not processed: stop whoever writes to it, start"
                    " the old deployment until it has read them (streamer_consumer_lag_records), then stop that"
                )
    return problems


async def _repartition(old: Settings, new: Settings, told: Callable[[str, int, int], None]) -> Done | None:
    from streamer.engine.kafka.producer import BatchProducer
    from streamer.engine.kafka.scan import scanner
    from streamer.engine.population.carrying_over import carry_over
    from streamer.engine.state.repartition import Repartition

    producer = BatchProducer(new)
    await producer.start()
    try:
        async with scanner(new, "the state") as topics:
            also = partial(carry_over, topics, producer, old, new) if old.population else None
            return await Repartition(topics, producer, old, new, wall_ms(), told, also).run()
    finally:
        await producer.close()


def _report(done: Done | None, old: Settings, new: Settings) -> list[str]:
    if done is None:
        return [f"done before: {new.topics.state} has the state of {old.topics.state}"]
    lines = [
        f"{done.users} users, {done.documents} with a list, are in {new.partitions} partitions now, and were read back"
    ]
    if done.left:
        lines.append(f"left behind what {done.left} of them had in a partition that is not theirs (see the log)")
    if new.source_prefix != "{topic_prefix}":
        lines.append(f"source_prefix={new.source_prefix}")
    settings = f"topic_prefix={new.topic_prefix}, partitions={new.partitions}"
    lines.append(f"start everything with {settings}; delete the topics of {old.topics.state} when all is well")
    return lines

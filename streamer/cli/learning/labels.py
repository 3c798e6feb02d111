"""``streamer labels export|stats``: training examples as files, and what is in them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streamer.cli.options import options_of
from streamer.learning import require_extra

if TYPE_CHECKING:
    from rich.table import Table

    from streamer.learning.examples.export import Export, Summary
    from streamer.learning.examples.stats import Stats
    from streamer.settings import Settings


def install(app: typer.Typer) -> None:
    """Adds the commands."""
    labels = typer.Typer(no_args_is_help=True, help="Training examples: write them to files, count what is in them.")
    labels.command()(export)
    labels.command()(stats)
    app.add_typer(labels, name="labels")


def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to; a folder of before is brought up to date.")],
    kind: Annotated[Literal["parquet"], typer.Option("--format", help="Of the files.")] = "parquet",
) -> None:
    """Write the topic labels to Parquet files by day, without repeats and erased users. Stopped, it goes on."""
    settings = _settings(ctx)
    require_extra("pyarrow")
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from streamer.learning.examples.export import Export
    from streamer.producing.topics import require

    require(settings)
    console = Console(highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"records of {settings.topics.labels} to {kind}", total=None)

        def report(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        done = asyncio.run(_export(settings, Export(settings, out, report)))
    for line in told(done, out):
        console.print(line, markup=False, soft_wrap=True)


def stats(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="An export; default: the topic as it is, repeats counted.")
    ] = None,
) -> None:
    """Count training examples: by what was done, day, users, propensity."""
    require_extra("pyarrow")
    from streamer.learning.examples.folder import tables_in
    from streamer.learning.examples.stats import COLUMNS, stats_of

    if folder is None:
        settings = _settings(ctx)
        from streamer.producing.topics import require

        require(settings)
        found = asyncio.run(_stats_of_topic(settings))
    else:
        found = stats_of(tables_in(folder, COLUMNS))
    from rich.console import Console

    console = Console(highlight=False)
    console.print(f"{found.examples:,} examples of {found.users:,} users on {len(found.days):,} days")
    if found.unreadable:
        console.print(f"{found.unreadable:,} records of the topic are no labels")
    if found.examples:
        for table in tables(found):
            console.print(table)


def told(done: Summary, out: Path) -> list[str]:
    """What a run did, in words; what is out of the ordinary only if it happened."""
    lines = [f"{done.labels:,} sessions' labels with {done.examples:,} examples written to {out}"]
    odd = (
        (done.repeats, "labels were there already"),
        (done.erased, "examples of erased users left out or taken out"),
        (done.leftovers, "files of an interrupted run deleted"),
        (done.lost, "files were gone or cut short: read again, as far as the topic still has it"),
        (
            done.missed,
            "records had gone from the topic before they were exported: export more often than its retention",
        ),
        (done.unreadable, f"records are no labels, and not in it: {done.why_unreadable}"),
    )
    return lines + [f"{count:,} {what}" for count, what in odd if count]


def tables(found: Stats) -> list[Table]:
    """The counts as tables."""
    from rich import box
    from rich.table import Table

    def table(title: str, rows: list[tuple[str, int]]) -> Table:
        made = Table(title, "examples", "share", box=box.SIMPLE_HEAD, pad_edge=False)
        for name, count in rows:
            made.add_row(name, f"{count:,}", f"{count / found.examples:.1%}")
        return made

    days = [(datetime.fromtimestamp(day * 86_400, UTC).date().isoformat(), n) for day, n in sorted(found.days.items())]
    tenths = [
        (
            "no valid exposure" if tenth is None else f"{tenth / 10:.1f} – {(tenth + 1) / 10:.1f}",
            found.propensities[tenth],
        )
        for tenth in sorted(found.propensities, key=lambda tenth: -1 if tenth is None else tenth)
    ]
    return [
        table("outcome", found.outcomes.most_common()),
        table("signal", found.signals.most_common()),
        table("weight says", found.signs.most_common()),
        table("propensity", tenths),
        table("day", days),
    ]


def _settings(ctx: typer.Context) -> Settings:
    from streamer.errors import SettingsError

    settings = options_of(ctx).settings()
    if not settings.labels:
        raise SettingsError(["labels: is false, so workers write no labels; set it to true for them and for this"])
    return settings


async def _export(settings: Settings, run: Export) -> Summary:
    from streamer.engine.kafka.scan import scanner

    async with scanner(settings, settings.topics.labels) as reader:
        return await run.run(reader)


async def _stats_of_topic(settings: Settings) -> Stats:
    from streamer.engine.kafka.scan import scanner
    from streamer.learning.examples.stats import stats_of_topic

    async with scanner(settings, settings.topics.labels) as reader:
        return await stats_of_topic(reader, settings.topics.labels, settings.partitions)

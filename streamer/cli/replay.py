"""``streamer replay DATASET PATH``: public data sets as events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streamer.cli.options import options_of
from streamer.events import DAY_MS


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(replay)


def replay(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="kuairand|open-bandit|movielens", help="Which data set.")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder that holds it.")],
    speed: Annotated[
        float | None, typer.Option(help="Event seconds per second; default: as fast as the broker takes them.")
    ] = None,
    as_is: Annotated[bool, typer.Option("--as-is", help="Keep the recorded times, rather than end today.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="From the start, not where the last run stopped.")] = False,
) -> None:
    """Send a public data set through the topics, in event-time order. Stopped, it resumes where it was.

    Run the workers with `clock = events` (STREAMER_CLOCK=events), or they take old events for late ones.
    """
    from streamer.replay.datasets import DATASETS

    if dataset not in DATASETS:
        known = "\n  ".join(f"{each.name}  ({each.what})" for each in DATASETS.values())
        raise typer.BadParameter(f"{dataset!r} is none of\n  {known}", param_hint="DATASET")
    settings = options_of(ctx).settings()
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from streamer.explaining.words import moment
    from streamer.producing import SignalProducer
    from streamer.replay import replay as simulation

    console = Console(highlight=False)
    with console.status(f"reading {path}"):
        recording = list(DATASETS[dataset].events(path))
    with SignalProducer(settings, linger=0.05) as producer:
        run = simulation.Replay(
            dataset, recording, producer, settings, source=path, speed=speed, as_is=as_is, restart=restart
        )
        resumed = run.progress.resumed_at
        if resumed:
            console.print(f"resuming after {resumed:,} of {run.progress.total:,} events; --restart begins anew")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(dataset, total=run.progress.total, completed=resumed)

            def report(at: simulation.Progress) -> None:
                progress.update(task, completed=at.delivered, description=f"{dataset} at {moment(at.event_ms)}")

            done = run.run(report)
    console.print(
        f"{done.delivered:,} events are in Kafka, times shifted by {done.shift_ms / DAY_MS:+.0f} days"
        if done.shift_ms
        else f"{done.delivered:,} events are in Kafka, with their recorded times"
    )

"""``streamer worker``, ``streamer publisher`` and ``streamer population``: the agents."""

from __future__ import annotations

import typer

from streamer.cli.options import options_of


def install(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(worker)
    app.command()(publisher)
    app.command()(population)


def worker(ctx: typer.Context) -> None:
    """Run a signals worker: events in, changed avoid lists out. Start as many as there is work for."""
    settings = options_of(ctx).settings()
    from streamer.agents import run_worker

    raise typer.Exit(run_worker(settings))


def publisher(ctx: typer.Context) -> None:
    """Run a publisher: brings changed avoid lists to Redis."""
    settings = options_of(ctx).settings()
    from streamer.agents import run_publisher

    raise typer.Exit(run_publisher(settings))


def population(ctx: typer.Context) -> None:
    """Run a population agent: everybody's rates, default lists, flagged creators. A second one stands by."""
    settings = options_of(ctx).settings()
    from streamer.agents import run_population

    raise typer.Exit(run_population(settings))

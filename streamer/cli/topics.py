"""``streamer topics create|check``."""

from __future__ import annotations

import typer

from streamer.cli.options import options_of


def install(app: typer.Typer) -> None:
    """Adds the commands."""
    topics = typer.Typer(no_args_is_help=True, help="Make Streamer's topics, or see whether they fit.")
    topics.command()(create)
    topics.command()(check)
    app.add_typer(topics, name="topics")


def create(ctx: typer.Context) -> None:
    """Make the topics that are missing. Existing ones are never changed."""
    settings = options_of(ctx).settings()
    from streamer.producing import topics

    made = topics.create(settings)
    for topic in made:
        typer.echo(f"made {topic}")
    there = len(topics.wanted(settings)) - len(made)
    typer.echo(f"{len(made)} made, {there} there already, those keyed by user with {settings.partitions} partitions")


def check(ctx: typer.Context) -> None:
    """Name everything that is wrong with the topics, and what could be better; exit code 1 if anything is wrong."""
    settings = options_of(ctx).settings()
    from streamer.producing import topics

    topics.require(settings)
    typer.echo(f"{len(topics.wanted(settings))} topics fit together")
    for line in topics.advice(settings):
        typer.echo(f"but: {line}")

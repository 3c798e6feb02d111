"""``streamer topics create|check|acls``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from streamer.cli.options import options_of


def install(app: typer.Typer) -> None:
    """Adds the commands."""
    topics = typer.Typer(no_args_is_help=True, help="Make Streamer's topics, or see whether they fit.")
    topics.command()(create)
    topics.command()(check)
    topics.command()(acls)
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
    if settings.uses_sasl or settings.ssl_cert is not None:
        typer.echo("the rights that each process needs:  streamer topics acls")


def check(ctx: typer.Context) -> None:
    """Name everything that is wrong with the topics, and what could be better; exit code 1 if anything is wrong."""
    settings = options_of(ctx).settings()
    from streamer.producing import topics
    from streamer.producing.advice import advice

    topics.require(settings)
    typer.echo(f"{len(topics.wanted(settings))} topics fit together")
    for line in advice(settings):
        typer.echo(f"but: {line}")


def acls(
    ctx: typer.Context,
    process: Annotated[
        Literal["worker", "publisher", "population", "producer"] | None,
        typer.Argument(help="Of whom; default: of all.", show_default=False),
    ] = None,
    principal: Annotated[
        str, typer.Option(help="Kafka's name of the user; {process} stands for the process.")
    ] = "User:streamer-{process}",
) -> None:
    """Print the commands that give each process the rights it needs, where Kafka has an authorizer."""
    settings = options_of(ctx).settings()
    from streamer.producing.acls import needed

    for acl in needed(settings):
        if process in (None, acl.process):
            typer.echo(acl.command(settings.brokers, principal.replace("{process}", acl.process)))

"""``streamer topics create|check|acls``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

from streamer.cli.options import options_of

if TYPE_CHECKING:
    from streamer.settings import Settings

_Who: TypeAlias = Literal[
    "worker", "publisher", "population", "producer", "check", "erase", "explain", "labels", "rebuild-redis", "rejects"
]
_PRINCIPAL: Final = "User:streamer-{process}"


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
        typer.echo("the rights that each process needs (of commands:  streamer topics acls erase  and the like):")
        _tell_acls(settings, None, _PRINCIPAL)


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
        _Who | None,
        typer.Argument(metavar="[WHO]", help="A process or command; default: all processes.", show_default=False),
    ] = None,
    principal: Annotated[
        str, typer.Option(help="Kafka's name of the user; {process} stands for the process.")
    ] = _PRINCIPAL,
) -> None:
    """Print the commands that give each process the rights it needs, where Kafka has an authorizer."""
    settings = options_of(ctx).settings()
    _tell_acls(settings, process, principal)


def _tell_acls(settings: Settings, process: _Who | None, principal: str) -> None:
    from streamer.producing.acls import PROCESSES, needed

    for acl in needed(settings, PROCESSES if process is None else [process]):
        typer.echo(acl.command(settings.brokers, principal.replace("{process}", acl.process)))

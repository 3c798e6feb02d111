"""All commands, the options they share, and what becomes of errors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from streamer import __version__
from streamer.cli import (
    check,
    demo,
    emit,
    erase,
    explain,
    inspect,
    rebuild,
    rejects,
    repartition,
    replay,
    run,
    schemas,
    serve,
    settings,
    topics,
)
from streamer.cli.learning import labels, responsiveness, train
from streamer.cli.options import Options
from streamer.errors import SettingsError, StreamerError


class ErrorsInWords(TyperGroup):
    """Ends every error that Streamer raises on purpose as its message on stderr and an exit code."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except StreamerError as error:
            typer.echo("\n".join(["", f"streamer: {error}", *getattr(error, "__notes__", ())]).lstrip(), err=True)
            raise typer.Exit(2 if isinstance(error, SettingsError) else 1) from None


def command_line() -> typer.Typer:
    """A command line without commands yet, whose errors end in words."""
    return typer.Typer(
        cls=ErrorsInWords,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


app = command_line()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"streamer {__version__}")
        raise typer.Exit


@app.callback()
def _streamer(
    ctx: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Shows the version and exits.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(metavar="TOML", help="Settings file; default: the one that STREAMER_CONFIG names.")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting that wins over file and environment; repeatable."),
    ] = None,
) -> None:
    """Turns what people don't do into avoid lists: Kafka in, Redis out."""
    ctx.obj = Options(config, tuple(override or ()))


run.install(app)
demo.install(app)
topics.install(app)
emit.install(app)
replay.install(app)
inspect.install(app)
explain.install(app)
rebuild.install(app)
erase.install(app)
repartition.install(app)
rejects.install(app)
labels.install(app)
check.install(app)
settings.install(app)
schemas.install(app)
serve.install(app)
train.install(app)
responsiveness.install(app)

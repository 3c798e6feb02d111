"""``python -m lab``: the commands that are for those who work on Streamer, not for those who run it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab import reader_vectors
from lab.closed_loop import command as closed_loop
from lab.evaluation import command as evaluation
from lab.learning import command as learning
from lab.screenshots import command as screenshots
from lab.simulation import command as simulation
from lab.skips import command as skips
from streamer.cli.app import command_line
from streamer.cli.options import Options

app = command_line()


@app.callback()
def _lab(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option(metavar="TOML", help="Settings file; default: the one that STREAMER_CONFIG names.")
    ] = None,
) -> None:
    """Measures Streamer: how good its lists are, what becomes of people, and that nothing makes them wrong."""
    ctx.obj = Options(config, ())


evaluation.install(app)
closed_loop.install(app)
learning.install(app)
simulation.install(app)
screenshots.install(app)
skips.install(app)
reader_vectors.install(app)

if __name__ == "__main__":
    app(prog_name="python -m lab")

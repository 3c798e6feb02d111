"""``python -m lab screenshots``: a city, the console before it, and a picture of each page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(screenshots)


def screenshots(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where the pictures go.")],
    events: Annotated[int, typer.Option(min=100, help="How many events the city makes.")] = 30_000,
) -> None:
    """Picture each page of the console with a city in it, at 390 and 1,280 pixels, light and dark.

    Needs Debian's chromium and chromium-driver, and a minute or two.
    """
    from rich.console import Console

    from streamer.errors import DependencyMissing

    try:
        from lab.screenshots.city import inhabited
        from lab.screenshots.pages import take
    except ModuleNotFoundError as error:
        raise DependencyMissing(f"{error.name}, which the pictures need,", "dev") from None

    console = Console(highlight=False, markup=False, soft_wrap=True)
    folder.mkdir(parents=True, exist_ok=True)
    with inhabited(console, events) as city:
        for file in take(city, folder):
            console.print(f"{file}  {file.stat().st_size / 1000:.0f} kB")

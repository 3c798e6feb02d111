"""``python -m lab skips``: what a skip, a short look and a leaving say of what comes later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.evaluation.command import Half


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(skips)


def skips(
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Where kuairand-pure is, see docs/evaluation.md.")],
    half: Annotated[Half, typer.Option(help="Of the users: look at the first half, report on the second.")] = Half.ALL,
) -> None:
    """Tell how often later videos of a single-column feed were wanted, by how videos with their tags had gone.

    As ratios to what was expected of the video and of the user, with 95 % intervals over users.
    """
    from rich.console import Console
    from rich.table import Table

    from lab.evaluation.bootstrap import Estimate
    from lab.evaluation.sets.halves import in_half
    from lab.skips.later import measured
    from lab.skips.sightings import read

    users = [own for user, own in read(data).items() if in_half(f"kuairand-pure-{user}", half)]
    later, differences = measured(users)

    def cell(found: Estimate) -> str:
        return f"{found.value:.2f} ({found.low:.2f}–{found.high:.2f})"

    console = Console(highlight=False)
    table = Table("before, of videos that share a tag", "later videos", "long views ÷ expected", "clicks ÷ expected")
    for each in later:
        table.add_row(each.before, f"{each.videos:,}", cell(each.wanted[0]), cell(each.wanted[1]))
    console.print(table)
    table = Table("less", "", "long views", "clicks")
    for difference in differences:
        table.add_row(difference.first, difference.second, cell(difference.less[0]), cell(difference.less[1]))
    console.print(table)

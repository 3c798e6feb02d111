"""``streamer responsiveness FOLDER``: what recommenders show after a "no", against what they show without one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.options import options_of
from streamer.learning import require_extra

if TYPE_CHECKING:
    from rich.console import Console

    from streamer.learning.responsiveness.reading import People
    from streamer.learning.responsiveness.simulating import Simulated
    from streamer.settings import Settings


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(responsiveness)


def responsiveness(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made by  streamer labels export FOLDER.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Made by  streamer train FOLDER; default: only the avoid list is simulated.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="HTML", help="Write a page with plots, too.")] = None,
    users: Annotated[int, typer.Option(min=1, help="How many to simulate at most.")] = 100,
    lists: Annotated[int, typer.Option(min=1, max=100, help="How many next lists to look at.")] = 5,
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="Items of a list.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the draw of users, and of intervals.")] = 0,
) -> None:
    """Simulate what recommenders show after a skip, an abandonment, a dislike: on two cores some minutes."""
    require_extra("pyarrow", "jax", "flax", "jinja2", "matplotlib", "scipy")
    from rich.console import Console

    from streamer.cli.learning.response_table import table
    from streamer.learning.responsiveness.reading import read
    from streamer.learning.responsiveness.report import Report, write

    settings = options_of(ctx).settings(labels=True, population=False)
    console = Console(highlight=False)
    with console.status(f"reading {folder}"):
        people = read(folder, settings, users, seed)
    notes = _notes(people, checkpoint)
    console.print(
        f"{len(people.states):,} of {people.users:,} users, {len(people.items):,} items; the next {lists} lists of {k} "
        f"items, one a day; seed {seed}, 95 % intervals by user"
    )
    for note in notes:
        console.print(note, markup=False, soft_wrap=True)
    simulated = _simulated(people, checkpoint, settings, (lists, k, seed), console)
    for each in simulated:
        console.print(table(each))
    if report is not None:
        write(Report(_command(folder, checkpoint, (users, lists, k, seed)), seed, len(people.states), lists, k,
                     tuple(notes), tuple(simulated)), report)  # fmt: skip
        console.print(f"the page is in {report}", markup=False, soft_wrap=True)


def _simulated(
    people: People, checkpoint: Path | None, settings: Settings, options: tuple[int, int, int], console: Console
) -> list[Simulated]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from streamer.learning.responsiveness.contenders import contenders
    from streamer.learning.responsiveness.simulating import simulate
    from streamer.profile import Rules

    rules = Rules(settings)
    among = contenders(people, rules, checkpoint)
    lists, k, seed = options
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("users, by recommender", total=len(people.states) * len(among.recommenders))
        return simulate(
            among.recommenders, people.states, among.items, rules, vectors=among.vectors, lists=lists, k=k, seed=seed,
            report=lambda: progress.advance(task),
        )  # fmt: skip


def _notes(people: People, checkpoint: Path | None) -> list[str]:
    """What a reader of the figures has to know of these users."""
    notes = []
    if not people.refused:
        told = ": a model trained on them knows no no, and answers by chance" if checkpoint else ""
        notes.append("nobody refused anything in these examples" + told)
    if single := sum(len(state) == 1 for state in people.states):
        notes.append(f"{single:,} of these users have one interaction only")
    return notes


def _command(folder: Path, checkpoint: Path | None, options: tuple[int, int, int, int]) -> str:
    model = "" if checkpoint is None else f" --checkpoint {checkpoint}"
    users, lists, k, seed = options
    return f"streamer responsiveness {folder}{model} --users {users} --lists {lists} --k {k} --seed {seed}"

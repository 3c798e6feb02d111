"""``python -m lab closed-loop``: what becomes of people when a recommender learns from what it showed them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lab.evaluation.command import numbers
from streamer.cli.options import options_of
from streamer.learning import require_extra

if TYPE_CHECKING:
    from rich.console import Console

    from lab.closed_loop.report import Report
    from lab.closed_loop.study import Recommends
    from lab.closed_loop.town import Plan
    from streamer.settings import Settings


_NONE: Final = "none"


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("closed-loop")(closed_loop)


def closed_loop(
    ctx: typer.Context,
    users: Annotated[int, typer.Option(min=2, max=10_000, help="Users of each town.")] = 150,
    days: Annotated[
        int, typer.Option(min=8, max=365, help="Days that pass; on the first three nothing is learned.")
    ] = 28,
    seeds: Annotated[
        str, typer.Option(metavar="N,N|none", help="Towns for the factorisation, one for each; none: it is left out.")
    ] = "11,12,13",
    retriever_seeds: Annotated[
        str, typer.Option(metavar="N,N|none", help="Towns for the retriever, which is dearer; none: it is left out.")
    ] = "11",
    adapting: Annotated[
        float, typer.Option(min=0, max=1, help="Share of creators who turn to hooks if they are shown little.")
    ] = 0.3,
    disappointed: Annotated[
        float, typer.Option(min=0, max=1, help="Share of users whom such a hook draws in and loses.")
    ] = 0.8,
    plots: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write charts there, as SVG.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the tables as Markdown.")] = None,
) -> None:
    """Let a recommender, avoid lists, people and creators answer one another over simulated weeks.

    Every arm runs in the same towns with the same chance, so arms differ by what they show. Some minutes on two cores.
    It is a simulation, whose people do what they were written to do.
    """
    require_extra("pyarrow", "implicit", "jax", "flax", "optax")
    from rich.console import Console

    from lab.closed_loop.town import Plan

    of: dict[Recommends, Sequence[int]] = {}
    if seeds != _NONE:
        of["factors"] = numbers(seeds, "--seeds")
    if retriever_seeds != _NONE:
        of["retriever"] = numbers(retriever_seeds, "--retriever-seeds")
    if not of:
        raise typer.BadParameter("both are none, so there is nothing to do", param_hint="--seeds, --retriever-seeds")
    plan = Plan(users=users, days=days, adapting=adapting, disappointed=disappointed)
    command = (
        f"python -m lab closed-loop --users {users} --days {days} --seeds {seeds} --retriever-seeds {retriever_seeds}"
        f" --adapting {adapting:g} --disappointed {disappointed:g}"
    )
    console = Console(highlight=False)
    report = _run(console, plan, of, options_of(ctx).settings(), command)
    from lab.closed_loop import tables

    tables.show(console, report)
    if markdown is not None:
        markdown.write_text(tables.markdown(report), encoding="utf-8")
    if plots is not None:
        from lab.closed_loop.plots import write

        for file in write(report, plots):
            console.print(f"written: {file}", markup=False, soft_wrap=True)


def _run(
    console: Console, plan: Plan, seeds: dict[Recommends, Sequence[int]], settings: Settings, command: str
) -> Report:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from lab.closed_loop.report import Report, group_of
    from lab.closed_loop.study import days_of, runs
    from lab.evaluation.bootstrap import RESAMPLES

    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("days", total=days_of(plan, seeds))
        found = runs(plan, seeds, settings, lambda more: progress.advance(task, more))
    groups = tuple(group_of(each, plan, tuple(seeds[each.recommends])) for each in found)
    return Report(command, plan, RESAMPLES, round(time.monotonic() - began, 1), groups)

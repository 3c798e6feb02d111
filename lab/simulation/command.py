"""``python -m lab simulate``: thousands of schedules of crashes, takeovers and freezes, each from one seed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(simulate)


def simulate(
    seeds: Annotated[str, typer.Option(metavar="A:B", help="Seeds A up to before B.")] = "0:2000",
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="Only this one.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="With --seed: say everything that happens.")] = False,
) -> None:
    """Run the real partition, checkpoint, recovery and publishing on a simulated Kafka, Redis and clock.

    One seed is one schedule, the same every time. A seed that fails is told, and the least of its schedule that still
    fails is told step by step.
    """
    from rich.console import Console

    from lab.simulation.run import shrunk, wrong
    from lab.simulation.schedule import schedule

    console = Console(highlight=False, markup=False, soft_wrap=True)
    chosen = _range(seeds) if seed is None else range(seed, seed + 1)
    if trace and seed is not None:
        found = wrong(schedule(seed), told=console.print)
        for problem in found:
            console.print(f"seed {seed}: {problem}")
        raise typer.Exit(1 if found else 0)
    failed = _run(console, chosen)
    if failed is not None:
        console.print(f"\nseed {failed}, shrunk:")
        for problem in wrong(shrunk(schedule(failed)), told=console.print):
            console.print(f"seed {failed}: {problem}")
        raise typer.Exit(1)


def _run(console: Console, seeds: range) -> int | None:
    """Runs them all, tells every failure, and returns the first seed that failed."""
    from rich.progress import track

    from lab.simulation.run import failures

    began, first, count = time.perf_counter(), None, 0
    for seed, found in track(failures(seeds), "schedules", len(seeds), console=console, transient=True):
        count += bool(found)
        if found and first is None:
            first = seed
        for problem in found:
            console.print(f"seed {seed}: {problem}")
    took = time.perf_counter() - began
    console.print(f"{len(seeds)} schedules in {took:.0f} s, {count} of them went wrong")
    return first


def _range(seeds: str) -> range:
    first, _, end = seeds.partition(":")
    if not first.isdecimal() or not end.isdecimal() or int(first) >= int(end):
        raise typer.BadParameter(f"{seeds!r} is no range of seeds such as 0:2000", param_hint="--seeds")
    return range(int(first), int(end))

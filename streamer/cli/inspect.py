"""``streamer inspect USER``: what Redis serves for a user."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.options import as_text, options_of
from streamer.clock import wall_ms

if TYPE_CHECKING:
    from rich.console import Console

    from streamer.scoring.document import Document
    from streamer.settings import Settings


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(inspect)


def inspect(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.", callback=as_text)],
    as_json: Annotated[bool, typer.Option("--json", help="The document as it is stored, byte for byte.")] = False,
) -> None:
    """Show a user's avoid list as Redis has it: every entry, why, on what evidence, how much it weighs now."""
    settings = options_of(ctx).settings()
    raw = stored(settings, user)
    if raw is None:
        typer.echo(
            f"Redis has no avoid list of {user!r}: nothing to avoid is known, or the user is unknown or new "
            f"(why not:  streamer explain {user} VALUE)",
            err=True,
        )
        raise typer.Exit(1)
    if as_json:
        sys.stdout.buffer.write(raw + b"\n")
        sys.stdout.flush()
        return
    from rich.console import Console

    show(Console(highlight=False), document_in(settings, user, raw), wall_ms())


def stored(settings: Settings, user: str) -> bytes | None:
    """The bytes of a user's document, None if there is none.

    Raises:
        RedisUnavailable: no answer within ``redis_timeout``.
    """
    from streamer.sinks.address import RedisAddress
    from streamer.sinks.connection import CLIENT_ERRORS
    from streamer.sinks.keys import Keys

    address = RedisAddress(settings.redis_url, settings.redis_timeout)
    try:
        with address.connect() as client:
            raw = client.get(Keys(settings.redis_prefix).document(user))
    except CLIENT_ERRORS as error:
        raise address.unavailable(error) from None
    assert raw is None or isinstance(raw, bytes)
    return raw


def document_in(settings: Settings, user: str, raw: bytes) -> Document:
    """The document in these bytes, which are a user's.

    Raises:
        StateCorrupt, StateTooNew: it cannot be read.
    """
    from streamer.serving.lookup import read
    from streamer.sinks.keys import Keys

    document = read(Keys(settings.redis_prefix).document(user), raw).document
    assert document is not None
    return document


def show(console: Console, document: Document, now_ms: int) -> None:
    """Prints a document."""
    from streamer.cli.tables import LEGEND, entries_table
    from streamer.explaining.words import moment, relative

    facts = [f"as of {moment(document.as_of)} ({relative(document.as_of, now_ms)})"]
    if document.cohort is not None:
        facts.append(f"cohort {document.cohort}")
    if document.avoid.duration_max_seconds is not None:
        facts.append(f"nothing longer than {document.avoid.duration_max_seconds} s")
    console.print(f"{document.user_id}: " + ", ".join(facts), markup=False)
    if document.completion:
        means = ", ".join(f"{media} {share:.0%}" for media, share in document.completion.items())
        console.print(f"watched, heard or read to the end on average: {means}", markup=False)
    if not document.entries:
        console.print("Known well enough, and nothing to avoid.")
        return
    console.print(entries_table(document.entries, now_ms, evidence=True))
    console.print(LEGEND, style="dim")

"""``streamer rejects count|show|resend``: what could not be processed."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

import typer

from streamer.cli.options import as_text, options_of
from streamer.clock import wall_ms
from streamer.explaining.words import moment

if TYPE_CHECKING:
    from streamer.producing.dead_letters import DeadLetter
    from streamer.settings import Settings

_HOUR_MS: Final = 3_600_000
_SHOWN: Final = 400
"""Signs of a value that are shown."""

Code = Annotated[str | None, typer.Option("--code", help="Only those with this code, as wrong_partition.")]
Topic = Annotated[
    str | None, typer.Option("--topic", callback=as_text, help="Only those of this topic, without topic_prefix.")
]
User = Annotated[str | None, typer.Option("--user", callback=as_text, help="Only those of this user.")]
Hours = Annotated[float | None, typer.Option("--hours", min=0, help="Only those of the last hours; default: all.")]


def install(app: typer.Typer) -> None:
    """Adds the commands."""
    rejects = typer.Typer(no_args_is_help=True, help="What could not be processed: count it, see it, send it again.")
    for command in (count, show, resend):
        rejects.command()(command)
    app.add_typer(rejects, name="rejects")


def count(ctx: typer.Context, code: Code = None, topic: Topic = None, user: User = None, hours: Hours = None) -> None:
    """Count them by topic and code."""
    counts = Counter(
        (letter.topic, letter.code) for letter in _found(options_of(ctx).settings(), code, topic, user, hours)
    )
    for (of, why), number in sorted(counts.items()):
        typer.echo(f"{number:>9,}  {of or '(a stranger)'}  {why or '(no code)'}")
    typer.echo(f"{sum(counts.values()):>9,}  in all")


def show(
    ctx: typer.Context,
    code: Code = None,
    topic: Topic = None,
    user: User = None,
    hours: Hours = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest.")] = 20,
) -> None:
    """Show them: when, where they came from, why they were rejected, and what they are."""
    found = _found(options_of(ctx).settings(), code, topic, user, hours)
    newest = sorted(found, key=lambda letter: letter.rejected_at, reverse=True)
    for letter in islice(newest, limit):
        typer.echo(f"{moment(letter.rejected_at)}  {letter.topic}[{letter.partition}]@{letter.offset}  {letter.code}")
        typer.echo(f"  {letter.detail}")
        typer.echo(f"  key {_text(letter.key)}")
        typer.echo(f"  {_text(letter.value)}")
    if len(newest) > limit:
        typer.echo(f"… and {len(newest) - limit:,} older ones: --limit shows more")


def resend(
    ctx: typer.Context,
    code: Code = None,
    topic: Topic = None,
    user: User = None,
    hours: Hours = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Send those again that are valid by now: to the topic they were in, to their user's partition.

    For what was rejected as wrong_partition, missing_key or from_the_future. Doing it twice changes nothing.
    """
    settings = options_of(ctx).settings()
    from streamer.errors import DeliveryError
    from streamer.producing import dead_letters

    found = _found(settings, code, topic, user, hours)
    if found and not yes:
        typer.confirm(f"send again what is valid of {len(found):,} dead letters?", abort=True)
    done = dead_letters.resend(settings, found)
    typer.echo(f"{done.sent:,} sent again; {done.invalid:,} still cannot be processed, and stay")
    if done.failed:
        raise DeliveryError(f"{done.failed:,} were not taken by the broker ({done.why}): send them again")


def _found(
    settings: Settings, code: str | None, topic: str | None, user: str | None, hours: float | None
) -> list[DeadLetter]:
    from streamer.producing.dead_letters import Wanted, dead_letters

    since_ms = 0 if hours is None else wall_ms() - round(hours * _HOUR_MS)
    full_name = None if topic is None else settings.topics.source_prefix + topic
    wanted = Wanted(code, full_name, user, since_ms)

    async def read() -> list[DeadLetter]:
        return [letter async for letter in dead_letters(settings, wanted)]

    return asyncio.run(read())


def _text(raw: bytes | None) -> str:
    if raw is None:
        return "(none)"
    text = raw[: 4 * _SHOWN].decode(errors="backslashreplace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} … ({len(raw):,} bytes)"

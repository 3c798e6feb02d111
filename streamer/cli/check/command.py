"""``streamer check``: every problem at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streamer.cli.check.finding import Finding, guarded
from streamer.cli.options import options_of

if TYPE_CHECKING:
    from streamer.settings import Settings


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(check)


def check(
    ctx: typer.Context,
    of: Annotated[
        Literal["worker", "publisher", "population", "producer"] | None,
        typer.Option("--of", help="Whose rights in Kafka this user must have; default: everybody's."),
    ] = None,
) -> None:
    """Check settings, broker, topics, rights, state, population and Redis; exit code 1 if anything is wrong."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from streamer.cli.check import kafka
    from streamer.errors import SettingsError
    from streamer.producing.acls import PROCESSES

    try:
        settings = options_of(ctx).settings()
    except SettingsError as error:
        findings = [Finding("settings", False, problem) for problem in error.problems]
        findings.append(Finding("broker, topics, Redis", False, "not looked at: put the settings right first"))
    else:
        running = [each for each in PROCESSES if each != "population" or settings.population]
        processes = running if of is None else [of]
        findings = [
            Finding("settings", True, "fit together"),
            *kafka.findings(settings, processes),
            *guarded("Redis", lambda: _redis(settings)),
        ]
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    for finding in findings:
        sign = Text("✓", style="green") if finding.good else Text("✗", style="bold red")
        table.add_row(sign, finding.part, Text(finding.text, overflow="fold"))
    Console(highlight=False).print(table)
    bad = sum(not finding.good for finding in findings)
    if bad:
        typer.echo(f"{bad} problem{'' if bad == 1 else 's'}", err=True)
        raise typer.Exit(1)


def _redis(settings: Settings) -> Iterator[Finding]:
    from streamer.errors import BrokerUnavailable, RedisUnavailable
    from streamer.producing.outbox import outbox_of
    from streamer.sinks import trial
    from streamer.sinks.address import RedisAddress
    from streamer.sinks.keys import Keys

    keys = Keys(settings.redis_prefix)
    address = RedisAddress(settings.redis_url, settings.redis_timeout)
    try:
        owner = outbox_of(settings)
    except BrokerUnavailable:  # it is told above
        owner = ""
    found = list(trial.problems(address, keys, owner))
    yield from (Finding("Redis", False, each) for each in found)
    if not found:
        yield Finding("Redis", True, f"takes a publisher's writes at {address}")
    with contextlib.suppress(RedisUnavailable):  # it has answered just now
        odd = list(trial.oddities(address, keys, settings.topics.avoid_lists))
        yield from (Finding("Redis", True, f"but: {each}") for each in odd)

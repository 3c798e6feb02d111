"""``streamer check``: every problem at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import typer

from streamer.cli.options import options_of
from streamer.cli.words import moment
from streamer.clock import wall_ms

if TYPE_CHECKING:
    from streamer.engine.population.announcement import Announcement
    from streamer.settings import Settings


class Finding(NamedTuple):
    """One thing checked.

    Attributes:
        part: what was looked at.
        good: whether all is well.
        text: what was found, or what is wrong and what to do.
    """

    part: str
    good: bool
    text: str


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(check)


def check(ctx: typer.Context) -> None:
    """Check settings, broker, topics, state, population and Redis; exit code 1 if anything is wrong."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from streamer.errors import SettingsError

    try:
        settings = options_of(ctx).settings()
    except SettingsError as error:
        findings = [Finding("settings", False, problem) for problem in error.problems]
        findings.append(Finding("broker, topics, Redis", False, "not looked at: put the settings right first"))
    else:
        findings = [Finding("settings", True, "fit together"), *_kafka(settings), *_redis(settings)]
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    for finding in findings:
        sign = Text("✓", style="green") if finding.good else Text("✗", style="bold red")
        table.add_row(sign, finding.part, Text(finding.text, overflow="fold"))
    Console(highlight=False).print(table)
    bad = sum(not finding.good for finding in findings)
    if bad:
        typer.echo(f"{bad} problem{'' if bad == 1 else 's'}", err=True)
        raise typer.Exit(1)


def _kafka(settings: Settings) -> Iterator[Finding]:
    from streamer.errors import Unavailable
    from streamer.producing import topics
    from streamer.producing.advice import advice

    try:
        problems = topics.check(settings)
    except Unavailable as error:
        yield Finding("broker", False, str(error))
        yield Finding("topics", False, "not looked at: no broker")
        return
    yield Finding("broker", True, f"answers at {settings.brokers}")
    for problem in problems:
        yield Finding("topics", False, problem)
    if not problems:
        yield Finding("topics", True, f"fit together, {settings.partitions} partitions each")
        yield from (Finding("topics", True, f"but: {each}") for each in advice(settings))
        yield from _groups(settings)
        yield from _contents(settings)
        if settings.population:
            yield _population(settings)


def _groups(settings: Settings) -> Iterator[Finding]:
    from streamer.producing import groups

    problems, oddities = groups.check(settings)
    yield from (Finding("groups", False, each) for each in problems)
    yield from (Finding("groups", True, f"but: {each}") for each in oddities)
    if not problems:
        yield Finding("groups", True, "no other deployment is in them")


def _contents(settings: Settings) -> Iterator[Finding]:
    from streamer.cli.check import topics as contents
    from streamer.errors import BrokerUnavailable, StateError

    for part, look in (("state", contents.state), ("rejects", lambda s: contents.rejects(s, wall_ms()))):
        try:
            yield Finding(part, *look(settings))
        except (BrokerUnavailable, StateError) as error:
            yield Finding(part, False, str(error))


def _population(settings: Settings) -> Finding:
    from streamer.engine.kafka.scan import scanner
    from streamer.engine.population.aggregator import announced
    from streamer.engine.population.snapshots import is_stale
    from streamer.errors import BrokerUnavailable

    async def read() -> Announcement:
        async with scanner(settings, "the population's figures") as topics:
            return await announced(topics, settings)

    try:
        found = asyncio.run(read())
    except BrokerUnavailable as error:
        return Finding("population", False, str(error))
    known = found.priors
    now_ms = wall_ms()
    if known.version == 0:
        text = "no rates of everybody yet, so users are judged by built-in ones: does  streamer population  run?"
        return Finding("population", False, text)
    text = (
        f"rates of {moment(known.as_of)} (snapshot {known.version}): {len(known.tags)} tags and "
        f"{len(known.creators)} creators with rates of their own, {len(found.lists)} default lists, "
        f"{len(found.health)} creators flagged"
    )
    if is_stale(known.as_of, now_ms, settings):
        return Finding("population", False, f"{text}; it is old: does  streamer population  run?")
    return Finding("population", True, text)


def _redis(settings: Settings) -> Iterator[Finding]:
    from streamer.errors import BrokerUnavailable, RedisUnavailable, SettingsError
    from streamer.producing.outbox import outbox_of
    from streamer.sinks import trial
    from streamer.sinks.address import RedisAddress
    from streamer.sinks.keys import Keys

    keys = Keys(settings.redis_prefix)
    try:
        address = RedisAddress(settings.redis_url, settings.redis_timeout)
    except SettingsError as error:
        yield from (Finding("Redis", False, problem) for problem in error.problems)
        return
    try:
        owner = outbox_of(settings)
    except BrokerUnavailable:  # it is told above
        owner = ""
    try:
        found = list(trial.problems(address, keys, owner))
    except RedisUnavailable as error:
        yield Finding("Redis", False, str(error))
        return
    yield from (Finding("Redis", False, each) for each in found)
    if not found:
        yield Finding("Redis", True, f"takes a publisher's writes at {address}")
    with contextlib.suppress(RedisUnavailable):  # it has answered just now
        odd = list(trial.oddities(address, keys, settings.topics.avoid_lists))
        yield from (Finding("Redis", True, f"but: {each}") for each in odd)

"""What ``streamer check`` looks at in Kafka: broker, topics, rights, groups, and what the topics have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from streamer.cli.check.finding import Finding, guarded
from streamer.clock import wall_ms
from streamer.errors import SettingsError, Unavailable
from streamer.explaining.words import moment

if TYPE_CHECKING:
    from streamer.engine.population.announcement import Announcement
    from streamer.producing.acls import Process
    from streamer.producing.rights import Missing
    from streamer.settings import Settings


def findings(settings: Settings, processes: Collection[Process]) -> Iterator[Finding]:
    """All of them. Of a broker that is not there it is said once.

    Args:
        processes: whose rights this user is to have.
    """
    from streamer.producing.connection import connect

    try:
        with connect(settings):
            pass
    except (Unavailable, SettingsError) as error:
        yield from (Finding("broker", False, each) for each in getattr(error, "problems", [str(error)]))
        yield Finding("topics, rights, groups", False, "not looked at: no broker")
        return
    yield Finding("broker", True, f"answers at {settings.brokers}")
    problems = list(guarded("topics", lambda: _topics(settings)))
    yield from problems
    yield from guarded("rights", lambda: _rights(settings, processes))
    yield from guarded("groups", lambda: _groups(settings))
    if all(each.good for each in problems):
        yield from _contents(settings)
    else:
        yield Finding("state, rejects", True, "not looked at: put the topics right first")


def _topics(settings: Settings) -> Iterator[Finding]:
    from streamer.producing import topics
    from streamer.producing.advice import advice

    problems = topics.check(settings)
    yield from (Finding("topics", False, each) for each in problems)
    if not problems:
        yield Finding("topics", True, f"fit together, {settings.partitions} partitions each")
        yield from (Finding("topics", True, f"but: {each}") for each in advice(settings))


def _rights(settings: Settings, processes: Collection[Process]) -> Iterator[Finding]:
    from streamer.producing import rights, topics

    who = f"User:{settings.sasl_username}" if settings.sasl_username else "User:NAME"
    lacking = rights.missing(settings, processes) + rights.creating(settings, topics.missing(settings))
    yield from (Finding("rights", each.is_optional, _in_words(each, settings.brokers, who)) for each in lacking)
    if all(each.is_optional for each in lacking):
        yield Finding("rights", True, f"enough for {', '.join(processes)}, as far as the broker says")


def _in_words(missing: Missing, brokers: str, principal: str) -> str:
    acl = missing.acl
    what = f"{acl.process}: {', '.join(acl.operations)} on {acl.resource} {acl.name}{'*' if acl.prefixed else ''}"
    if not missing.is_known:
        return f"but: {what}: unknown, the broker does not say who may do what"
    command = acl.command(brokers, principal)
    return (
        f"but: {what} is not allowed, and not needed: {command}"
        if missing.is_optional
        else (f"{what} is not allowed: {command}")
    )


def _groups(settings: Settings) -> Iterator[Finding]:
    from streamer.producing import groups

    problems, oddities, hidden = groups.check(settings)
    yield from (Finding("groups", False, each) for each in problems)
    yield from (Finding("groups", True, f"but: {each}") for each in (*oddities, *hidden))
    if not problems and not hidden:
        yield Finding("groups", True, "no other deployment is in them")


def _contents(settings: Settings) -> Iterator[Finding]:
    from streamer.cli.check import topics as contents
    from streamer.producing import rights

    closed = {each.acl.name for each in rights.missing(settings, ["check"]) if each.is_known}
    names = settings.topics
    looks: list[tuple[str, tuple[str, ...], Callable[[], list[Finding]]]] = [
        ("state", (names.state,), lambda: [Finding("state", *contents.state(settings))]),
        ("rejects", (names.rejects,), lambda: [Finding("rejects", *contents.rejects(settings, wall_ms()))]),
    ]
    if settings.population:
        looks.append(("population", (names.snapshots, names.population), lambda: [_population(settings)]))
    for part, needed, look in looks:
        if hidden := closed.intersection(needed):
            yield Finding(part, True, f"not looked at: this user may not read {', '.join(sorted(hidden))}")
        else:
            yield from guarded(part, look)


def _population(settings: Settings) -> Finding:
    from streamer.engine.kafka.compacted import PARTITION
    from streamer.engine.kafka.scan import scanner
    from streamer.engine.population.aggregator import announced
    from streamer.engine.population.snapshots import is_stale

    async def read() -> tuple[Announcement, bool]:
        async with scanner(settings, "the population's figures") as topics:
            told = await topics.extents(settings.topics.population, [PARTITION])
            return await announced(topics, settings), told[PARTITION].end > 0

    found, is_told = asyncio.run(read())
    known = found.priors
    if known.version == 0:
        text = "no rates of everybody yet, so users are judged by built-in ones"
        question = ": does  streamer population  run?" if is_told else "; no worker has told any session either"
        return Finding("population", not is_told, text + question)
    text = (
        f"rates of {moment(known.as_of)} (snapshot {known.version}): {len(known.tags)} tags and "
        f"{len(known.creators)} creators with rates of their own, {len(found.lists)} default lists, "
        f"{len(found.health)} creators flagged"
    )
    if is_stale(known.as_of, wall_ms(), settings):
        return Finding("population", False, f"{text}; it is old: does  streamer population  run?")
    return Finding("population", True, text)

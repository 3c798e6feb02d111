"""What everybody's figures are in Redis, and bringing it there: whatever was there before, the same stands in the end.

Figures never replace newer ones: every batch of commands first compares the time that they are of with that in Redis.
So an agent that is frozen in the midst of writing, and woken when another has gone on, writes nothing more. A Cluster,
whose keys are on many servers, cannot do both at once: what such an agent was just sending stands until the next round.

==========================  =========================================================================================
``avoid:~all``              the default list of those of whom nothing is known (string, a document)
``avoid:~cohort:{cohort}``  that of those of whom only the cohort is known
``creator:{id}``            a creator whom the monitor has flagged (string, JSON)
``population:rates``        the snapshot's version, and the rates that hold for everybody (string, JSON)
``population:tags``         by tag the probability that somebody dislikes it (hash)
``population:creators``     likewise by creator; who is not in it has the rates' ``prior``
``population:as_of``        the time that the newest figures are of, ms since 1970 (string)
``population:written``      the strings above that are there now, so that none outlives its reason (set)
==========================  =========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace

from streamer.scoring.priors import Priors, encode
from streamer.sinks.address import RedisAddress
from streamer.sinks.connection import CLIENT_ERRORS, AsyncClient, AsyncClosing, close, leave_replica
from streamer.sinks.keys import creator_key, document_key

RATES_KEY: Final = "population:rates"
TAGS_KEY: Final = "population:tags"
CREATORS_KEY: Final = "population:creators"
WRITTEN_KEY: Final = "population:written"
AS_OF_KEY: Final = "population:as_of"
_AT_ONCE: Final = 1000
_UNLESS_NEWER: Final = """
-- KEYS  population:as_of
-- ARGV  the time that figures are of (ms), then commands, each after the number of its words
-- Returns 1 if they were done, 0 if there are newer figures.
local newest = tonumber(redis.call('GET', KEYS[1]) or '0')
if newest > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
local at = 2
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, at + words))
  at = at + words + 1
end
return 1
"""

_Command: TypeAlias = tuple[str | bytes, ...]


class Figures(NamedTuple):
    """Everything that Redis should have of the population.

    Attributes:
        as_of: the time that they are of, ms since 1970; greater than that of all figures before.
        rates: the string at ``population:rates``.
        strings: the other strings, by key.
        hashes: the hashes, by key.
    """

    as_of: int
    rates: bytes
    strings: Mapping[str, bytes]
    hashes: Mapping[str, Mapping[str, bytes]]


def figures_of(priors: Priors, lists: Mapping[bytes, bytes], health: Mapping[bytes, bytes]) -> Figures:
    """What Redis should have.

    Args:
        priors: the snapshot in force.
        lists: default lists by name (``~all``, ``~cohort:de``).
        health: records of flagged creators by id.
    """
    strings = {document_key(name.decode()): document for name, document in lists.items()}
    strings |= {creator_key(creator.decode()): record for creator, record in health.items()}
    return Figures(
        priors.as_of,
        encode(replace(priors, tags={}, creators={})),
        strings,
        {TAGS_KEY: _in_text(priors.tags), CREATORS_KEY: _in_text(priors.creators)},
    )


def _in_text(rates: Mapping[str, float]) -> dict[str, bytes]:
    return {name: repr(rate).encode() for name, rate in rates.items()}


class PopulationWriter(AsyncClosing):
    """Keeps Redis as the newest figures have it: only differences are written, everything if Redis has lost something.

    Use it from one event loop, and close it there.

    Args:
        redis_url: see :class:`streamer.sinks.address.RedisAddress`.
        timeout: s to wait for a connection, and for an answer.

    Raises:
        SettingsError: if the URL or timeout cannot work.
    """

    def __init__(self, redis_url: str, *, timeout: float = 2.0) -> None:
        self._address = RedisAddress(redis_url, timeout)
        self._client: AsyncClient = self._address.connect_async()
        self._there: Figures | None = None

    async def write(self, wanted: Figures) -> int | None:
        """Makes Redis have exactly these, unless it has newer ones.

        Returns:
            How many values were written or deleted; None: there are newer ones, and they stay.

        Raises:
            RedisUnavailable: some of it may not be there; call it again.
        """
        try:
            return await self._write(wanted)
        except CLIENT_ERRORS as error:
            self._there = None
            await leave_replica(self._client, error)
            raise self._address.unavailable(error) from error
        except _NewerError:
            return None

    async def close(self) -> None:
        """Closes its connections."""
        await close(self._client)

    async def _write(self, wanted: Figures) -> int:
        there = self._there
        if there is None or not await self._is_there(there):
            there = await self._begin_anew(wanted.as_of)
        self._there = None  # until all of it is done
        commands = [*_changed_strings(there.strings, wanted.strings)]
        for key, values in wanted.hashes.items():
            commands += _changed_fields(key, there.hashes.get(key, {}), values)
        values_changed = len(commands)
        await self._run([*commands, ("SET", RATES_KEY, wanted.rates)], wanted.as_of)  # last: then everything is there
        self._there = wanted
        return values_changed

    async def _is_there(self, figures: Figures) -> bool:
        """Whether nobody has written since, or emptied Redis."""
        as_of = await self._client.get(AS_OF_KEY)
        return as_of == str(figures.as_of).encode() and await self._client.get(RATES_KEY) == figures.rates

    async def _begin_anew(self, as_of: int) -> Figures:
        """Takes everything for unknown but the names of the strings; the hashes are made empty."""
        names = await self._client.execute_command("SMEMBERS", WRITTEN_KEY)
        await self._run([("UNLINK", TAGS_KEY), ("UNLINK", CREATORS_KEY)], as_of)
        return Figures(as_of, b"", dict.fromkeys(map(bytes.decode, names), b""), {})

    async def _run(self, commands: Sequence[_Command], as_of: int) -> None:
        run = self._run_in_cluster if self._address.is_cluster else self._run_at_once
        for first in range(0, len(commands), _AT_ONCE):
            await run(commands[first : first + _AT_ONCE], as_of)

    async def _run_at_once(self, commands: Sequence[_Command], as_of: int) -> None:
        words = [word for command in commands for word in (len(command), *command)]
        if not await self._client.execute_command("EVAL", _UNLESS_NEWER, 1, AS_OF_KEY, as_of, *words):
            raise _NewerError

    async def _run_in_cluster(self, commands: Sequence[_Command], as_of: int) -> None:
        if int(await self._client.get(AS_OF_KEY) or 0) > as_of:
            raise _NewerError
        async with self._client.pipeline(transaction=False) as pipe:
            for command in (("SET", AS_OF_KEY, as_of), *commands):
                pipe.execute_command(*command)
            await pipe.execute()


class _NewerError(Exception):
    """Redis has newer figures."""


def _changed_strings(there: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[_Command]:
    commands: list[_Command] = []
    for key, value in wanted.items():
        if there.get(key) != value:
            commands += [("SADD", WRITTEN_KEY, key), ("SET", key, value)]
    for key in there.keys() - wanted.keys():
        commands += [("UNLINK", key), ("SREM", WRITTEN_KEY, key)]
    return commands


def _changed_fields(key: str, there: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[_Command]:
    commands: list[_Command] = [
        ("HSET", key, field, value) for field, value in wanted.items() if there.get(field) != value
    ]
    return commands + [("HDEL", key, field) for field in there.keys() - wanted.keys()]

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

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace
from redis.exceptions import NoPermissionError

from streamer.scoring.priors import Priors, encode
from streamer.sinks.address import RedisAddress
from streamer.sinks.connection import CLIENT_ERRORS, AsyncClient, AsyncClosing, close, leave_replica
from streamer.sinks.keys import Keys
from streamer.sinks.owner import Ownership
from streamer.sinks.script import Script, run

_AT_ONCE: Final = 1000
_UNLESS_NEWER: Final = Script(
    """
-- KEYS  population:as_of
-- ARGV  the time that figures are of (ms), then commands, each after the number of its words
-- Returns 1 if they were done, 0 if there are newer figures.
local stored = redis.pcall('GET', KEYS[1])
local newest = type(stored) == 'string' and tonumber(stored) or 0 -- else it is nobody's time
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
)

_Command: TypeAlias = tuple[str | bytes, ...]


class Figures(NamedTuple):
    """Everything that Redis should have of the population.

    Attributes:
        as_of: the time that they are of, ms since 1970; greater than that of all figures before.
        rates: the snapshot's version, and the rates that hold for everybody.
        lists: default lists by name (``~all``, ``~cohort:de``).
        health: records of flagged creators by id.
        tags: rates by tag.
        creators: rates by creator.
    """

    as_of: int
    rates: bytes
    lists: Mapping[str, bytes]
    health: Mapping[str, bytes]
    tags: Mapping[str, bytes]
    creators: Mapping[str, bytes]


def figures_of(priors: Priors, lists: Mapping[bytes, bytes], health: Mapping[bytes, bytes]) -> Figures:
    """What Redis should have.

    Args:
        priors: the snapshot in force.
        lists: default lists by name.
        health: records of flagged creators by id.
    """
    return Figures(
        priors.as_of,
        encode(replace(priors, tags={}, creators={})),
        {name.decode(): document for name, document in lists.items()},
        {creator.decode(): record for creator, record in health.items()},
        _in_text(priors.tags),
        _in_text(priors.creators),
    )


def _in_text(rates: Mapping[str, float]) -> dict[str, bytes]:
    return {name: repr(rate).encode() for name, rate in rates.items()}


class _Stored(NamedTuple):
    """Figures as Redis has them, or should.

    Attributes:
        as_of: the time that they are of, ms since 1970.
        rates: the string with the rates, which is written last.
        strings: the other strings, by key.
        hashes: the hashes, by key.
    """

    as_of: int
    rates: bytes
    strings: Mapping[bytes, bytes]
    hashes: Mapping[str, Mapping[str, bytes]]

    @classmethod
    def of(cls, figures: Figures, keys: Keys) -> _Stored:
        strings = {keys.document(name).encode(): document for name, document in figures.lists.items()}
        strings |= {keys.creator(creator).encode(): record for creator, record in figures.health.items()}
        hashes = {keys.tags: figures.tags, keys.creators: figures.creators}
        return cls(figures.as_of, figures.rates, strings, hashes)


class PopulationWriter(AsyncClosing):
    """Keeps Redis as the newest figures have it: only differences are written, everything if Redis has lost something.

    Use it from one event loop, and close it there.

    Args:
        redis_url: see :class:`streamer.sinks.address.RedisAddress`.
        timeout: s to wait for a connection, and for an answer.
        prefix: put before every key `[redis_prefix]`.
        owner: whose figures they are, as that of :class:`streamer.sinks.redis.Outbox`.

    Raises:
        SettingsError: if the URL, timeout or prefix cannot work.
    """

    def __init__(self, redis_url: str, *, timeout: float = 2.0, prefix: str = "", owner: str = "") -> None:
        self._address = RedisAddress(redis_url, timeout)
        self._keys = Keys(prefix)
        self._client: AsyncClient = self._address.connect_async()
        self._owner = Ownership(self._keys, owner)
        self._there: _Stored | None = None

    async def write(self, wanted: Figures) -> int | None:
        """Makes Redis have exactly these, unless it has newer ones.

        Returns:
            How many values were written or deleted; None: there are newer ones, and they stay.

        Raises:
            RedisShared: another deployment writes to the same keys.
            RedisUnavailable: some of it may not be there; call it again.
        """
        try:
            with contextlib.suppress(NoPermissionError):  # the publisher tells
                await self._owner.hold(self._client)
            return await self._write(_Stored.of(wanted, self._keys))
        except CLIENT_ERRORS as error:
            self._there = None
            await leave_replica(self._client, error)
            raise self._address.unavailable(error) from error
        except _NewerError:
            return None

    async def close(self) -> None:
        """Closes its connections."""
        await close(self._client)

    async def _write(self, wanted: _Stored) -> int:
        there = self._there
        if there is None or not await self._is_there(there):
            there = await self._begin_anew(wanted.as_of)
        self._there = None  # until all of it is done
        commands = [*_changed_strings(self._keys.written, there.strings, wanted.strings)]
        for key, values in wanted.hashes.items():
            commands += _changed_fields(key, there.hashes.get(key, {}), values)
        values_changed = len(commands)
        await self._run(
            [*commands, ("SET", self._keys.rates, wanted.rates)], wanted.as_of
        )  # last: then everything is there
        self._there = wanted
        return values_changed

    async def _is_there(self, figures: _Stored) -> bool:
        """Whether nobody has written since, or emptied Redis."""
        as_of = await self._client.get(self._keys.as_of)
        return as_of == str(figures.as_of).encode() and await self._client.get(self._keys.rates) == figures.rates

    async def _begin_anew(self, as_of: int) -> _Stored:
        """Takes everything for unknown but the names of the strings; the hashes are made empty."""
        keys = self._keys
        names: Iterable[bytes] = await self._client.execute_command("SMEMBERS", keys.written)
        await self._run([("UNLINK", keys.tags), ("UNLINK", keys.creators)], as_of)
        return _Stored(as_of, b"", dict.fromkeys(names, b""), {})

    async def _run(self, commands: Sequence[_Command], as_of: int) -> None:
        run = self._run_in_cluster if self._address.is_cluster else self._run_at_once
        for first in range(0, len(commands), _AT_ONCE):
            await run(commands[first : first + _AT_ONCE], as_of)

    async def _run_at_once(self, commands: Sequence[_Command], as_of: int) -> None:
        words = [word for command in commands for word in (len(command), *command)]
        (done,) = await run(self._client, [_UNLESS_NEWER.call([self._keys.as_of], [as_of, *words])])
        if isinstance(done, Exception):
            raise done
        if not done:
            raise _NewerError

    async def _run_in_cluster(self, commands: Sequence[_Command], as_of: int) -> None:
        newest = await self._client.get(self._keys.as_of) or b""
        if newest.isdigit() and int(newest) > as_of:
            raise _NewerError
        async with self._client.pipeline(transaction=False) as pipe:
            for command in (("SET", self._keys.as_of, as_of), *commands):
                pipe.execute_command(*command)
            await pipe.execute()


class _NewerError(Exception):
    """Redis has newer figures."""


def _changed_strings(written: str, there: Mapping[bytes, bytes], wanted: Mapping[bytes, bytes]) -> list[_Command]:
    commands: list[_Command] = []
    for key, value in wanted.items():
        if there.get(key) != value:
            commands += [("SADD", written, key), ("SET", key, value)]
    for key in there.keys() - wanted.keys():
        commands += [("UNLINK", key), ("SREM", written, key)]
    return commands


def _changed_fields(key: str, there: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[_Command]:
    commands: list[_Command] = [
        ("HSET", key, field, value) for field, value in wanted.items() if there.get(field) != value
    ]
    return commands + [("HDEL", key, field) for field in there.keys() - wanted.keys()]

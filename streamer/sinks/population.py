"""What everybody's figures are in Redis, and bringing it there: whatever was there before, the same stands in the end.

==========================  =========================================================================================
``avoid:~all``              the default list of those of whom nothing is known (string, a document)
``avoid:~cohort:{cohort}``  that of those of whom only the cohort is known
``creator:{id}``            a creator whom the monitor has flagged (string, JSON)
``population:rates``        the snapshot's version, and the rates that hold for everybody (string, JSON)
``population:tags``         by tag the probability that somebody dislikes it (hash)
``population:creators``     likewise by creator; who is not in it has the rates' ``prior``
``population:written``      the strings above that are there now, so that none outlives its reason (set)
==========================  =========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from streamer.scoring.priors import Priors, encode
from streamer.sinks.connection import CLIENT_ERRORS, AsyncClient, AsyncClosing, RedisAddress
from streamer.sinks.keys import creator_key, document_key

RATES_KEY: Final = "population:rates"
TAGS_KEY: Final = "population:tags"
CREATORS_KEY: Final = "population:creators"
WRITTEN_KEY: Final = "population:written"
_AT_ONCE: Final = 1000


class Figures(NamedTuple):
    """Everything that Redis should have of the population.

    Attributes:
        rates: the string at ``population:rates``.
        strings: the other strings, by key.
        hashes: the hashes, by key.
    """

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
        redis_url: see :class:`streamer.sinks.connection.RedisAddress`.
        timeout: s to wait for a connection, and for an answer.

    Raises:
        SettingsError: if the URL or timeout cannot work.
    """

    def __init__(self, redis_url: str, *, timeout: float = 2.0) -> None:
        self._address = RedisAddress(redis_url, timeout)
        self._client: AsyncClient = self._address.connect_async()
        self._there: Figures | None = None

    async def write(self, wanted: Figures) -> int:
        """Makes Redis have exactly these; returns how many values were written or deleted.

        Raises:
            RedisUnavailable: some of it may not be there; call it again.
        """
        try:
            return await self._write(wanted)
        except CLIENT_ERRORS as error:
            self._there = None
            raise self._address.unavailable(error) from error

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.aclose()

    async def _write(self, wanted: Figures) -> int:
        there = self._there
        if there is None or await self._client.get(RATES_KEY) != there.rates:
            there = await self._begin_anew()
        self._there = None  # until all of it is done
        commands = [*_changed_strings(there.strings, wanted.strings)]
        for key, values in wanted.hashes.items():
            commands += _changed_fields(key, there.hashes.get(key, {}), values)
        values_changed = len(commands)
        await self._run([*commands, ("SET", RATES_KEY, wanted.rates)])  # last: with it everything is there
        self._there = wanted
        return values_changed

    async def _begin_anew(self) -> Figures:
        """Takes everything for unknown but the names of the strings; the hashes are made empty."""
        names = await self._client.execute_command("SMEMBERS", WRITTEN_KEY)
        await self._run([("UNLINK", TAGS_KEY), ("UNLINK", CREATORS_KEY)])
        return Figures(b"", dict.fromkeys(map(bytes.decode, names), b""), {})

    async def _run(self, commands: Sequence[tuple[str | bytes, ...]]) -> None:
        for first in range(0, len(commands), _AT_ONCE):
            async with self._client.pipeline(transaction=False) as pipe:
                for command in commands[first : first + _AT_ONCE]:
                    pipe.execute_command(*command)
                await pipe.execute()


def _changed_strings(there: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[tuple[str | bytes, ...]]:
    commands: list[tuple[str | bytes, ...]] = []
    for key, value in wanted.items():
        if there.get(key) != value:
            commands += [("SADD", WRITTEN_KEY, key), ("SET", key, value)]
    for key in there.keys() - wanted.keys():
        commands += [("UNLINK", key), ("SREM", WRITTEN_KEY, key)]
    return commands


def _changed_fields(key: str, there: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[tuple[str | bytes, ...]]:
    commands: list[tuple[str | bytes, ...]] = [
        ("HSET", key, field, value) for field, value in wanted.items() if there.get(field) != value
    ]
    return commands + [("HDEL", key, field) for field in there.keys() - wanted.keys()]

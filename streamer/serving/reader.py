"""Readers for a serving tier: one Redis round trip from a user id to an avoid list, sync or asyncio."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from threading import Lock
from types import TracebackType
from typing import Literal, Self, TypeVar

from redis import RedisCluster
from redis.asyncio import RedisCluster as AsyncRedisCluster

from streamer.clock import wall_ms
from streamer.errors import RedisUnavailable
from streamer.serving.cache import NearCache
from streamer.serving.gate import AsyncGate, Gate
from streamer.serving.index import Index
from streamer.serving.lookup import Answers, Default, Lookup, Lookups
from streamer.serving.rules import AvoidList
from streamer.sinks.address import RedisAddress
from streamer.sinks.connection import CLIENT_ERRORS, AsyncClient, AsyncClosing, SyncClient, close
from streamer.sinks.keys import Keys

R = TypeVar("R")


class _Reader(ABC):
    """What both readers are made of, but for the fetching."""

    def __init__(
        self,
        redis_url: str,
        *,
        timeout: float = 0.5,
        on_unavailable: Literal["raise", "empty"] = "raise",
        cache_seconds: float = 0.0,
        cache_size: int = 10_000,
        defaults_seconds: float = 10.0,
        explore: float = 0.05,
        prefix: str = "",
        pool: int = 50,
    ) -> None:
        self._address = RedisAddress(redis_url, timeout)
        self._open(pool, timeout)
        cache: NearCache[Index | None] = NearCache(cache_seconds, cache_size, time.monotonic)
        defaults: NearCache[Default] = NearCache(defaults_seconds, cache_size, time.monotonic)
        self._lookups = Lookups(
            on_unavailable=on_unavailable,
            explore=explore,
            clock=wall_ms,
            cache=cache,
            defaults=defaults,
            keys=Keys(prefix),
        )

    @abstractmethod
    def _open(self, pool: int, timeout: float) -> None:
        """Makes what bounds the requests that are under way."""


class AvoidListReader(_Reader):
    """Reads avoid lists. Safe to share between threads.

        with AvoidListReader("redis://localhost:6379/0") as reader:
            ranked = reader.get("u1", cohort="de").rerank(candidates, relevance)

    Args:
        redis_url: see :class:`streamer.sinks.address.RedisAddress`.
        timeout: s to wait for a connection, and for the answer: the user's own list and the default ones are one
            round trip.
        on_unavailable: if Redis is away, or a document cannot be read: ``raise``, or serve as if there were none
            (``empty``; the log says so).
        cache_seconds: how long a list may be served without asking Redis again; 0: always ask.
        cache_size: how many lists are kept for that.
        defaults_seconds: how long a default list (a cohort's, everybody's) may be served without asking Redis again;
            they change every `[population_interval]` at most. 0: always ask, which sends them with every answer.
        explore: the share of (user, content, day) for which soft and strong entries are passed over `[explore]`.
        prefix: what the deployment puts before every key `[redis_prefix]`.
        pool: how many requests may be under way at once, each on a connection of its own; others wait for one of them
            to end, as long as `timeout`. Connections are made when they are needed, and kept.

    Raises:
        SettingsError: if a setting cannot work; before anything is sent.
    """

    _client: SyncClient | None = None

    def _open(self, pool: int, timeout: float) -> None:
        self._gate = Gate(pool, timeout)
        self._connecting = Lock()

    def get(self, user_id: str, cohort: str | None = None) -> AvoidList:
        """The user's list; if there is none the default one of their cohort, else everybody's, else an empty one.

        Args:
            cohort: what is known of somebody of whom nothing else is: the caller's country, language, entry page, as
                the events' field ``cohort`` has it.

        Raises:
            RedisUnavailable: no answer within the timeout (unless ``on_unavailable="empty"``).
            StateCorrupt, StateTooNew: what is there cannot be read (unless so).
        """
        return self._drive(self._lookups.one(user_id, cohort))

    def get_many(self, user_ids: Sequence[str], cohorts: Mapping[str, str] | None = None) -> dict[str, AvoidList]:
        """The lists of many users, by user id, as :meth:`get` would give them.

        Args:
            cohorts: cohorts by user id, as far as known.

        Raises:
            RedisUnavailable, StateCorrupt, StateTooNew: as :meth:`get`.
        """
        return self._drive(self._lookups.many(user_ids, cohorts or {}))

    def close(self) -> None:
        """Closes its connections."""
        if isinstance(self._client, RedisCluster):
            # `close` leaves a Cluster's connections to the garbage collector.
            self._client.disconnect_connection_pools()  # type: ignore[no-untyped-call]
        elif self._client is not None:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _drive(self, lookup: Lookup[R]) -> R:
        try:
            keys = next(lookup)
            while True:
                try:
                    answers = self._fetch(keys)
                except CLIENT_ERRORS as error:
                    keys = lookup.throw(self._address.unavailable(error))
                except RedisUnavailable as error:
                    keys = lookup.throw(error)
                else:
                    keys = lookup.send(answers)
        except StopIteration as done:
            lists: R = done.value
            return lists

    def _fetch(self, keys: list[str]) -> Answers:
        with self._gate.passed():
            client = self._connected()
            answers: Answers = client.mget_nonatomic(keys) if isinstance(client, RedisCluster) else client.mget(keys)
            return answers

    def _connected(self) -> SyncClient:
        with self._connecting:  # one client for all threads
            if self._client is None:
                self._client = self._address.connect()
            return self._client


class AsyncAvoidListReader(_Reader, AsyncClosing):
    """Reads avoid lists, on asyncio. Use it from one event loop, and close it there.

        async with AsyncAvoidListReader("redis://localhost:6379/0") as reader:
            ranked = (await reader.get("u1", cohort="de")).rerank(candidates, relevance)

    Takes and raises what :class:`AvoidListReader` does.
    """

    _client: AsyncClient | None = None

    def _open(self, pool: int, timeout: float) -> None:
        self._gate = AsyncGate(pool, timeout)

    async def get(self, user_id: str, cohort: str | None = None) -> AvoidList:
        """As :meth:`AvoidListReader.get`."""
        return await self._drive(self._lookups.one(user_id, cohort))

    async def get_many(self, user_ids: Sequence[str], cohorts: Mapping[str, str] | None = None) -> dict[str, AvoidList]:
        """As :meth:`AvoidListReader.get_many`."""
        return await self._drive(self._lookups.many(user_ids, cohorts or {}))

    async def close(self) -> None:
        """Closes its connections."""
        if self._client is not None:
            await close(self._client)

    async def _drive(self, lookup: Lookup[R]) -> R:
        try:
            keys = next(lookup)
            while True:
                try:
                    answers = await self._fetch(keys)
                except CLIENT_ERRORS as error:
                    keys = lookup.throw(self._address.unavailable(error))
                except RedisUnavailable as error:
                    keys = lookup.throw(error)
                else:
                    keys = lookup.send(answers)
        except StopIteration as done:
            lists: R = done.value
            return lists

    async def _fetch(self, keys: list[str]) -> Answers:
        async with self._gate.passed():
            if self._client is None:
                self._client = self._address.connect_async()
            client = self._client
            if isinstance(client, AsyncRedisCluster):
                answers: Answers = await client.mget_nonatomic(keys)
            else:
                answers = await client.mget(keys)
            return answers

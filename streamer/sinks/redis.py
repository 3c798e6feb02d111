"""Writes avoid lists to Redis: in any order, any number of times, the newest stands in the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import Final, Literal

from redis.exceptions import NoScriptError
from tenacity import AsyncRetrying, before_sleep_log, retry_if_exception_type, wait_random_exponential

from streamer.errors import RedisUnavailable
from streamer.events import CLAIM
from streamer.sinks.address import RedisAddress
from streamer.sinks.connection import CLIENT_ERRORS, AsyncClient, AsyncClosing, close, leave_replica
from streamer.sinks.expiry import MARGIN_MS
from streamer.sinks.keys import PREFIX, document_key, guard_key, is_reserved, is_users
from streamer.sinks.script import COMPARE_AND_SET, SHA
from streamer.sinks.updates import Update, Written

logger = logging.getLogger(__name__)

_SCAN: Final = 1000


class AvoidListWriter(AsyncClosing):
    """Writes outbox records to Redis, a batch at a time, each in one round trip.

    Use it from one event loop, and close it there.

    Args:
        redis_url: see :class:`streamer.sinks.address.RedisAddress`.
        timeout: s to wait for a connection, and for an answer.
        clock: as the worker's `[clock]`. ``wall``: keys expire by Redis' clock when their documents do. ``events``:
            keys do not expire, because old data would at once; the worker's tombstones remove them.

    Raises:
        SettingsError: if the URL or timeout cannot work.
    """

    def __init__(self, redis_url: str, *, timeout: float = 2.0, clock: Literal["wall", "events"] = "wall") -> None:
        self._address = RedisAddress(redis_url, timeout)
        self._client: AsyncClient = self._address.connect_async()
        self._expires = clock == "wall"

    async def write(self, batch: Iterable[Update]) -> Written:
        """Writes a batch. Repeating it does no harm.

        Raises:
            RedisUnavailable: if any of it may not have been written; write it again.
        """
        counts = {"coalesced": 0, "reserved": 0}
        newest: dict[str, Update] = {}
        for update in batch:
            if update.user_id == CLAIM:
                continue
            if is_reserved(update.user_id):
                counts["reserved"] += 1
                logger.warning("user id %r is the name of a default list: its document is not written", update.user_id)
                continue
            known = newest.get(update.user_id)
            if known is not None:
                counts["coalesced"] += 1
            if known is None or update.position.is_after(known.position):
                newest[update.user_id] = update
        applied = await self._apply(list(newest.values()))
        return Written(applied=applied, stale=len(newest) - applied, **counts)

    async def write_until_done(
        self,
        batch: Sequence[Update],
        stop: asyncio.Event,
        *,
        on_error: Callable[[], None] = lambda: None,
        first_wait: float = 0.1,
        longest_wait: float = 10.0,
    ) -> Written:
        """Writes a batch however long Redis is away, waiting longer and longer between attempts.

        Args:
            stop: set to give up: after one more attempt, if it is waiting for one.
            on_error: told of every failed attempt, for metrics.
            first_wait: s before the second attempt; before others a random time up to what doubles with each.
            longest_wait: s between attempts at most.

        Raises:
            RedisUnavailable: only if told to stop; the batch may not have been written, so do not commit past it.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(RedisUnavailable),
            wait=wait_random_exponential(multiplier=first_wait, min=first_wait, max=longest_wait),
            stop=lambda _: stop.is_set(),
            sleep=partial(_wait_for, stop),
            after=lambda _: on_error(),
            before_sleep=before_sleep_log(logger, logging.WARNING),
            reraise=True,
        )
        return await retrying(self.write, batch)

    async def ping(self) -> None:
        """Asks Redis for a sign of life.

        Raises:
            RedisUnavailable: it gives none.
        """
        try:
            await self._client.execute_command("PING")
        except CLIENT_ERRORS as error:
            raise self._address.unavailable(error) from error

    async def clear(self) -> int:
        """Deletes every user's document and guard, and returns how many keys that were.

        For a rebuild that is to leave nothing that the outbox does not have, such as another deployment's documents.

        Raises:
            RedisUnavailable: some may be left.
        """
        deleted = 0
        try:
            async for keys in self._scan():
                async with self._client.pipeline(transaction=False) as pipe:
                    for key in keys:
                        pipe.execute_command("UNLINK", key)
                    deleted += sum(await pipe.execute())
        except CLIENT_ERRORS as error:
            await leave_replica(self._client, error)
            raise self._address.unavailable(error) from error
        return deleted

    async def close(self) -> None:
        """Closes its connections."""
        await close(self._client)

    async def _apply(self, updates: list[Update]) -> int:
        """Runs the script for every update; returns for how many it replaced the document."""
        if not updates:
            return 0
        try:
            answers = await self._run(updates)
            unknown = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if unknown:
                await self._client.script_load(COMPARE_AND_SET)
                for at, answer in zip(unknown, await self._run([updates[at] for at in unknown]), strict=True):
                    answers[at] = answer
        except CLIENT_ERRORS as error:
            await leave_replica(self._client, error)
            raise self._address.unavailable(error) from error
        applied = 0
        for answer in answers:
            if isinstance(answer, Exception):
                await leave_replica(self._client, answer)
                raise self._address.unavailable(answer) from answer
            applied += answer
        return applied

    async def _run(self, updates: list[Update]) -> list[int | Exception]:
        async with self._client.pipeline(transaction=False) as pipe:
            for update in updates:
                # As a raw command, because a Cluster pipeline blocks the method `evalsha`, though it can run one.
                pipe.execute_command(
                    "EVALSHA",
                    SHA,
                    2,
                    document_key(update.user_id),
                    guard_key(update.user_id),
                    update.document or b"",
                    *update.position,
                    update.expires_at if self._expires and update.expires_at is not None else "",
                    MARGIN_MS,
                )
            answers: list[int | Exception] = await pipe.execute(raise_on_error=False)
            return answers

    async def _scan(self) -> AsyncIterator[list[bytes]]:
        """Every user's keys, some at a time."""
        keys: list[bytes] = []
        async for key in self._client.scan_iter(match=f"*{PREFIX}*", count=_SCAN):
            if is_users(key.decode(errors="replace")):
                keys.append(key)
            if len(keys) >= _SCAN:
                yield keys
                keys = []
        if keys:
            yield keys


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    """Until it is set, so long at most."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)

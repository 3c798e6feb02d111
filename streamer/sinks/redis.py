"""Writes avoid lists to Redis: in any order, any number of times, the newest stands in the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Literal, NamedTuple, TypeAlias

from redis.exceptions import NoPermissionError
from tenacity import AsyncRetrying, RetryCallState, before_sleep_log, retry_if_exception_type, wait_random_exponential

from streamer.errors import RedisReason, RedisUnavailable
from streamer.events import CLAIM
from streamer.sinks.address import RedisAddress
from streamer.sinks.connection import CLIENT_ERRORS, AsyncClient, AsyncClosing, close, leave_replica
from streamer.sinks.expiry import MARGIN_MS
from streamer.sinks.keys import Keys, is_reserved
from streamer.sinks.markers import OutboxMarkers, Span
from streamer.sinks.owner import Ownership
from streamer.sinks.script import COMPARE_AND_SET, Call, run
from streamer.sinks.updates import Update, Written

logger = logging.getLogger(__name__)

Spans: TypeAlias = Mapping[int, Span]

_NOTHING: Final[Spans] = {}
_SCAN: Final = 1000


class Outbox(NamedTuple):
    """Which outbox it is that is written to Redis.

    Attributes:
        topic: its name.
        name: of it and its cluster (:func:`streamer.producing.outbox.outbox_of`); empty: nobody asks whose
            Redis it is.
    """

    topic: str
    name: str = ""


_OUTBOX: Final = Outbox("avoid-lists")


class AvoidListWriter(AsyncClosing):
    """Writes outbox records to Redis, a batch at a time, each in one round trip.

    Use it from one event loop, and close it there.

    Args:
        redis_url: see :class:`streamer.sinks.address.RedisAddress`.
        timeout: s to wait for a connection, and for an answer.
        clock: as the worker's `[clock]`. ``wall``: keys expire by Redis' clock when their documents do. ``events``:
            keys do not expire, because old data would at once; the worker's tombstones remove them.
        prefix: put before every key `[redis_prefix]`.
        outbox: where the records are from.

    Raises:
        SettingsError: if the URL, timeout or prefix cannot work.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        timeout: float = 2.0,
        clock: Literal["wall", "events"] = "wall",
        prefix: str = "",
        outbox: Outbox = _OUTBOX,
    ) -> None:
        self._address = RedisAddress(redis_url, timeout)
        self._keys = Keys(prefix)
        self._markers = OutboxMarkers(self._keys, outbox.topic)
        self._owner = Ownership(self._keys, outbox.name)
        self._denied: set[str] = set()
        self._client: AsyncClient = self._address.connect_async()
        self._expires = clock == "wall"

    async def write(self, batch: Iterable[Update], spans: Spans = _NOTHING) -> Written:
        """Writes a batch. Repeating it does no harm.

        Args:
            spans: by partition the records that these are, to be noted in Redis; what it lacks before them is told.

        Raises:
            RedisShared: another deployment writes to the same keys.
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
        applied, missing = await self._apply(list(newest.values()), spans)
        return Written(applied=applied, stale=len(newest) - applied, missing=missing, **counts)

    async def write_until_done(
        self,
        batch: Sequence[Update],
        stop: asyncio.Event,
        *,
        spans: Spans = _NOTHING,
        on_error: Callable[[RedisReason], None] = lambda _: None,
        first_wait: float = 0.1,
        longest_wait: float = 10.0,
    ) -> Written:
        """Writes a batch however long Redis is away, waiting longer and longer between attempts.

        Args:
            stop: set to give up: after one more attempt, if it is waiting for one.
            spans: as those of :meth:`write`.
            on_error: told why of every failed attempt, for metrics.
            first_wait: s before the second attempt; before others a random time up to what doubles with each.
            longest_wait: s between attempts at most.

        Raises:
            RedisUnavailable: only if told to stop; the batch may not have been written, so do not commit past it.
        """

        def tell(attempt: RetryCallState) -> None:
            error = attempt.outcome.exception() if attempt.outcome is not None else None
            on_error(error.reason if isinstance(error, RedisUnavailable) else "away")

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(RedisUnavailable),
            wait=wait_random_exponential(multiplier=first_wait, min=first_wait, max=longest_wait),
            stop=lambda _: stop.is_set(),
            sleep=partial(_wait_for, stop),
            after=tell,
            before_sleep=before_sleep_log(logger, logging.WARNING),
            reraise=True,
        )
        return await retrying(self.write, batch, spans)

    async def look(self, spans: Spans) -> Mapping[int, Span]:
        """By partition what Redis lacks before these records, which it has. To be called now and then.

        Args:
            spans: an empty one asks only.

        Raises:
            RedisShared: another deployment writes to the same keys.
            RedisUnavailable: it does not tell.
        """
        try:
            await self._markers.find(self._client)
            await self._hold()
            answers = await run(self._client, self._markers.calls(spans))
        except CLIENT_ERRORS as error:
            await leave_replica(self._client, error)
            raise self._address.unavailable(error) from error
        return await self._missing(spans, answers)

    async def clear(self) -> int:
        """Deletes every user's document and guard, and all markers; returns how many documents and guards that were.

        For a rebuild that is to leave nothing that the outbox does not have, such as another deployment's documents.

        Raises:
            RedisShared: another deployment writes to the same keys.
            RedisUnavailable: some may be left.
        """
        deleted = 0
        try:
            await self._hold()
            await self._markers.forget(self._client)
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

    async def _apply(self, updates: list[Update], spans: Spans) -> tuple[int, Mapping[int, Span]]:
        """Runs the script for every update, then for the markers; returns for how many it replaced the document."""
        if not updates and not spans:
            return 0, _NOTHING
        try:
            await self._hold()
            answers = await self._run(updates, spans)
        except CLIENT_ERRORS as error:
            await leave_replica(self._client, error)
            raise self._address.unavailable(error) from error
        applied = 0
        for answer in answers[: len(updates)]:
            await self._refuse(answer)
            applied += answer == 1
        return applied, await self._missing(spans, answers[len(updates) :])

    async def _run(self, updates: list[Update], spans: Spans) -> list[object]:
        return await run(self._client, [*map(self._call, updates), *self._markers.calls(spans)])

    def _call(self, update: Update) -> Call:
        keys = [self._keys.document(update.user_id), self._keys.guard(update.user_id)]
        expires_at = update.expires_at if self._expires and update.expires_at is not None else ""
        return COMPARE_AND_SET.call(keys, (update.document or b"", *update.position, expires_at, MARGIN_MS))

    async def _hold(self) -> None:
        try:
            await self._owner.hold(self._client)
        except NoPermissionError:
            self._tell_denied(self._keys.owner, "whether another deployment writes here is not known")

    async def _missing(self, spans: Spans, answers: Sequence[object]) -> Mapping[int, Span]:
        for answer in answers:
            if isinstance(answer, NoPermissionError):
                self._tell_denied(self._keys.markers, "what it loses is not noticed")
            else:
                await self._refuse(answer)
        return self._markers.missing(spans, answers)

    async def _refuse(self, answer: object) -> None:
        if isinstance(answer, Exception):
            await leave_replica(self._client, answer)
            raise self._address.unavailable(answer) from answer

    def _tell_denied(self, key: str, so: str) -> None:
        if key not in self._denied:
            self._denied.add(key)
            logger.warning("Redis at %s denies %s, so %s: see docs/connect.md for the rights", self._address, key, so)

    async def _scan(self) -> AsyncIterator[list[bytes]]:
        """Every user's keys, some at a time."""
        keys: list[bytes] = []
        async for key in self._client.scan_iter(match=f"*{self._keys.documents}*", count=_SCAN):
            if self._keys.is_users(key.decode(errors="replace")):
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

"""Which keys to fetch for whom, and what the answers mean. No I/O: readers, sync or asyncio, do the fetching.

A lookup is a generator: it yields the keys it needs, all at once, is sent the bytes found there (None: nothing), and
returns the lists. If they cannot be fetched, :class:`RedisUnavailable` is thrown into it.

Default lists (a cohort's, everybody's) are asked for beside a user's own, so that a newcomer costs no second round
trip. They change once a ``population_interval`` at most, so a reader keeps them for some seconds, and its other users
cost one key each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from streamer.errors import RedisUnavailable, SettingsError, StateCorrupt, StateError, StateTooNew
from streamer.scoring.document import SCHEMA, decode
from streamer.serving.cache import NearCache
from streamer.serving.discovery import one_in
from streamer.serving.index import Index
from streamer.serving.rules import AvoidList, Source
from streamer.sinks.keys import Keys

logger = logging.getLogger(__name__)

R = TypeVar("R")
Answers: TypeAlias = Sequence[bytes | str | None]
Lookup: TypeAlias = Generator[list[str], Answers, R]
_Indexes: TypeAlias = dict[str, Index | None]
Default: TypeAlias = Index | StateError | None
"""A default list, or why it cannot be read: raised only for those who need it."""

_NOTHING: Final = Index(None)


class _SchemaOnly(Struct):
    schema: int


class Lookups:
    """Makes the lookups of one reader.

    Args:
        on_unavailable: what to do if Redis is away or a document cannot be read. ``raise``: raise. ``empty``: serve
            without it, as if it were not there; the log says so.
        explore: see :class:`streamer.serving.rules.AvoidList`.
        clock: gives ms since 1970.
        cache: of users' documents by key.
        defaults: of default lists by key.
        keys: their names.

    Raises:
        SettingsError: if a setting cannot work.
    """

    def __init__(
        self,
        *,
        on_unavailable: Literal["raise", "empty"],
        explore: float,
        clock: Callable[[], int],
        cache: NearCache[Index | None],
        defaults: NearCache[Default],
        keys: Keys,
    ) -> None:
        problems = []
        if on_unavailable not in ("raise", "empty"):
            problems.append(f"on_unavailable: must be 'raise' or 'empty', got {on_unavailable!r}")
        try:
            one_in(explore)
        except ValueError as error:
            problems.append(f"explore: {error}")
        if problems:
            raise SettingsError(problems)
        self._raises = on_unavailable == "raise"
        self._explore = explore
        self._clock = clock
        self._cache = cache
        self._defaults = defaults
        self._keys = keys
        self._is_away = False

    def one(self, user_id: str, cohort: str | None) -> Lookup[AvoidList]:
        """The list of one user."""
        lists = yield from self.many((user_id,), {} if cohort is None else {user_id: cohort})
        return lists[user_id]

    def many(self, user_ids: Sequence[str], cohorts: Mapping[str, str]) -> Lookup[dict[str, AvoidList]]:
        """The lists of many users: their own documents, else their cohorts', else everybody's, else empty ones."""
        own = self._cache.get_many([self._keys.document(user_id) for user_id in user_ids])
        lacking = [user_id for user_id in user_ids if own.get(self._keys.document(user_id)) is None]
        named = [self._keys.cohort(cohorts[user_id]) for user_id in lacking if user_id in cohorts]
        defaults = self._defaults.get_many(list(dict.fromkeys([*named, self._keys.everybody])) if lacking else [])
        try:
            yield from self._load(lacking, named, own, defaults)
        except RedisUnavailable as error:
            if self._raises:
                raise
            if not self._is_away:
                logger.warning("serving without avoid lists: %s", error)
            self._is_away = True
        return {user_id: self._list_of(user_id, cohorts.get(user_id), own, defaults) for user_id in user_ids}

    def _load(
        self, lacking: Sequence[str], named: Sequence[str], own: _Indexes, defaults: dict[str, Default]
    ) -> Generator[list[str], Answers, None]:
        """Fetches what the caches lack, at one go."""
        wanted = dict.fromkeys(key for user_id in lacking if (key := self._keys.document(user_id)) not in own)
        wanted_defaults = [key for key in dict.fromkeys([*named, self._keys.everybody]) if key not in defaults]
        if not lacking or not (wanted or wanted_defaults):
            return
        answers = yield [*wanted, *wanted_defaults]
        if self._is_away:
            logger.warning("Redis is back: serving with avoid lists again")
            self._is_away = False
        loaded = {key: self._usable(_parsed(key, raw)) for key, raw in zip(wanted, answers, strict=False)}
        self._cache.put_many(loaded)
        own.update(loaded)
        found = {key: _parsed(key, raw) for key, raw in zip(wanted_defaults, answers[len(wanted) :], strict=True)}
        self._defaults.put_many(found)
        defaults.update(found)

    def _usable(self, parsed: Default) -> Index | None:
        if isinstance(parsed, StateError):
            if self._raises:
                raise parsed.with_traceback(None)  # kept and raised again: it would collect them all
            logger.warning("serving without one list: %s", parsed)
            return None
        return parsed

    def _list_of(self, user_id: str, cohort: str | None, own: _Indexes, defaults: Mapping[str, Default]) -> AvoidList:
        index = own.get(self._keys.document(user_id))
        if index is not None:
            return self._list(index, user_id, "user")
        steps: list[tuple[Source, str]] = [("cohort", self._keys.cohort(cohort))] if cohort is not None else []
        for source, key in (*steps, ("default", self._keys.everybody)):
            index = self._usable(defaults.get(key))
            if index is not None:
                return self._list(index, user_id, source)
        return self._list(_NOTHING, user_id, "none")

    def _list(self, index: Index, user_id: str, source: Source) -> AvoidList:
        return AvoidList(
            index.document, user_id=user_id, explore=self._explore, clock=self._clock, source=source, index=index
        )


def read(key: str, raw: bytes) -> Index:
    """The document in these bytes, arranged for lookups.

    Raises:
        StateTooNew: a newer Streamer wrote it.
        StateCorrupt: it is no document.
    """
    try:
        document = decode(raw)
        if document.schema <= SCHEMA:
            return Index(document)
    except (msgspec.DecodeError, ValueError) as error:
        if _schema(raw) <= SCHEMA:
            raise StateCorrupt(
                f"Redis key {key!r} holds no avoid list ({error}): delete it, or run  streamer rebuild-redis"
            ) from None
    raise StateTooNew(f"Redis key {key!r} was written by a newer Streamer: upgrade this reader")


def _parsed(key: str, raw: bytes | str | None) -> Default:
    if raw is None:
        return None
    try:
        return read(key, raw if isinstance(raw, bytes) else raw.encode())
    except StateError as error:
        return error


def _schema(raw: bytes) -> int:
    try:
        return msgspec.json.decode(raw, type=_SchemaOnly).schema
    except (msgspec.DecodeError, ValueError):
        return 0

"""Which keys to fetch for whom, and what the answers mean. No I/O: readers, sync or asyncio, do the fetching.

A lookup is a generator: it yields the keys it needs, is sent the bytes found there (None: nothing), and returns the
lists. If they cannot be fetched, :class:`RedisUnavailable` is thrown into it.
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
from streamer.sinks.keys import EVERYBODY_KEY, cohort_key, document_key

logger = logging.getLogger(__name__)

R = TypeVar("R")
Answers: TypeAlias = Sequence[bytes | str | None]
Lookup: TypeAlias = Generator[list[str], Answers, R]
_Indexes: TypeAlias = dict[str, Index | None]

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
        cache: of documents by key.

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
        self._is_away = False

    def one(self, user_id: str, cohort: str | None) -> Lookup[AvoidList]:
        """The list of one user."""
        lists = yield from self.many((user_id,), {} if cohort is None else {user_id: cohort})
        return lists[user_id]

    def many(self, user_ids: Sequence[str], cohorts: Mapping[str, str]) -> Lookup[dict[str, AvoidList]]:
        """The lists of many users: their own documents, else their cohorts', else everybody's, else empty ones."""
        indexes: _Indexes = {}
        try:
            yield from self._load([document_key(user_id) for user_id in user_ids], indexes)
            lacking = [user_id for user_id in user_ids if indexes[document_key(user_id)] is None]
            if lacking:
                named = [cohort_key(cohorts[user_id]) for user_id in lacking if user_id in cohorts]
                yield from self._load([*named, EVERYBODY_KEY], indexes)
        except RedisUnavailable as error:
            if self._raises:
                raise
            if not self._is_away:
                logger.warning("serving without avoid lists: %s", error)
            self._is_away = True
        return {user_id: self._list_of(user_id, cohorts.get(user_id), indexes) for user_id in user_ids}

    def _load(self, keys: list[str], into: _Indexes) -> Generator[list[str], Answers, None]:
        keys = list(dict.fromkeys(keys))
        into.update(self._cache.get_many(keys))
        wanted = [key for key in keys if key not in into]
        if not wanted:
            return
        answers = yield wanted
        if self._is_away:
            logger.warning("Redis is back: serving with avoid lists again")
            self._is_away = False
        loaded = {key: self._read(key, raw) for key, raw in zip(wanted, answers, strict=True)}
        self._cache.put_many(loaded)
        into.update(loaded)

    def _read(self, key: str, raw: bytes | str | None) -> Index | None:
        if raw is None:
            return None
        try:
            return read(key, raw if isinstance(raw, bytes) else raw.encode())
        except StateError as error:
            if self._raises:
                raise
            logger.warning("serving without one list: %s", error)
            return None

    def _list_of(self, user_id: str, cohort: str | None, indexes: _Indexes) -> AvoidList:
        steps: list[tuple[Source, str]] = [("user", document_key(user_id))]
        if cohort is not None:
            steps.append(("cohort", cohort_key(cohort)))
        steps.append(("default", EVERYBODY_KEY))
        for source, key in steps:
            index = indexes.get(key)
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


def _schema(raw: bytes) -> int:
    try:
        return msgspec.json.decode(raw, type=_SchemaOnly).schema
    except (msgspec.DecodeError, ValueError):
        return 0

"""What a Redis URL means: which client it makes, and what of it cannot work."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, cast
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import ConnectionError as RedisConnectionError

from streamer.errors import RedisUnavailable, SettingsError
from streamer.sinks.connection import AsyncClient, SyncClient, cause_of
from streamer.sinks.tls import context_of, pool_with, trust_only

_SCHEMES: Final = (
    "redis", "rediss", "unix", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel",
)  # fmt: skip
_SENTINELS_OWN: Final = "sentinel_"
_SENTINEL_PORT: Final = 26_379
_FILES: Final = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
_NOT_OURS: Final = {"decode_responses", "encoding", "encoding_errors"}
_Options: TypeAlias = dict[str, Any]


class _Watched(NamedTuple):
    """A primary that Sentinels watch.

    Attributes:
        sentinels: host and port each.
        name: the primary's, as they call it.
        options: of connections to it.
        sentinel_options: of connections to them.
    """

    sentinels: list[tuple[str, int]]
    name: str
    options: _Options
    sentinel_options: _Options


class RedisAddress:
    """Where Redis is, and how long to wait for it.

    ==========================================  ======================================================================
    ``redis://[user:password@]host:6379/0``     one server; ``rediss://`` with TLS; ``valkey://`` is the same
    ``unix:///run/redis.sock?db=0``             one on this machine
    ``redis+cluster://host:6379``               a Cluster: the node names the others
    ``redis+sentinel://a:26379,b:26379/name/0`` the primary that these Sentinels call by this name; options
                                                ``sentinel_username``, ``sentinel_password`` are for them
    ==========================================  ======================================================================

    Options of redis-py's connections may follow (``?ssl_ca_certs=ca.pem&ssl_certfile=…``).

    Args:
        url: one of these.
        timeout: s to wait for a connection, and for an answer.

    Raises:
        SettingsError: if the URL is none of these, or the timeout is not above 0.

    >>> str(RedisAddress("redis://:secret@cache:6379/0", timeout=1))
    'redis://***@cache:6379/0'
    """

    def __init__(self, url: str, timeout: float) -> None:
        scheme, separator, rest = url.partition("://")
        scheme = scheme.lower().replace("valkey", "redis", 1)
        problems = [] if timeout > 0 else [f"redis_timeout: must be > 0 s, got {timeout}"]
        if not separator or scheme not in _SCHEMES:
            shown = f"; got {scheme!r}" if separator else ""
            problems.append(f"redis_url: must begin with one of {', '.join(s + '://' for s in _SCHEMES)}{shown}")
            raise SettingsError(problems)
        self._timeout = timeout
        self.is_cluster: Final = scheme.endswith("+cluster")
        self._url = f"{scheme.partition('+')[0]}://{rest}"
        self._watched: _Watched | None = None
        self._trusted: ssl.SSLContext | None = None
        parts = urlsplit(self._url)
        try:
            problems += _problems(parts, scheme)
            if not problems and scheme.endswith("+sentinel"):
                self._watched = _watched(parts)
            elif not problems:
                redis.ConnectionPool.from_url(self._url).make_connection()
            if not problems:
                given = parse_url(self._url) if self._watched is None else self._watched.options  # type: ignore[no-untyped-call]
                self._trusted = context_of(given)
        except (TypeError, ValueError) as error:
            problems.append(f"redis_url: {_without(str(error), parts)}")
        if problems:
            raise SettingsError(problems)
        self._shown = _without_secrets(parts, scheme)

    def connect(self) -> SyncClient:
        """A client. A Cluster is asked for its nodes at once; otherwise nothing is sent yet."""
        # A pooled connection that Redis has closed is replaced once; what is slow is not asked twice.
        options = self._options(redis.retry.Retry(NoBackoff(), 1, (RedisConnectionError,)))
        if self.is_cluster:
            if self._trusted is not None:
                options["connection_pool_class"] = pool_with(self._trusted)
            return redis.RedisCluster.from_url(self._url, **options)
        if self._watched is not None:
            sentinel = redis.sentinel.Sentinel(**self._sentinel(options))  # type: ignore[no-untyped-call]
            client = cast(redis.Redis, sentinel.master_for(self._watched.name))  # type: ignore[no-untyped-call]
        else:
            client = redis.Redis.from_url(self._url, **options)
        if self._trusted is not None:
            trust_only(client, self._trusted)
        return client

    def connect_async(self) -> AsyncClient:
        """An asyncio client; nothing is sent yet."""
        options = self._options(redis.asyncio.retry.Retry(NoBackoff(), 1, (RedisConnectionError,)))
        client: AsyncClient
        if self._watched is not None:
            sentinel = redis.asyncio.sentinel.Sentinel(**self._sentinel(options))  # type: ignore[no-untyped-call]
            client = cast(redis.asyncio.Redis, sentinel.master_for(self._watched.name))
        else:
            kind = redis.asyncio.RedisCluster if self.is_cluster else redis.asyncio.Redis
            client = kind.from_url(self._url, **options)
        if self._trusted is not None:
            trust_only(client, self._trusted)
        return client

    def unavailable(self, error: Exception) -> RedisUnavailable:
        """What to raise for a client's error."""
        what = str(error) or type(error).__name__
        cause = cause_of(error)
        return RedisUnavailable(
            f"Redis at {self} did not do as asked within {self._timeout:g} s ({what}): {cause.advice}", cause.reason
        )

    def __str__(self) -> str:
        return self._shown

    def _options(self, retry: object) -> _Options:
        return {"socket_timeout": self._timeout, "socket_connect_timeout": self._timeout, "retry": retry}

    def _sentinel(self, options: _Options) -> _Options:
        assert self._watched is not None
        watched = self._watched
        return {
            "sentinels": watched.sentinels,
            "sentinel_kwargs": {**watched.sentinel_options, **options},
            **watched.options,
            **options,
        }


def _problems(parts: SplitResult, scheme: str) -> Iterator[str]:
    """What redis-py would not notice, or tell with the password in it."""
    if scheme == "unix":
        return
    if parts.fragment or ("@" not in parts.netloc and "@" in parts.path + parts.query):
        yield "redis_url: in a password, write # ? / @ and : as %23 %3F %2F %40 and %3A"
        return
    if not scheme.endswith("+sentinel"):
        try:
            _ = parts.port
        except ValueError:
            yield "redis_url: the port is no number; in a password, write # ? / @ and : as %23 %3F %2F %40 and %3A"
    yield from _option_problems(parse_qs(parts.query))
    *name, database = parts.path.removeprefix("/").split("/")
    if scheme.endswith("+sentinel") and not name and not database.isdigit():
        name, database = [database], ""
    is_named = len(name) == 1 and bool(name[0]) if scheme.endswith("+sentinel") else not name
    if not is_named or not (database == "" or database.isdigit()):
        wanted = "/name/0, the primary's name and" if scheme.endswith("+sentinel") else "/0,"
        yield f"redis_url: it must end in {wanted} the number of a database; got {parts.path!r}"


def _option_problems(options: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What redis-py takes, and we do not; and what it would find missing only when it connects."""
    for name in _NOT_OURS & options.keys():
        yield f"redis_url: leave {name} out: documents are bytes"
    for name in _FILES & options.keys():
        for file in options[name]:
            try:
                Path(file).open("rb").close()
            except OSError as error:
                yield f"redis_url: {name}: {file} cannot be read: {error.strerror}"


def _watched(parts: SplitResult) -> _Watched:
    who, at, hosts = parts.netloc.rpartition("@")
    name, _, database = parts.path.removeprefix("/").partition("/")
    one = urlunsplit((parts.scheme, f"{who}{at}localhost", f"/{database}", parts.query, ""))
    given: _Options = dict(parse_url(one))  # type: ignore[no-untyped-call]
    given.pop("host", None)
    own = {key.removeprefix(_SENTINELS_OWN): given.pop(key) for key in [*given] if key.startswith(_SENTINELS_OWN)}
    tls: _Options = {"ssl": True} if given.pop("connection_class", None) is not None else {}
    sentinels = []
    for host in hosts.split(","):
        single = urlsplit(f"//{host}")
        if not single.hostname:
            raise ValueError("a Sentinel's address is empty")
        sentinels.append((single.hostname, single.port or _SENTINEL_PORT))
    tls |= {key: value for key, value in given.items() if key.startswith("ssl_")}
    return _Watched(sentinels, name, {**given, **tls}, {**own, **tls})


def _without(text: str, parts: SplitResult) -> str:
    """An error's text, unless it may show what is secret."""
    secret = parts.netloc.rpartition("@")[0]
    words = [word for word in secret.replace(":", " ").split() if len(word) > 1]
    return "it cannot be understood" if any(word in text for word in words) else text


def _without_secrets(parts: SplitResult, scheme: str) -> str:
    _, at, host = parts.netloc.rpartition("@")
    return urlunsplit((scheme, f"***@{host}" if at else host, parts.path, "", ""))

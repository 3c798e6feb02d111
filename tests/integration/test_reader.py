"""Both readers, asyncio and not, against a Redis: one suite for the two."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any, Protocol, Self, TypeAlias

import pytest
import redis

from streamer.embedded import EmbeddedRedis
from streamer.errors import RedisUnavailable, StateCorrupt
from streamer.scoring.document import encode
from streamer.serving import AsyncAvoidListReader, AvoidList, AvoidListReader, Candidate
from tests.avoid_lists import document, entry
from tests.backends.ports import free_port


class Reader(Protocol):
    def get(self, user_id: str, cohort: str | None = None) -> AvoidList: ...
    def get_many(self, user_ids: Sequence[str], cohorts: Mapping[str, str] | None = None) -> dict[str, AvoidList]: ...


class OnALoop:
    """The asyncio reader as seen from code that is not."""

    def __init__(self, redis_url: str, **settings: Any) -> None:
        self._runner = asyncio.Runner()
        self._reader = AsyncAvoidListReader(redis_url, **settings)

    def get(self, user_id: str, cohort: str | None = None) -> AvoidList:
        return self._runner.run(self._reader.get(user_id, cohort))

    def get_many(self, user_ids: Sequence[str], cohorts: Mapping[str, str] | None = None) -> dict[str, AvoidList]:
        return self._runner.run(self._reader.get_many(user_ids, cohorts))

    def __enter__(self) -> Self:
        self._runner.run(self._reader.__aenter__())
        return self

    def __exit__(self, *error: object) -> None:
        self._runner.run(self._reader.__aexit__(None, None, None))
        self._runner.close()


Open: TypeAlias = Callable[..., AbstractContextManager[Reader]]


@pytest.fixture(params=[AvoidListReader, OnALoop], ids=["sync", "asyncio"])
def reader(request: pytest.FixtureRequest) -> Open:
    kind: Open = request.param
    return kind


@pytest.fixture
def store(embedded_redis: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(embedded_redis.url) as client:
        yield client


def test_a_list_is_read_and_applied(reader: Open, store: redis.Redis, embedded_redis: EmbeddedRedis) -> None:
    listed = document(
        entry("tag", "news", "soft", 0.4, expires_at=None), entry("creator", "cr1", "hard", expires_at=None)
    )
    store.set("avoid:u1", encode(listed))
    with reader(embedded_redis.url, explore=0) as opened:
        found = opened.get("u1")
    assert (found.document, found.source) == (listed, "user")
    items = [Candidate("c1", tags=("News",)), Candidate("c2", "cr1"), Candidate("c3")]
    assert found.rerank(items, [1.0, 1.0, 0.5]) == [(items[2], 0.5), (items[0], 0.4)]
    assert found.filter(items) == [items[0], items[2]]


def test_cohort_and_everybody_stand_in(reader: Open, store: redis.Redis, embedded_redis: EmbeddedRedis) -> None:
    store.mset(
        {"avoid:~cohort:de": encode(document(user_id="~cohort:de")), "avoid:~all": encode(document(user_id="~all"))}
    )
    with reader(embedded_redis.url) as opened:
        assert [opened.get("u1", cohort).source for cohort in ("de", "fr", None)] == ["cohort", "default", "default"]
        found = opened.get_many(["u1", "u2"], {"u2": "de"})
    assert {user: (lists.source, lists.user_id) for user, lists in found.items()} == {
        "u1": ("default", "u1"),
        "u2": ("cohort", "u2"),
    }


def test_many_are_read_at_once(reader: Open, store: redis.Redis, embedded_redis: EmbeddedRedis) -> None:
    users = [f"user {n}" for n in range(300)]
    for user in users[:200]:
        store.set(f"avoid:{user}", encode(document(user_id=user)))
    before = store.info("commandstats")["cmdstat_mget"]["calls"] if "cmdstat_mget" in store.info("commandstats") else 0
    with reader(embedded_redis.url) as opened:
        found = opened.get_many(users)
    assert store.info("commandstats")["cmdstat_mget"]["calls"] - before == 1
    assert [found[user].source for user in users] == ["user"] * 200 + ["none"] * 100


def test_the_near_cache_serves_without_redis(reader: Open, store: redis.Redis, embedded_redis: EmbeddedRedis) -> None:
    store.set("avoid:u1", encode(document()))
    with reader(embedded_redis.url, cache_seconds=3600) as cached, reader(embedded_redis.url) as direct:
        assert (cached.get("u1").source, direct.get("u1").source) == ("user", "user")
        store.delete("avoid:u1")
        assert (cached.get("u1").source, direct.get("u1").source) == ("user", "none")


def test_a_corrupt_document_is_named_or_left_out(
    reader: Open, store: redis.Redis, embedded_redis: EmbeddedRedis
) -> None:
    store.set("avoid:u1", b'{"schema":1,')
    with reader(embedded_redis.url) as opened, pytest.raises(StateCorrupt, match="'avoid:u1'"):
        opened.get("u1")
    with reader(embedded_redis.url, on_unavailable="empty") as opened:
        assert opened.get("u1").source == "none"


def test_a_key_of_another_type_reads_as_nothing(
    reader: Open, store: redis.Redis, embedded_redis: EmbeddedRedis
) -> None:
    store.hset("avoid:u1", "a", "b")
    with reader(embedded_redis.url) as opened:
        assert opened.get("u1").source == "none"


# --- Redis away ------------------------------------------------------------------------------------------------------


def test_nobody_listening_is_raised_or_empty(reader: Open) -> None:
    url = f"redis://:secret@127.0.0.1:{free_port()}/0"
    with reader(url, timeout=0.5) as opened, pytest.raises(RedisUnavailable, match="check that it runs") as caught:
        opened.get("u1")
    assert "secret" not in str(caught.value)
    with reader(url, timeout=0.5, on_unavailable="empty") as opened:
        assert opened.get_many(["u1", "u2"], {"u1": "de"})["u1"].source == "none"


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def accept() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in held:
            connection.close()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("scheme", ["redis", "redis+cluster", "rediss"])
def test_a_redis_that_never_answers_does_not_hang_the_reader(reader: Open, silent: int, scheme: str) -> None:
    url = f"{scheme}://127.0.0.1:{silent}"
    with reader(url, timeout=0.2) as opened, pytest.raises(RedisUnavailable, match=r"within 0\.2 s"):
        opened.get("u1")
    with reader(url, timeout=0.2, on_unavailable="empty") as opened:
        assert opened.get("u1").source == "none"


@pytest.mark.timeout(20)
def test_a_redis_that_stops_halfway_through_an_answer_does_not_hang_the_reader(reader: Open) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def begin_an_answer() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(65_536):
                    # every command of the greeting is answered, the MGET only begun
                    connection.sendall(b"*2\r\n$1000\r\n{" if b"MGET" in data else b"+OK\r\n" * data.count(b"*"))

        thread = threading.Thread(target=begin_an_answer)
        thread.start()
        url = f"redis://127.0.0.1:{server.getsockname()[1]}?protocol=2"
        with reader(url, timeout=0.2) as opened, pytest.raises(RedisUnavailable):
            opened.get("u1")
        thread.join()


def test_the_sync_reader_can_be_shared_between_threads(store: redis.Redis, embedded_redis: EmbeddedRedis) -> None:
    for n in range(50):
        store.set(f"avoid:u{n}", encode(document(user_id=f"u{n}")))
    wrong: list[str] = []
    with AvoidListReader(embedded_redis.url, cache_seconds=0.01, cache_size=20) as shared:

        def read() -> None:
            for n in list(range(50)) * 4:
                found = shared.get(f"u{n}").document
                if found is None or found.user_id != f"u{n}":
                    wrong.append(f"u{n}")

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []

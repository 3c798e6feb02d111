"""Two deployments on one Redis: with a prefix neither sees the other's; without, the second one waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import redis

from streamer.embedded import EmbeddedRedis
from streamer.errors import RedisShared
from streamer.scoring.document import encode
from streamer.scoring.priors import Priors
from streamer.serving import AvoidListReader
from streamer.sinks.address import RedisAddress
from streamer.sinks.keys import Keys
from streamer.sinks.markers import Span
from streamer.sinks.population import PopulationWriter, figures_of
from streamer.sinks.redis import AvoidListWriter, Outbox
from streamer.sinks.trial import oddities, population_rights, problems, publisher_rights
from streamer.sinks.updates import Update, Written
from tests.avoid_lists import document, entry

ONE, OTHER = Outbox("avoid-lists", "the one"), Outbox("try-avoid-lists", "the other")
USERS = ["u1", "{odd}", "a}b", "avoid:u1", "eu:avoid:u1"]


@pytest.fixture
def store(embedded_redis: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(embedded_redis.url) as client:
        yield client


@pytest.fixture
def url(embedded_redis: EmbeddedRedis) -> str:
    return embedded_redis.url


def write(url: str, prefix: str, outbox: Outbox, tag: str, users: list[str] = USERS) -> Written:
    async def run() -> Written:
        async with AvoidListWriter(url, prefix=prefix, outbox=outbox) as writer:
            raw = encode(document(entry("tag", tag)))
            return await writer.write([Update(user, raw, n) for n, user in enumerate(users)], {0: Span(0, len(users))})

    return asyncio.run(run())


def clear(url: str, prefix: str) -> int:
    async def run() -> int:
        async with AvoidListWriter(url, prefix=prefix) as writer:
            return await writer.clear()

    return asyncio.run(run())


def tags(url: str, prefix: str) -> set[str]:
    with AvoidListReader(url, prefix=prefix, explore=0) as reader:
        lists = reader.get_many(USERS).values()
        return {each.value for found in lists if found.document for each in found.document.entries}


@pytest.mark.parametrize(("one", "other"), [("", "eu:"), ("eu:", "eu"), ("a", "ab")])
def test_with_prefixes_neither_sees_nor_deletes_the_others_lists(
    url: str, store: redis.Redis, one: str, other: str
) -> None:
    assert write(url, one, ONE, "golf").applied == write(url, other, OTHER, "opera").applied == len(USERS)
    assert (tags(url, one), tags(url, other)) == ({"golf"}, {"opera"})
    assert clear(url, one) == 2 * len(USERS)
    assert (tags(url, one), tags(url, other)) == (set(), {"opera"})
    assert store.exists(Keys(other).markers)
    assert not store.exists(Keys(one).markers)


def test_with_prefixes_each_has_its_own_figures(url: str, store: redis.Redis) -> None:
    async def run() -> None:
        async with PopulationWriter(url, prefix="eu:", owner="a") as one, PopulationWriter(url, owner="b") as other:
            await one.write(figures_of(Priors(version=1, as_of=9), {b"~all": b"1"}, {b"c": b"1"}))
            await other.write(figures_of(Priors(version=1, as_of=3), {b"~all": b"2"}, {}))
            await other.write(figures_of(Priors(version=2, as_of=4), {}, {}))

    asyncio.run(run())
    assert store.mget("eu:avoid:~all", "eu:creator:c", "avoid:~all") == [b"1", b"1", None]
    assert store.mget("eu:population:as_of", "population:as_of") == [b"9", b"4"]


def test_under_the_same_keys_the_second_one_writes_nothing_and_says_whose_they_are(
    url: str, store: redis.Redis
) -> None:
    write(url, "", ONE, "golf")
    before = {key: store.dump(key) for key in store.scan_iter()}

    async def figures() -> None:
        async with PopulationWriter(url, owner=OTHER.name) as writer:
            await writer.write(figures_of(Priors(version=1, as_of=9), {b"~all": b"1"}, {}))

    for attempt in (lambda: write(url, "", OTHER, "opera"), lambda: asyncio.run(figures())):
        with pytest.raises(RedisShared, match=r"another deployment \(the one\) writes to this Redis.*redis_prefix"):
            attempt()
    assert {key: store.dump(key) for key in store.scan_iter()} == before
    assert write(url, "", ONE, "golf").stale == len(USERS)


def test_once_the_first_one_says_no_more_that_it_writes_the_second_does(url: str, store: redis.Redis) -> None:
    write(url, "", ONE, "golf")
    assert 0 < store.pttl(Keys().owner) <= 20_000
    store.delete(Keys().owner)  # it has expired
    assert write(url, "", OTHER, "opera", [f"v{n}" for n in range(9)]).applied == 9


def test_check_names_another_deployment_and_what_it_left(url: str, store: redis.Redis) -> None:
    write(url, "", ONE, "golf")
    address = RedisAddress(url, 1)
    assert list(problems(address, Keys(), ONE.name)) == []
    assert list(oddities(address, Keys(), ONE.topic)) == []
    (problem,) = problems(address, Keys(), OTHER.name)
    assert "another deployment (the one) writes to this Redis" in problem
    (oddity,) = oddities(address, Keys(), OTHER.topic)
    assert "outbox avoid-lists" in oddity
    assert "streamer rebuild-redis --clear" in oddity
    assert list(problems(address, Keys("eu:"), OTHER.name)) == []
    assert list(oddities(address, Keys("eu:"), OTHER.topic)) == []


@pytest.mark.parametrize("prefix", ["", "eu:"])
def test_the_rights_of_one_are_none_to_the_others_keys(url: str, store: redis.Redis, prefix: str) -> None:
    other = Keys("try:" if prefix else "eu:")
    for rights in (publisher_rights(prefix), population_rights(prefix)):
        store.acl_deluser("limited")
        store.execute_command("ACL", "SETUSER", "limited", "on", "nopass", *rights.split())
        with redis.Redis.from_url(url, username="limited", password="x") as client:
            for key in (other.document("u1"), other.guard("u1"), other.guard("a}b"), other.markers, other.owner):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    client.get(key)
    store.acl_deluser("limited")
    write(url, prefix, ONE, "golf")


@pytest.mark.parametrize("value", [b"\xff\xfe", b""])
def test_a_garbled_owner_is_somebody_elses(url: str, store: redis.Redis, value: bytes) -> None:
    store.set(Keys().owner, value)
    with pytest.raises(RedisShared):
        write(url, "", ONE, "golf")


def test_keys_that_are_no_text_stop_nobody(url: str, store: redis.Redis) -> None:
    store.set(b"avoid:\xff", b"\xff")
    store.sadd(Keys().written, b"\xff\xfe", b"avoid:~cohort:\xff")
    store.set(Keys().as_of, b"\xff")
    store.set(b"{avoid:u1}:at", b"\xff")

    async def figures() -> int | None:
        async with PopulationWriter(url, owner=ONE.name) as writer:
            return await writer.write(figures_of(Priors(version=1, as_of=9), {b"~all": b"1"}, {}))

    assert asyncio.run(figures()) is not None
    assert store.get(Keys().as_of) == b"9"
    assert store.smembers(Keys().written) == {b"avoid:~all"}
    assert write(url, "", ONE, "golf").applied == len(USERS)
    assert clear(url, "") >= 2 * len(USERS)

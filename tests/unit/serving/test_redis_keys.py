"""Names of Redis keys, when they expire, and what addresses may say."""

from __future__ import annotations

import pytest
import redis
import redis.asyncio
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from streamer.errors import RedisUnavailable, SettingsError
from streamer.events import DAY_MS
from streamer.settings import load
from streamer.sinks.address import RedisAddress
from streamer.sinks.expiry import expires_at_ms
from streamer.sinks.keys import Keys, is_reserved
from tests.avoid_lists import TODAY, document, entry

patient = settings(deadline=None)
"""The first id with a brace makes a table of all slots."""

_odd_ids = st.text(st.sampled_from("{}:~ab\u00fc0"), min_size=1, max_size=8) | st.text(min_size=1, max_size=20)


@patient
@given(_odd_ids)
def test_guard_and_document_are_always_in_one_cluster_slot(user_id: str) -> None:
    assert key_slot(Keys().guard(user_id).encode()) == key_slot(Keys().document(user_id).encode())


@patient
@given(_odd_ids, _odd_ids)
def test_no_two_keys_are_the_same(one: str, other: str) -> None:
    keys = {Keys().document(one), Keys().guard(one), Keys().document(other), Keys().guard(other)}
    assert len(keys) == (2 if one == other else 4)


@patient
@given(_odd_ids)
def test_a_users_keys_are_known_as_such(user_id: str) -> None:
    if not is_reserved(user_id):
        assert Keys().is_users(Keys().document(user_id))
    assert Keys().is_users(Keys().guard(user_id))


_prefixes = st.from_regex(r"[a-z0-9._:-]{0,3}", fullmatch=True) | st.sampled_from(["", "eu:", "a", "avoi", "d:"])


@patient
@given(_prefixes, _prefixes, _odd_ids | st.sampled_from(["eu:avoid:u1", "avoid:x", "a}avoid:b"]), _odd_ids)
def test_no_key_is_of_two_deployments(one: str, other: str, user_id: str, other_id: str) -> None:
    assume(one != other)
    own, others = Keys(one), Keys(other)
    keys = {
        own.document(user_id), own.guard(user_id), own.creator(user_id), own.rates, own.tags, own.creators, own.written,
        own.as_of, own.markers, own.owner, own.everybody,
    }  # fmt: skip
    assert not any(others.is_users(key) for key in keys)
    assert keys.isdisjoint({others.document(other_id), others.guard(other_id), others.creator(other_id), others.rates})


@pytest.mark.parametrize(
    "prefix", ["eu*", "e?", "[eu]", "{eu}", "eu\\", "e u", "eu\n", "x" * 33, "avoid:", "a:outbox:", "é"]
)
def test_a_prefix_that_patterns_or_a_cluster_would_misread_is_refused(prefix: str) -> None:
    for refused in (lambda: Keys(prefix), lambda: load(redis_prefix=prefix)):
        with pytest.raises(SettingsError, match="redis_prefix: "):
            refused()


@pytest.mark.parametrize(
    "key", ["avoid:~all", "avoid:~cohort:de", "population:x", "{avoid:u1}:other", "{19}avoid:u1:at"]
)
def test_other_keys_are_not_taken_for_a_users(key: str) -> None:
    assert not Keys().is_users(key)


def test_a_document_expires_a_day_after_its_last_entry() -> None:
    lasting = entry("tag", "a", expires_at=TODAY + 300 * DAY_MS), entry("tag", "b", expires_at=TODAY + DAY_MS)
    assert expires_at_ms(document(*lasting), window_days=180) == TODAY + 301 * DAY_MS


def test_a_document_stays_as_long_as_the_window_of_its_newest_event_and_a_day() -> None:
    short = entry("tag", "a", expires_at=TODAY + DAY_MS)
    assert expires_at_ms(document(short), window_days=180) == TODAY + 181 * DAY_MS
    assert expires_at_ms(document(), window_days=30) == TODAY + 31 * DAY_MS


def test_a_document_with_a_block_never_expires() -> None:
    assert expires_at_ms(document(entry("tag", "a"), entry("creator", "c", "hard", expires_at=None)), 180) is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://localhost", "must begin with one of redis://"),
        ("localhost:6379", "must begin with one of redis://"),
        ("redis://localhost:port", "redis_url: "),
        ("redis://localhost/0?socket_timeout=soon", "redis_url: "),
        ("redis://localhost/0?tls=true", "redis_url: .*tls"),
        ("redis://localhost/0?ssl_cert_reqs=none", "redis_url: .*ssl_cert_reqs"),
        ("redis://localhost/0?decode_responses=true", "redis_url: leave decode_responses out"),
        ("rediss://localhost/0?ssl_ca_certs=/nowhere.pem", "ssl_ca_certs: /nowhere.pem cannot be read: No such file"),
        ("rediss+sentinel://localhost/main?ssl_certfile=/nowhere.pem", "ssl_certfile: /nowhere.pem cannot be read"),
        ("redis://localhost/abc", "the number of a database; got '/abc'"),
        ("redis://localhost/0/more", "the number of a database; got '/0/more'"),
        ("redis+sentinel://localhost:26379", "the primary's name and the number of a database"),
        ("redis+sentinel://localhost:26379,/main", "redis_url: a Sentinel's address is empty"),
    ],
)
def test_an_address_that_cannot_work_is_said_at_once(url: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        RedisAddress(url, 1)


@pytest.mark.parametrize("sign", "#/?@:")
def test_a_password_with_a_sign_that_ends_it_is_told_without_it(sign: str) -> None:
    for url in (f"redis://:s3cr3t{sign}m0re@cache:6379/0", f"redis+sentinel://:s3cr3t{sign}m0re@cache:26379/main"):
        try:
            told = str(RedisAddress(url, 1))
        except SettingsError as error:
            told = str(error)
        assert "s3cr3t" not in told
        assert "m0re" not in told


@pytest.mark.parametrize("scheme", ["REDIS", "valkey", "Redis"])
def test_a_scheme_may_be_written_as_others_do(scheme: str) -> None:
    assert str(RedisAddress(f"{scheme}://cache:6379/0", 1)) == "redis://cache:6379/0"


def test_sentinels_are_asked_for_the_primary_by_its_name() -> None:
    address = RedisAddress("rediss+sentinel://me:secret@a,b:26380/main/3?sentinel_password=other", 1.5)
    assert str(address) == "rediss+sentinel://***@a,b:26380/main/3"
    for client in (address.connect(), address.connect_async()):
        pool = client.connection_pool
        assert pool.service_name == "main"
        assert {"db": 3, "username": "me", "password": "secret"}.items() <= pool.connection_kwargs.items()
        asked = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
        assert [(each["host"], each["port"], each["password"]) for each in asked] == [
            ("a", 26379, "other"), ("b", 26380, "other"),
        ]  # fmt: skip


def test_a_timeout_of_nothing_cannot_work() -> None:
    with pytest.raises(SettingsError, match="redis_timeout: must be > 0"):
        RedisAddress("redis://localhost", 0)


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_plain_address_makes_a_plain_client_with_timeouts(scheme: str) -> None:
    address = RedisAddress(f"{scheme}://:secret@cache:6390/3", 1.5)
    client, async_client = address.connect(), address.connect_async()
    assert isinstance(client, redis.Redis)
    assert isinstance(async_client, redis.asyncio.Redis)
    for options in (client.connection_pool.connection_kwargs, async_client.connection_pool.connection_kwargs):
        expected = {"host": "cache", "port": 6390, "db": 3, "socket_timeout": 1.5, "socket_connect_timeout": 1.5}
        assert expected.items() <= options.items()


def test_a_cluster_address_makes_a_cluster_client() -> None:
    client = RedisAddress("redis+cluster://cache:6390", 1.5).connect_async()
    assert isinstance(client, redis.asyncio.RedisCluster)
    assert list(client.nodes_manager.startup_nodes) == ["cache:6390"]


def test_a_socket_file_is_an_address() -> None:
    client = RedisAddress("unix:///run/redis.sock?db=1", 1).connect()
    assert isinstance(client, redis.Redis)
    assert client.connection_pool.connection_kwargs["path"] == "/run/redis.sock"


def test_errors_do_not_tell_the_password() -> None:
    error = RedisAddress("redis://me:secret@cache:6379/0?password=secret", 1).unavailable(OSError("refused"))
    assert isinstance(error, RedisUnavailable)
    assert "secret" not in str(error)
    assert "redis://***@cache:6379/0" in str(error)

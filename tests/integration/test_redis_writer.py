"""The Redis writer, against a Redis: whatever arrives, however often, in whatever order, the newest stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.embedded import EmbeddedRedis
from streamer.engine.kafka.records import Record
from streamer.errors import RedisUnavailable, StateCorrupt
from streamer.events import DAY_MS
from streamer.scoring.document import encode
from streamer.sinks.keys import Keys
from streamer.sinks.markers import Span
from streamer.sinks.redis import AvoidListWriter
from streamer.sinks.updates import Update, Written
from tests.avoid_lists import TODAY, document, entry
from tests.backends.ports import free_port

T = TypeVar("T")

NEVER = document(entry("creator", "c", "hard", expires_at=None))


@pytest.fixture
def store(embedded_redis: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(embedded_redis.url) as client:
        client.script_flush()
        yield client


@pytest.fixture
def url(embedded_redis: EmbeddedRedis, store: redis.Redis) -> str:
    return embedded_redis.url


def recorded(value: bytes | None, offset: int, *headers: tuple[str, bytes]) -> Record:
    """A record of the outbox."""
    return Record(offset, b"u1", value, 0, headers)


def using(url: str, do: Callable[[AvoidListWriter], Awaitable[T]], **settings: object) -> T:
    """Runs `do` with a writer, on an event loop."""

    async def run() -> T:
        async with AvoidListWriter(url, **settings) as writer:  # type: ignore[arg-type]
            return await do(writer)

    return asyncio.run(run())


def write(url: str, *batches: list[Update]) -> list[Written]:
    async def all_of_them(writer: AvoidListWriter) -> list[Written]:
        return [await writer.write(batch) for batch in batches]

    return using(url, all_of_them)


def test_a_document_is_stored_byte_for_byte(url: str, store: redis.Redis) -> None:
    raw = encode(document(entry("tag", "żółć")))
    assert write(url, [Update("u1", raw, 7)]) == [Written(applied=1)]
    assert store.get("avoid:u1") == raw
    assert store.get("{avoid:u1}:at") == b"0/0/7"


def test_a_stale_record_does_not_overwrite_and_a_repeated_one_is_passed_over(url: str, store: redis.Redis) -> None:
    counts = write(url, [Update("u1", b"new", 7)], [Update("u1", b"old", 6)], [Update("u1", b"new", 7)])
    assert counts == [Written(applied=1), Written(stale=1), Written(stale=1)]
    assert store.get("avoid:u1") == b"new"


def test_offsets_are_compared_as_numbers(url: str, store: redis.Redis) -> None:
    write(url, [Update("u1", b"nine", 9)], [Update("u1", b"ten", 10)], [Update("u1", b"far", 2**52)])
    assert store.get("avoid:u1") == b"far"
    assert write(url, [Update("u1", b"near", 2**52 - 1)]) == [Written(stale=1)]


def test_a_tombstone_deletes_and_older_documents_stay_away(url: str, store: redis.Redis) -> None:
    counts = write(url, [Update("u1", b"doc", 5)], [Update("u1", None, 8)], [Update("u1", b"zombie", 6)])
    assert counts == [Written(applied=1), Written(applied=1), Written(stale=1)]
    assert store.get("avoid:u1") is None
    assert DAY_MS - 60_000 < int(store.pttl(Keys().guard("u1"))) <= DAY_MS
    assert write(url, [Update("u1", None, 8)], [Update("u1", b"again", 9)]) == [Written(stale=1), Written(applied=1)]
    assert store.get("avoid:u1") == b"again"
    assert store.pttl(Keys().guard("u1")) == -1


def test_of_several_records_of_a_user_in_a_batch_the_newest_is_written(url: str, store: redis.Redis) -> None:
    batch = [Update("u1", b"2", 2), Update("u2", b"4", 4), Update("u1", b"3", 3), Update("u1", b"1", 1)]
    assert write(url, batch) == [Written(applied=2, coalesced=2)]
    assert store.mget("avoid:u1", "avoid:u2") == [b"3", b"4"]


def test_a_batch_is_one_round_trip(url: str, store: redis.Redis) -> None:
    async def two_batches(writer: AvoidListWriter) -> int:
        await writer.write([Update("warm-up", b"x", 1)])
        before = store.info("stats")["total_reads_processed"]
        store.info("stats")
        between = store.info("stats")["total_reads_processed"]
        await writer.write([Update(f"u{n}", b"x", n) for n in range(50)])
        return int(store.info("stats")["total_reads_processed"] - between - (between - before) // 2)

    assert using(url, two_batches) == 1
    assert len(store.keys("avoid:u*")) == 50


def test_the_names_of_default_lists_are_refused_to_users(
    url: str, store: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    store.set("avoid:~all", b"theirs")
    batch = [Update("~all", b"mine", 1), Update("~cohort:de", None, 2), Update("~allegra", b"x", 3)]
    assert write(url, batch) == [Written(applied=1, reserved=2)]
    assert store.get("avoid:~all") == b"theirs"
    assert "'~all' is the name of a default list" in caplog.text


def test_nothing_to_write_is_no_trouble(url: str) -> None:
    assert write(url, []) == [Written()]


def test_what_redis_lost_is_restored_by_the_same_records(url: str, store: redis.Redis) -> None:
    batch = [Update("u1", b"one", 1), Update("u2", b"two", 2), Update("u3", None, 3)]
    write(url, batch)
    store.delete("avoid:u1")  # evicted
    assert write(url, batch) == [Written(applied=1, stale=2)]
    assert store.mget("avoid:u1", "avoid:u2", "avoid:u3") == [b"one", b"two", None]


def test_after_flushall_and_a_forgotten_script_a_rebuild_gives_the_same(url: str, store: redis.Redis) -> None:
    batch = [Update(f"u{n}", b"doc %d" % n, n) for n in range(20)]

    async def lose_everything_and_rebuild(writer: AvoidListWriter) -> Written:
        await writer.write(batch)
        store.flushall()
        store.script_flush()
        return await writer.write(batch)

    assert using(url, lose_everything_and_rebuild) == Written(applied=20)
    assert [store.get(f"avoid:u{n}") for n in range(20)] == [b"doc %d" % n for n in range(20)]


def test_a_garbled_guard_does_not_keep_a_user_out(url: str, store: redis.Redis) -> None:
    store.set(Keys().guard("u1"), b"garbage")
    store.hset(Keys().guard("u2"), "of", "another type")
    store.hset(Keys().document("u2"), "of", "another type")
    assert write(url, [Update("u1", b"1", 1), Update("u2", b"2", 2)]) == [Written(applied=2)]
    assert store.mget("avoid:u1", "avoid:u2", Keys().guard("u1"), Keys().guard("u2")) == [
        b"1",
        b"2",
        b"0/0/1",
        b"0/0/2",
    ]


def test_clearing_deletes_every_users_keys_and_no_others(url: str, store: redis.Redis) -> None:
    users = [f"u{n}" for n in range(1500)] + ["{odd}", "a}b"]
    others = {"avoid:~all": b"x", "avoid:~cohort:de": b"x", "population:tags": b"x", "myavoid:u1": b"x"}

    async def fill_and_clear(writer: AvoidListWriter) -> int:
        await writer.write([Update(user, b"x", 10) for user in users])
        store.mset(others)
        return await writer.clear()

    assert using(url, fill_and_clear) == 2 * len(users)
    assert set(store.scan_iter()) == {key.encode() for key in others}
    assert write(url, [Update("u1", b"anew", 0)]) == [Written(applied=1)]


# --- expiry ----------------------------------------------------------------------------------------------------------


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_key_expires_when_its_document_does_and_its_guard_a_day_later(url: str, store: redis.Redis) -> None:
    now = _now_ms()
    raw = encode(document(as_of=now))
    update = Update.of(recorded(raw, 1), 0, window_days=180)
    assert update.expires_at == now + 181 * DAY_MS
    write(url, [update])
    # PEXPIRETIME came with Redis 7, so the time left is added to the clock
    assert abs(_now_ms() + int(store.pttl("avoid:u1")) - (now + 181 * DAY_MS)) < 60_000
    assert abs(_now_ms() + int(store.pttl(Keys().guard("u1"))) - (now + 182 * DAY_MS)) < 60_000


def test_a_block_takes_the_expiry_away(url: str, store: redis.Redis) -> None:
    now = _now_ms()
    write(url, [Update("u1", b"1", 1, now + DAY_MS)], [Update.of(recorded(encode(NEVER), 2), 0, window_days=180)])
    assert (store.pttl("avoid:u1"), store.pttl(Keys().guard("u1"))) == (-1, -1)


def test_what_has_expired_by_the_wall_clock_is_not_kept(url: str, store: redis.Redis) -> None:
    write(url, [Update("u1", b"1", 1, TODAY - 400 * DAY_MS)])
    assert store.get("avoid:u1") is None


def test_with_the_clock_of_events_nothing_expires(url: str, store: redis.Redis) -> None:
    update = Update("u1", b"1", 1, TODAY - 400 * DAY_MS)
    using(url, lambda writer: writer.write([update]), clock="events")
    assert store.get("avoid:u1") == b"1"
    assert (store.pttl("avoid:u1"), store.pttl(Keys().guard("u1"))) == (-1, -1)


def test_an_outbox_record_that_is_no_document_is_named() -> None:
    with pytest.raises(StateCorrupt, match="user 'u1' at offset 9 is no document"):
        Update.of(recorded(b"{", 9), 0, window_days=180)
    assert Update.of(recorded(None, 9, ("term", b"17")), 3, 180) == Update("u1", None, 9, partition=3, term=17)


# --- any order -------------------------------------------------------------------------------------------------------

_users = ["u1", "{u2}"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_any_repeats_any_batches_end_in_the_newest(url: str, store: redis.Redis, data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.tuples(st.sampled_from(_users), st.booleans()), min_size=1, max_size=8))
    anew = data.draw(st.integers(0, len(kinds)))  # from here on in a new log, whose offsets begin again
    records = [
        Update(user, None if tombstone else b"doc %d" % n, n - anew if n >= anew else n, None, 0, 7 + (n >= anew))
        for n, (user, tombstone) in enumerate(kinds)
    ]
    arrivals = data.draw(st.permutations(records + data.draw(st.lists(st.sampled_from(records), max_size=4))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arrivals)), max_size=3)))
    batches = [arrivals[a:b] for a, b in zip([0, *cuts], [*cuts, len(arrivals)], strict=True)]
    store.flushall()

    counts = write(url, *batches)

    newest = {record.user_id: record.document for record in records}
    assert {user: store.get(Keys().document(user)) for user in newest} == newest
    assert sum(c.applied + c.stale + c.coalesced for c in counts) == len(arrivals)


# --- Redis away ------------------------------------------------------------------------------------------------------


def test_nobody_listening_is_an_error_that_says_what_to_do() -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    with pytest.raises(RedisUnavailable, match="check that it runs"):
        write(url, [Update("u1", b"1", 1)])
    for do in (lambda writer: writer.look({0: Span(0, 0)}), AvoidListWriter.clear):
        with pytest.raises(RedisUnavailable):
            using(url, do)


def test_a_full_redis_is_an_error_and_nothing_is_lost(url: str, store: redis.Redis) -> None:
    store.config_set("maxmemory", "1")
    try:
        with pytest.raises(RedisUnavailable, match="full"):
            write(url, [Update("u1", b"1", 1)])
    finally:
        store.config_set("maxmemory", "0")
    assert write(url, [Update("u1", b"1", 1)]) == [Written(applied=1)]


def test_waiting_for_redis_ends_when_told_to_stop() -> None:
    async def give_up(writer: AvoidListWriter) -> int:
        stop = asyncio.Event()
        failures = 0

        def third_time(_reason: str) -> None:
            nonlocal failures
            failures += 1
            if failures == 3:
                stop.set()

        with pytest.raises(RedisUnavailable):
            await writer.write_until_done([Update("u1", b"1", 1)], stop, on_error=third_time, first_wait=0.001)
        return failures

    assert using(f"redis://127.0.0.1:{free_port()}", give_up) == 3


@pytest.mark.timeout(20)
def test_a_stop_ends_a_long_wait_at_once() -> None:
    async def give_up(writer: AvoidListWriter) -> None:
        stop = asyncio.Event()
        failed = asyncio.Event()
        waiting = asyncio.create_task(
            writer.write_until_done(
                [Update("u1", b"1", 1)], stop, on_error=lambda _: failed.set(), first_wait=1000, longest_wait=1000
            )
        )
        await failed.wait()
        stop.set()
        with pytest.raises(RedisUnavailable):
            await waiting

    using(f"redis://127.0.0.1:{free_port()}", give_up)

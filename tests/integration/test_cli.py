"""The command line against the embedded broker and Redis."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import msgspec
import pytest
from redis import Redis
from typer.testing import CliRunner, Result

from streamer.city.city import City
from streamer.cli.app import app
from streamer.embedded import EmbeddedBroker, EmbeddedRedis
from streamer.engine.state.changelog import MARK_KEY, group_of, journal_of
from streamer.engine.state.store import MARK_VERSION, Mark, UserChange, encode_mark
from streamer.events import DAY_MS
from streamer.explaining.explanation import explain_key
from streamer.partitioning import partition_of
from streamer.producing.connection import open_producer
from streamer.profile import Profile, Rules
from streamer.scoring.document import encode
from streamer.settings import Settings, load
from tests.avoid_lists import document, entry

NOW = time.time_ns() // 1_000_000


@pytest.fixture
def settings(embedded_broker: EmbeddedBroker, embedded_redis: EmbeddedRedis, prefix: str) -> Settings:
    return load(
        brokers=embedded_broker.bootstrap,
        partitions=embedded_broker.partitions,
        declare_topics=False,
        topic_prefix=prefix,
        redis_url=embedded_redis.url,
        clock="events",
    )


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with Redis.from_url(settings.redis_url) as client:
        yield client


def run(settings: Settings, *arguments: str) -> Result:
    names = ("brokers", "partitions", "declare_topics", "topic_prefix", "redis_url", "clock")
    given = [part for name in names for part in ("--set", f"{name}={json.dumps(getattr(settings, name))}")]
    return CliRunner().invoke(app, [*given, *arguments], env={"COLUMNS": "200"})


def write_outbox(settings: Settings, *records: tuple[str, bytes | None]) -> None:
    producer = open_producer(settings, delivery_timeout=10, auto_create=True)
    for user, value in records:
        partition = partition_of(user, settings.partitions)
        producer.send(settings.topics.avoid_lists, value, user.encode(), partition=partition)
    producer.flush()
    producer.close()


def write_state(settings: Settings, profile: Profile, watermark: int, partition: int) -> None:
    producer = open_producer(settings, delivery_timeout=10, auto_create=True)
    parts, journal, fresh = profile.changes()
    change = UserChange(profile.user_id, parts, profile.deadline(), journal, fresh)
    for record in journal_of(change):
        producer.send(settings.topics.journal, record.value, record.key, partition=partition)
    for record in group_of(change) if parts else ():
        producer.send(settings.topics.state, record.value, record.key, partition=partition)
    mark = encode_mark(Mark(MARK_VERSION, watermark, {}, 0))
    producer.send(settings.topics.state, mark, MARK_KEY, partition=partition)
    producer.flush()
    producer.close()


def stored_documents(redis: Redis) -> dict[bytes, object]:
    return {key: redis.get(key) for key in redis.scan_iter("avoid:*")}


# --- inspect ---------------------------------------------------------------------------------------------------


def test_inspect_shows_every_entry_with_its_reasons_in_words(settings: Settings, redis: Redis) -> None:
    listed = document(
        entry("tag", "true-crime", expires_at=NOW + 170 * DAY_MS, last_day=time.strftime("%Y-%m-%d", time.gmtime())),
        entry("creator", "c-9", tier="hard", expires_at=None),
        entry("content", "old", expires_at=NOW - DAY_MS),
        user_id="u1",
    )
    redis.set("avoid:u1", encode(listed))
    result = run(settings, "inspect", "u1")
    assert result.exit_code == 0
    rows = {
        line.split()[1]: line for line in result.output.splitlines() if line.strip().startswith(("tag", "cre", "con"))
    }
    assert "strong" in rows["true-crime"]
    assert "x 0.50" in rows["true-crime"]
    assert "ignored 40 of 40 times it was seen, in 9 sessions" in rows["true-crime"]
    assert "in 169 d" in rows["true-crime"] or "in 170 d" in rows["true-crime"]
    assert "excluded" in rows["c-9"]
    assert "undone" in rows["c-9"]
    assert "expired" in rows["old"]
    assert "5.0 engagements were expected, 0 came; disliked with a probability of 59% (log odds +0.35)" in result.output


def test_inspect_json_is_the_document_byte_for_byte(settings: Settings, redis: Redis) -> None:
    raw = encode(document(entry("tag", "ä €")))
    redis.set("avoid:u1", raw)
    assert run(settings, "inspect", "u1", "--json").stdout_bytes == raw + b"\n"


def test_inspect_of_an_unknown_user_says_so(settings: Settings) -> None:
    result = run(settings, "inspect", "nobody")
    assert (result.exit_code, "no avoid list of 'nobody'" in result.stderr) == (1, True)


def test_inspect_of_a_broken_document_says_what_to_do(settings: Settings, redis: Redis) -> None:
    redis.set("avoid:u1", b"{")
    result = run(settings, "inspect", "u1")
    assert (result.exit_code, "streamer rebuild-redis" in result.stderr) == (1, True)


# --- rebuild-redis ------------------------------------------------------------------------------------------------


def test_rebuild_after_a_loss_gives_byte_identical_documents(settings: Settings, redis: Redis) -> None:
    """I8: newest documents stand, older ones and deleted ones do not."""
    newest = {f"u{n}": encode(document(entry("tag", f"t{n}"), user_id=f"u{n}")) for n in range(50)}
    older = [(user, encode(document(user_id=user))) for user in newest]
    write_outbox(settings, *older, ("gone", newest["u0"]), *newest.items(), ("gone", None))
    result = run(settings, "rebuild-redis")
    assert result.exit_code == 0
    assert "read 102 records" in result.output
    built = stored_documents(redis)
    assert built == {f"avoid:{user}".encode(): raw for user, raw in newest.items()}
    redis.flushall()
    assert run(settings, "rebuild-redis").exit_code == 0
    assert stored_documents(redis) == built


def test_a_rebuild_notes_how_far_redis_has_the_outbox(settings: Settings, redis: Redis) -> None:
    write_outbox(settings, *((f"u{n}", encode(document(user_id=f"u{n}"))) for n in range(20)))
    for options in ((), ("--clear",)):
        redis.delete("outbox:at")
        assert run(settings, "rebuild-redis", *options).exit_code == 0
        markers = redis.hgetall("outbox:at")
        assert sum(int(marker.rpartition(b"/")[2]) for marker in markers.values()) == 20


def test_rebuild_changes_nothing_where_nothing_is_lost(settings: Settings, redis: Redis) -> None:
    write_outbox(settings, ("u1", encode(document(entry("tag", "a")))))
    run(settings, "rebuild-redis")
    assert "read 1 records: 0 written to Redis, 1 there already" in run(settings, "rebuild-redis").output


def test_rebuild_passes_over_what_is_no_document_and_says_so(settings: Settings, redis: Redis) -> None:
    write_outbox(settings, ("u1", b"nonsense"), ("u2", encode(document(user_id="u2"))))
    result = run(settings, "rebuild-redis")
    assert "is no document" in result.output
    assert list(stored_documents(redis)) == [b"avoid:u2"]


def test_rebuild_can_clear_what_a_topic_made_anew_does_not_outrank(settings: Settings, redis: Redis) -> None:
    redis.set("avoid:u1", encode(document(entry("tag", "stale"))))
    redis.set("{avoid:u1}:at", 1000)
    raw = encode(document(entry("tag", "new")))
    write_outbox(settings, ("u1", raw))
    run(settings, "rebuild-redis")
    assert redis.get("avoid:u1") != raw
    run(settings, "rebuild-redis", "--clear")
    assert redis.get("avoid:u1") == raw


# --- explain -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("elsewhere", [0, 1], ids=["default partitioner", "another partitioner"])
def test_explain_tells_the_counts_behind_an_entry_and_what_another_lacks(settings: Settings, elsewhere: int) -> None:
    city = City(1, 10, 3, NOW - 7_000_000, events=600, items=60, tags=20, creators=15)
    (user,) = city.user_ids()
    profile = Profile(user, Rules(settings))
    for _, event in city.events():
        profile.apply(event, 0)
    profile.advance(NOW)
    found = profile.document()
    assert found is not None
    partition = (partition_of(user, settings.partitions) + elsewhere) % settings.partitions
    write_state(settings, profile, NOW, partition)
    listed = next(each for each in found.entries if each.kind == "tag" and each.tier != "hard")
    result = run(settings, "explain", user, str(listed.value).upper())
    assert result.exit_code == 0
    assert f"listed: {listed.tier}, x " in result.output
    assert f"log odds {listed.log_odds:+.2f}" in result.output
    assert listed.evidence.last_day is not None
    assert listed.evidence.last_day in result.output
    assert re.search(rf"^ all +{listed.evidence.shown} +{listed.evidence.started} ", result.output, re.MULTILINE)
    named = {each.value for each in found.entries}
    lacking = next(
        a for tag in city.catalogue.tags if tag not in named and (a := explain_key(profile, "tag", tag)).days
    )
    told = run(settings, "explain", user, lacking.value, "--kind", "tag").output
    assert all(f"not listed: {line}" in told for line in lacking.missing)


def test_explain_of_an_unknown_user_says_so(settings: Settings) -> None:
    result = run(settings, "explain", "nobody", "news")
    assert (result.exit_code, "saved nothing about 'nobody'" in result.stderr) == (1, True)


# --- check, topics, erase -----------------------------------------------------------------------------------------


def test_check_is_content_with_a_working_deployment(settings: Settings) -> None:
    assert run(settings, "topics", "create").exit_code == 0
    result = run(settings, "check")
    assert (result.exit_code, result.output.count("✓"), "✗" in result.output) == (0, 8, False)


@pytest.mark.parametrize(
    ("codes", "days_ago", "exit_code", "told"),
    [
        (["malformed_json"], 0, 0, "1 malformed_json in the last day"),
        (
            ["missing_key", "wrong_partition", "wrong_partition"],
            0,
            1,
            "2 wrong_partition, 1 missing_key in the last day",
        ),
        (["wrong_partition"], 2, 0, "none in the last day"),
    ],
)
def test_check_finds_records_in_wrong_partitions(
    settings: Settings, codes: list[str], days_ago: int, exit_code: int, told: str
) -> None:
    assert run(settings, "topics", "create").exit_code == 0
    producer = open_producer(settings, delivery_timeout=10, auto_create=True)
    for at, code in enumerate(codes):
        headers, ts = [("code", code.encode())], NOW - days_ago * DAY_MS
        producer.send(settings.topics.rejects, b"x", b"k", headers, at % settings.partitions, ts)
    producer.flush()
    producer.close()
    result = run(settings, "check")
    assert (result.exit_code, told in " ".join(result.output.split())) == (exit_code, True)
    assert ("set partitioner" in " ".join(result.output.split())) is bool(exit_code)


def test_check_says_whose_the_state_is(settings: Settings) -> None:
    assert run(settings, "topics", "create").exit_code == 0
    producer = open_producer(settings, delivery_timeout=10, auto_create=True)
    mark = Mark(MARK_VERSION, NOW, {}, 0, partitions=settings.partitions, group=settings.group)
    producer.send(settings.topics.state, encode_mark(mark), MARK_KEY, partition=1)
    producer.flush()
    assert f"belongs to group {settings.group}; saved in 1 of" in run(settings, "check").output
    producer.send(settings.topics.state, encode_mark(msgspec.structs.replace(mark, group="x")), MARK_KEY, partition=1)
    producer.flush()
    producer.close()
    result = run(settings, "check")
    assert (result.exit_code, "belong to group 'x'" in result.output) == (1, True)
    result = run(settings.model_copy(update={"partitions": 7}), "check")
    assert (result.exit_code, "must not be raised" in " ".join(result.output.split())) == (1, True)


def test_topics_of_other_partition_counts_are_named_with_what_to_set(settings: Settings) -> None:
    assert run(settings, "topics", "create").exit_code == 0
    other = settings.model_copy(update={"partitions": 7})
    result = run(other, "topics", "check")
    assert (result.exit_code, "set it to 4" in result.stderr) == (1, True)
    assert "set it to 4" in run(other, "check").output


def test_erase_that_nobody_does_says_so_and_that_the_request_stands(settings: Settings) -> None:
    run(settings, "topics", "create")
    result = run(settings, "erase", "u1", "--timeout", "0.3")
    assert result.exit_code == 1
    assert "no worker has erased the user in partitions 0, 1, 2, 3" in result.stderr
    assert "Redis has not heard of it" not in result.stderr  # there is no tombstone that it could have heard of
    assert "a worker and a publisher run" in result.stderr
    assert "the request stands" in result.stderr

"""The population agent as a process, on the embedded broker and Redis: deltas in, figures out, and nothing lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner

from streamer import agents
from streamer.cli.app import app
from streamer.embedded import EmbeddedRedis
from streamer.engine.kafka.compacted import PARTITION
from streamer.engine.kafka.records import Record
from streamer.engine.kafka.scan import scanner
from streamer.engine.population.aggregator import announced
from streamer.engine.population.announcement import Announcement
from streamer.engine.population.snapshots import STALE_AFTER
from streamer.errors import SettingsError
from streamer.events import DAY_MS
from streamer.population import Deltas, Key
from streamer.population.sums import CohortSums, CreatorSums, TagSums
from streamer.producing import SignalProducer, topics
from streamer.producing.connection import open_producer
from streamer.serving import AvoidListReader, Candidate
from streamer.settings import Settings
from tests.backends.ports import free_port
from tests.crowd import HATED, LOVED, crowd
from tests.deployment import records_in
from tests.processes import environment_of, measured, running, wait_for


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"population": True, "population_interval": 1.0})


@pytest.fixture
def store(settings: Settings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.redis_url) as client:
        yield client


def tell(settings: Settings, *changes: tuple[Key, TagSums | CreatorSums | CohortSums]) -> None:
    """What a worker's checkpoint writes."""
    deltas = Deltas()
    for key, sums in changes:
        deltas.add(key, sums)
    producer = open_producer(settings, delivery_timeout=10, auto_create=True)
    for key, value in deltas.take():
        producer.send(settings.topics.population, value, key, partition=PARTITION)
    producer.flush()
    producer.close()


def told(settings: Settings) -> Announcement:
    async def read() -> Announcement:
        async with scanner(settings, "what is announced") as reading:
            return await announced(reading, settings)

    return asyncio.run(read())


def everything(store: redis.Redis) -> dict[bytes, object]:
    found: dict[bytes, object] = {}
    for pattern in ("avoid:~*", "creator:*", "population:*"):
        for key in store.scan_iter(pattern):
            kind = store.type(key)
            found[key] = {b"string": store.get, b"hash": store.hgetall, b"set": store.smembers}[kind](key)
    return found


PASSED_OVER = TagSums(users=100, dislikes=20, o=0, e=80_000_000)
NEARLY_03 = pytest.approx(0.3, abs=0.03)  # a default list's entries drift back within the day, too
BAIT = CreatorSums([0] * 8 + [60, 0, 0, 0], 130, 100_000_000, 140, 70, 50_000_000)


def test_deltas_become_rates_default_lists_and_flags_that_a_restart_goes_on_from_and_a_rebuild_restores(
    settings: Settings, store: redis.Redis, tmp_path: Path
) -> None:
    tell(
        settings,
        (Key("tag", "gore"), PASSED_OVER),
        (Key("tag", "fun"), TagSums(users=1000, o=900_000_000, e=900_000_000)),
        (Key("cohort", "news", "de"), CohortSums(0, 60_000_000)),
        (Key("creator", "bait"), BAIT),
    )
    with running("population", settings, tmp_path / "population.log") as child:
        wait_for("it is in Redis", lambda: store.exists("population:rates") == 1 and store.exists("avoid:~all"), child)
    assert child.exit_code == 0, child.tail()
    first = told(settings)
    assert first.priors.creators["bait"] > 0.2
    with AvoidListReader(settings.redis_url, defaults_seconds=0) as reader:
        newcomer, german = reader.get("new"), reader.get("new", cohort="de")
        assert (newcomer.source, newcomer.penalty(Candidate("c", tags=("gore",)), explore=False)) == (
            "default",
            NEARLY_03,
        )
        assert (german.source, german.penalty(Candidate("c", tags=("news",)), explore=False)) == ("cohort", NEARLY_03)
        assert "everybody's default list" in str(newcomer.explain(Candidate("c", tags=("gore",))))
    assert b"hook" in (store.get("creator:bait") or b"")
    assert float(store.hget("population:creators", "bait") or 0) == first.priors.creators["bait"]

    there = everything(store)
    store.flushall()
    rebuilt = CliRunner().invoke(app, ["rebuild-redis"], env=environment_of(settings))
    assert rebuilt.exit_code == 0, rebuilt.output
    assert "1 flagged creators" in rebuilt.output
    assert everything(store) == there

    tell(settings, (Key("creator", "bait"), CreatorSums([60, 0, 0, 0, 0, 0, 0, 0, -60, 0, 0, 0])))
    with running("population", settings, tmp_path / "population.log") as child:
        wait_for("the creator is no longer flagged", lambda: store.exists("creator:bait") == 0, child)
    second = told(settings)
    assert second.priors.version > first.priors.version
    assert second.priors.creators["bait"] < 0.04  # had the first 60 been lost, or counted twice, it would be more
    assert second.lists.keys() == first.lists.keys()
    assert second.health == {}


def test_check_inspect_and_explain_know_of_the_population(
    settings: Settings, store: redis.Redis, tmp_path: Path
) -> None:
    environment = environment_of(settings)
    topics.create(settings)
    fresh = CliRunner().invoke(app, ["check"], env=environment)
    assert (fresh.exit_code, "no worker has told any" in fresh.output) == (0, True), fresh.output
    tell(settings, (Key("tag", "gore"), PASSED_OVER))
    before = CliRunner().invoke(app, ["check"], env=environment)
    assert (before.exit_code, "no rates of everybody yet" in before.output) == (1, True)
    with running("population", settings, tmp_path / "population.log") as child:
        wait_for("it is in Redis", lambda: store.exists("avoid:~all") == 1, child)
    version = told(settings).priors.version
    after = CliRunner().invoke(app, ["check"], env={**environment, "COLUMNS": "200"})
    assert (after.exit_code, f"(snapshot {version})" in after.output) == (0, True), after.output
    time.sleep(STALE_AFTER * settings.population_interval)  # an age, not a wait for anything
    assert "it is old" in CliRunner().invoke(app, ["check"], env={**environment, "COLUMNS": "200"}).output
    shown = CliRunner().invoke(app, ["inspect", "~all"], env={**environment, "COLUMNS": "200"})
    assert (shown.exit_code, "people like them pass it over" in shown.output) == (0, True), shown.output


def test_redis_that_is_away_gets_the_newest_figures_when_it_is_back(
    settings: Settings, store: redis.Redis, embedded_redis: EmbeddedRedis, tmp_path: Path
) -> None:
    tell(settings, (Key("tag", "gore"), PASSED_OVER))
    embedded_redis.stop()
    with running("population", settings, tmp_path / "population.log") as child:
        wait_for("a round without Redis", lambda: "wait for Redis" in child.tail(200), child)
        assert told(settings).priors.version > 0
        embedded_redis.start()
        wait_for("it is in Redis", lambda: store.exists("avoid:~all") == 1, child)


def test_another_group_s_agent_refuses_and_touches_nothing(settings: Settings, tmp_path: Path) -> None:
    tell(settings, (Key("tag", "gore"), PASSED_OVER))
    with running("population", settings, tmp_path / "population.log") as child:
        wait_for(
            "totals are saved", lambda: "recovered" in child.tail(200) and told(settings).priors.version > 0, child
        )
    before = totals_of(settings)
    stranger = settings.model_copy(update={"group": "strangers", "population_group": "strangers-population"})
    with running("population", stranger, tmp_path / "stranger.log") as child:
        wait_for("it ends", lambda: not child.running, None)
    assert child.exit_code != 0
    assert f"belong to group {settings.group!r}" in child.tail(500)
    assert totals_of(settings) == before
    with running(
        "population", stranger.model_copy(update={"former_group": settings.group}), tmp_path / "h.log"
    ) as child:
        wait_for("it takes them over", lambda: totals_of(settings) != before, child)


def totals_of(settings: Settings) -> list[Record]:
    return records_in(settings, settings.topics.totals, [PARTITION])


def test_an_agent_of_a_population_that_is_off_says_so(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="population"):
        agents.run_population(settings.model_copy(update={"population": False}))


def test_from_events_to_a_newcomers_list_and_to_the_rates_that_users_are_judged_by(
    settings: Settings, store: redis.Redis, tmp_path: Path
) -> None:
    """events → worker → deltas → agent → snapshot → worker, and → Redis → reader"""
    now = time.time_ns() // 1_000_000 - DAY_MS
    with SignalProducer(settings) as producer:
        for event in crowd(40, now, prefix=settings.topic_prefix, cohort="de"):
            producer.send(event)
        producer.watermark(now + DAY_MS // 2)
    port = free_port()
    with (
        running("worker", settings.model_copy(update={"metrics_port": port}), tmp_path / "worker.log") as worker,
        running("population", settings, tmp_path / "population.log") as agent,
    ):
        wait_for("the cohort has a default list", lambda: store.exists("avoid:~cohort:de") == 1, agent)
        version = told(settings).priors.version
        wait_for("the worker goes by it", lambda: measured(port, "population_version") >= version, worker)
        wait_for("it is counted", lambda: measured(port, "population_deltas_total") > 0, worker)
    rates = told(settings).priors
    assert rates.start_rate > 0.3  # everybody watches every second item
    assert rates.creators[f"{HATED}-maker"] > 0.04 > rates.creators[f"{LOVED}-maker"]
    with AvoidListReader(settings.redis_url) as reader:
        newcomer = reader.get("new", cohort="de")
    penalties = newcomer.penalties([Candidate("a", tags=(HATED,)), Candidate("b", tags=(LOVED,))], explore=False)
    assert (newcomer.source, penalties) == ("cohort", [NEARLY_03, 1.0])
    explained = CliRunner().invoke(
        app, ["explain", f"{settings.topic_prefix}0", HATED], env={**environment_of(settings), "COLUMNS": "200"}
    )
    assert f"(snapshot {rates.version})" in explained.output, explained.output

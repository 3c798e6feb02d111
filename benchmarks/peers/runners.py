"""Runs each peer in its own process, measures it, and checks what it counted."""

from __future__ import annotations

import os
import re
import shutil
import struct
import sys
import time
from collections.abc import Callable, ItemsView, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from benchmarks import outcome
from benchmarks.backlog import Backlog, committed, make_topic
from benchmarks.harness import Bench
from benchmarks.peers import installed
from benchmarks.processes import Spent, life, progress_rate, wait_until
from streamer.embedded.child import Child
from streamer.producing import topics
from streamer.settings import Settings

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_TIMEOUT_S: Final = 3600.0
_RESTORED: Final = re.compile(r"restored (\d+) records in ([\d.]+) s, 0 to go")
_DAY: Final = struct.Struct(">i4H")

Start = Callable[[Settings, str, Path], Child]
"""Starts a peer: which topics, its name (and consumer group), its log. Returns when it is ready."""


@dataclass(frozen=True)
class Ran:
    """A peer after a backlog.

    Attributes:
        spent: what it took.
        changelog: bytes per event of its changelogs, as stored.
        restored: records and seconds of a restart on an empty disk, where that was measured.
    """

    spent: Spent
    changelog: float = 0.0
    restored: tuple[int, float] | None = None


def floor(bench: Bench, backlog: Backlog) -> Ran:
    """Fetch + decode of the whole backlog."""
    settings = backlog.settings
    log = bench.logs / f"floor-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", "benchmarks.peers.floor"]
    arguments = [settings.brokers, settings.topic_prefix, str(settings.partitions)]
    child = Child([*command, *arguments], log=log, environment=environment({}))
    if child.wait(_TIMEOUT_S) != 0:
        raise RuntimeError(f"the floor failed:\n{child.tail()}")
    said = orjson.loads(log.read_text().splitlines()[-1])
    marks = (backlog.records - backlog.events.total()) // len(settings.topics.sources)
    expected = {topic: count + marks for topic, count in backlog.events.items()}
    bench.check("the floor read every record", [] if said["counts"] == expected else [said["counts"]])
    events = backlog.events.total()
    spent = Spent(events, said["cpu_s"], events / said["seconds"])
    _say(bench, "fetch + decode", spent)
    return Ran(spent)


def faust(bench: Bench, backlog: Backlog) -> Ran:
    """Idiomatic Faust, over a backlog without watermarks."""
    app = f"faust-{time.monotonic_ns()}"
    ran = _run(bench, backlog, app, _start_faust)
    settings = backlog.settings
    counts: outcome.Counts = {}
    for key, value in _newest(settings, f"{app}-users-changelog"):
        user = orjson.loads(key)
        for tag, days in orjson.loads(value)["tags"].items():
            counts |= {(user, tag, int(day)): count for day, count in days.items()}
    lists = {key.decode(): orjson.loads(value)["tags"] for key, value in _newest(settings, f"{app}-out")}
    _check(bench, "idiomatic Faust", backlog, lists, counts)
    return ran


def kafka_streams(bench: Bench, backlog: Backlog) -> Ran:
    """Kafka Streams, and in full runs its restart on an empty disk, which quick ones have no figure of."""
    installed.kafka_streams()
    app = f"streams-{time.monotonic_ns()}"
    ran = _run(bench, backlog, app, _start_streams)
    settings = backlog.settings
    counts: outcome.Counts = {}
    for key, value in _newest(settings, f"{app}-counts-changelog"):
        user, _, tag = key.decode().partition("|")
        counts |= {(user, tag, day): count for day, *count in _DAY.iter_unpack(value)}
    lists = {key.decode(): value.decode().split("\n") for key, value in _newest(settings, f"{app}-out")}
    _check(bench, "Kafka Streams", backlog, {user: [tag for tag in own if tag] for user, own in lists.items()}, counts)
    if bench.options.quick:
        return ran
    return Ran(ran.spent, ran.changelog, _restored(bench, settings, app))


def _restored(bench: Bench, settings: Settings, app: str) -> tuple[int, float]:
    shutil.rmtree(settings.data_dir / app)
    log = bench.logs / f"{app}-restored.log"
    _start_streams(settings, app, log).stop(timeout=60)
    found = _RESTORED.findall(log.read_text())
    if not found:
        raise RuntimeError(f"Kafka Streams restored nothing: {log.read_text()[-2000:]}")
    records, seconds = found[-1]
    return int(records), float(seconds)


def quix(bench: Bench, backlog: Backlog) -> Ran:
    """Quix Streams."""
    installed.quix()
    app = f"quix-{time.monotonic_ns()}"
    ran = _run(bench, backlog, app, _start_quix)
    lists = {key.decode(): orjson.loads(value)["tags"] for key, value in _newest(backlog.settings, f"{app}-out")}
    _check(bench, "Quix Streams", backlog, lists, None)
    return ran


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's, without its Streamer settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STREAMER_")}
    return {**kept, "PYTHONPATH": str(_REPOSITORY), **more}


# --- running -------------------------------------------------------------------------------------------------


def _run(bench: Bench, backlog: Backlog, app: str, start: Start) -> Ran:
    """A peer's whole life over a backlog; what one with nothing to do takes is taken out."""
    settings, name = backlog.settings, app.partition("-")[0]
    empty = bench.settings(partitions=settings.partitions)
    topics.create(empty)
    make_topic(empty, f"{app}-idle-out")
    make_topic(settings, f"{app}-out")
    with life() as idle:
        start(empty, f"{app}-idle", bench.logs / f"{app}-idle.log").stop(timeout=60)
    points: list[tuple[float, int]] = []
    with committed(settings, app) as position, life() as whole:
        child = start(settings, app, bench.logs / f"{app}.log")

        def done() -> bool:
            points.append((time.monotonic(), position()))
            return points[-1][1] >= backlog.records

        wait_until("all is committed", done, child, _TIMEOUT_S)
        child.stop(timeout=60)
    events = backlog.events.total()
    spent = Spent(events, whole.cpu_s - idle.cpu_s, progress_rate(points))
    _say(bench, name, spent)
    stored = sum(file.stat().st_size for file in bench.kafka.data.glob(f"*{app}*changelog*/*.log"))
    stored += sum(file.stat().st_size for file in bench.kafka.data.glob(f"changelog*{app}-*/*.log"))
    return Ran(spent, stored / events)


def _start_faust(settings: Settings, app: str, log: Path) -> Child:
    variables = {"PARTITIONS": str(settings.partitions), "DATADIR": str(_folder(settings, app))}
    command = [sys.executable, "-m", "benchmarks.peers.faust_tutorial", "worker", "--loglevel=info", "--without-web"]
    child = Child(command, log=log, environment=environment(_named(settings, app) | variables))
    return _ready(child, log, "Worker ready")


def _start_streams(settings: Settings, app: str, log: Path) -> Child:
    program = installed.kafka_streams()
    arguments = [app, settings.brokers, settings.topic_prefix, str(_folder(settings, app))]
    options = ["-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{program}/classes:{program}/lib/*"]
    return _ready(Child(["java", *options, "bench.Main", *arguments], log=log), log, "ready")


def _start_quix(settings: Settings, app: str, log: Path) -> Child:
    command = [installed.quix(), Path(__file__).with_name("quix_tutorial.py")]
    variables = _named(settings, app) | {"STATE": str(_folder(settings, app))}
    return _ready(Child(command, log=log, environment=environment(variables)), log, "now processing incoming messages")


def _named(settings: Settings, app: str) -> dict[str, str]:
    return {"APP": app, "BROKERS": settings.brokers, "PREFIX": settings.topic_prefix}


def _folder(settings: Settings, app: str) -> Path:
    folder = settings.data_dir / app
    folder.mkdir()
    return folder


def _ready(child: Child, log: Path, sign: str) -> Child:
    wait_until("it is ready", lambda: sign in log.read_text(), child, 180)
    return child


# --- what they counted ---------------------------------------------------------------------------------------


def _check(
    bench: Bench, name: str, backlog: Backlog, lists: dict[str, list[str]], counts: outcome.Counts | None
) -> None:
    """Compares the sample's users with a recount."""
    sample = backlog.sample.events
    expected = outcome.recount([event for own in sample.values() for event in own])
    if counts is not None:
        ours = {key: count for key, count in counts.items() if key[0] in sample}
        bench.check(f"{name}: counts of {len(sample)} users against a recount", outcome.differences(ours, expected))
    listed = {user: tags for user, tags in lists.items() if user in sample}
    bench.check(f"{name}: their lists against a recount", outcome.list_differences(listed, expected))


def _newest(settings: Settings, topic: str) -> ItemsView[bytes, bytes]:
    return outcome.newest_values(settings.brokers, topic, settings.partitions, lambda _, value: value).items()


def _say(bench: Bench, name: str, spent: Spent) -> None:
    bench.say(f"{name}: {spent.per_million:.1f} CPU s/M, {spent.rate:,.0f} events/s")

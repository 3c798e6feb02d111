"""What many people who are there at once cost a worker: CPU, memory and evictions, at real-time pace without Kafka.

    python -m benchmarks.people [--rate 2000] [--active 20000] [--users 1000000] [--minutes 30] [--hot-users 50000]

`benchmarks.live_in_memory` keeps few users active and is over in a minute, so it sees neither of two limits: open
sessions are kept until they seal, an hour and a half after the visit, and beyond `hot_users` every event decodes its
user. Here people come, do something every so many seconds, go after some 28 events, and come again another time. One
partition has them all. Time is simulated, a slice a second and a checkpoint every 5 s; making events is not counted.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import platform
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import psutil
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from benchmarks.feed import Feed
from benchmarks.workload import END_MS, Pair, Workload
from streamer.engine.partition.processor import PartitionProcessor
from streamer.engine.state.disk import DiskStore
from streamer.engine.state.store import MemoryStore, PartitionStore
from streamer.events import DAY_MS
from streamer.profile import Rules
from streamer.settings import Settings

_SEED: Final = 7
_VISITS: Final = 1_000
"""Different ones; people walk the same ways again, each under a name of their own."""
_CHECKPOINT_S: Final = 5
_PAST_SLICE: Final = 1_000_000
_ROWS: Final = 10
_BEGIN_MS: Final = END_MS // DAY_MS * DAY_MS


@dataclass(frozen=True)
class Scene:
    """Who is there.

    Attributes:
        rate: events per second.
        active: people who are there at once, so that each does something every ``active / rate`` seconds.
        users: people who live there, and come again.
        minutes: simulated.
        hot_users: people kept decoded.
        on_disk: RocksDB instead of the store in memory.
    """

    rate: int
    active: int
    users: int
    minutes: int
    hot_users: int
    on_disk: bool


class Look(NamedTuple):
    """What a simulated while cost, and what is held at its end."""

    minute: float
    events: int
    cpu_s: float
    decoded: int
    checkpoint_s: float
    rss_mb: float
    open_users: int
    journal_mb: float


class People:
    """Those who are there, and what each does when."""

    def __init__(self, scene: Scene) -> None:
        self._rng = rng = Random(_SEED)
        present, future = Workload(10_000, 4 * _VISITS).present(60_000, 60, (), _SEED)
        by_user: dict[str, list[Pair]] = {}
        for pair in chain(present, future):
            by_user.setdefault(pair[1].user_id, []).append(pair)
        self._visits: Sequence[list[Pair]] = list(by_user.values())[:_VISITS]
        self._users = scene.users
        self._pause_ms = 1000 * scene.active / scene.rate
        self._visiting: set[int] = set()
        self._due: list[tuple[float, int, int, list[Pair]]] = []
        for _ in range(scene.active):
            visit = rng.choice(self._visits)
            self._come(_BEGIN_MS + rng.uniform(0, self._pause_ms), rng.randrange(len(visit)), visit)

    def until(self, end_ms: float) -> Iterator[Pair]:
        """What they do before ``end_ms``, in the order of ts."""
        while self._due[0][0] < end_ms:
            at_ms, user, number, visit = heapq.heappop(self._due)
            topic, event = visit[number]
            session = None if event.session_id is None else f"s-{user}-{at_ms - at_ms % DAY_MS:.0f}"
            yield topic, replace(event, user_id=f"user-{user:07d}", ts=round(at_ms), session_id=session)
            after_ms = at_ms + self._rng.uniform(0.4, 1.6) * self._pause_ms
            if number + 1 < len(visit):
                heapq.heappush(self._due, (after_ms, user, number + 1, visit))
            else:
                self._visiting.discard(user)
                self._come(after_ms, 0, self._rng.choice(self._visits))

    def _come(self, at_ms: float, number: int, visit: list[Pair]) -> None:
        user = self._rng.randrange(self._users)
        while user in self._visiting:
            user = self._rng.randrange(self._users)
        self._visiting.add(user)
        heapq.heappush(self._due, (at_ms, user, number, visit))


def watch(scene: Scene, store: PartitionStore) -> Iterator[Look]:
    """Lives through the scene; looks at it ten times."""
    settings = Settings(clock="wall")
    job = PartitionProcessor(0, settings, Rules(settings), store, scene.hot_users)
    people, feed = People(scene), Feed(settings)
    cpu, process = time.process_time_ns, psutil.Process()
    events = decoded = cpu_ns = checkpoint_ns = 0
    gc.collect()
    gc.freeze()
    gc.disable()  # as good as: the worker's collector sets in after a million objects
    for second in range(1, scene.minutes * 60 + 1):
        now_ms = _BEGIN_MS + 1000 * second
        pairs = list(people.until(now_ms))
        arrived = feed.records(pairs)
        decoded += sum(user not in job.users for user in {event.user_id for _, event in pairs})
        events += len(pairs)
        began = cpu()
        for topic, records in arrived.items():
            job.receive(topic, records, now_ms)
        job.process(now_ms, dict.fromkeys(feed.topics, now_ms), _PAST_SLICE)
        processed = cpu()
        if second % _CHECKPOINT_S == 0:
            changes = job.take_changes()
            store.saved(changes, store.changelog_end, job.mark())
        ended = cpu()
        cpu_ns += ended - began
        checkpoint_ns += ended - processed
        if second % max(1, scene.minutes * 60 // _ROWS) == 0:
            rss, held = process.memory_info().rss / 1e6, store.journal
            spent = cpu_ns / 1e9, decoded, checkpoint_ns / 1e9
            yield Look(second / 60, events, *spent, rss, len(held), held.size / 1e6)
            events = decoded = cpu_ns = checkpoint_ns = 0
    gc.enable()


def table(scene: Scene, looks: Sequence[Look]) -> Table:
    """One line per look."""
    optimized = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    build = f"{platform.python_implementation()} {platform.python_version()}, {'PGO' if optimized else 'no PGO'}"
    kind = "RocksDB" if scene.on_disk else "memory"
    found = Table(
        title=f"{scene.rate:,} events/s, {scene.active:,} people there at once, each acts every "
        f"{scene.active / scene.rate:.1f} s; {scene.hot_users:,} kept decoded; store: {kind}; {build}"
    )
    names = (
        "minute",
        "us/event",
        "of it checkpoint",
        "decoded anew",
        "RSS MB",
        "users with open sessions",
        "journal MB",
    )
    for name in names:
        found.add_column(name, justify="right")
    for look in looks:
        cells = (f"{look.minute:.1f}", f"{look.cpu_s / look.events * 1e6:.1f}", f"{look.checkpoint_s / look.cpu_s:.0%}")
        held = (f"{look.rss_mb:,.0f}", f"{look.open_users:,}", f"{look.journal_mb:,.1f}")
        found.add_row(*cells, f"{look.decoded / look.events:.1%}", *held)
    return found


def main() -> None:
    """Reads the command line, lives through the scene, prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.people", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=2_000, help="events per second")
    parser.add_argument("--active", type=int, default=20_000, help="people who are there at once")
    parser.add_argument("--users", type=int, default=1_000_000, help="people who live there, and come again")
    parser.add_argument("--minutes", type=int, default=30, help="simulated")
    parser.add_argument("--hot-users", type=int, default=50_000, help="people kept decoded")
    parser.add_argument("--store", choices=("memory", "rocksdb"), default="memory")
    given = parser.parse_args()
    scene = Scene(given.rate, given.active, given.users, given.minutes, given.hot_users, given.store == "rocksdb")
    console = Console(width=150, highlight=False)
    looks = []
    with tempfile.TemporaryDirectory() as folder:
        store = DiskStore(Path(folder)) if scene.on_disk else MemoryStore()
        for look in watch(scene, store):
            looks.append(look)
            console.print(
                f"minute {look.minute:.1f}: {look.cpu_s / look.events * 1e6:.1f} us/event, {look.rss_mb:,.0f} MB"
            )
    console.print(table(scene, looks))


if __name__ == "__main__":
    main()

"""What a storm is let loose on: brokers, Redis, and the processes between them, each under a supervisor."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from streamer.embedded.child import Child
from streamer.producing import topics
from streamer.settings import Settings
from tests.backends.cluster import KafkaCluster
from tests.deployment import settings_of
from tests.processes import HANGS_AFTER_S, Kind, Progress, environment_of, start, wait_for
from tests.supervised import Supervised
from tests.system.faults.storm.chronicle import Chronicle
from tests.system.faults.storm.plan import TIMES, Clock
from tests.system.faults.storm.program import stepped
from tests.system.faults.storm.redis_pair import RedisPair

DEAD_AFTER_S: Final = 4.0
_AGAIN_AFTER_S: Final = 1.0
_EXPECTED: Final = ("errors.TakenOver", "ProducerFenced", "errors.BrokerUnavailable", "errors.Stalled")
"""With these a process may end by itself, to be started again; the second tells why one ends that is slow to do so."""


class Deployment:
    """Three brokers, two Redis, two workers (one keeps its state on disk), two publishers, a population agent.

    Attributes:
        surprises: last lines of processes that ended by themselves, as they should not have.
    """

    def __init__(self, folder: Path, clock: Clock, prefix: str, chronicle: Chronicle) -> None:
        self.folder = folder
        self.chronicle = chronicle
        self.cluster = KafkaCluster()
        self.redis = RedisPair()
        self.settings: Settings = settings_of(
            prefix,
            self.cluster.bootstrap,
            self.redis.url,
            folder / "memory",
            replication=3,
            worker_timeout=DEAD_AFTER_S,
            population=True,
            population_share=0.5,
            population_users=0,
            population_interval=2.0,
            labels=True,
            **TIMES[clock],
        )
        on_disk = {"store": "rocksdb", "data_dir": folder / "rocksdb"}
        self.on_disk: Settings = self.settings.model_copy(update=on_disk)
        self.processes: dict[str, Supervised] = {}
        self.surprises: list[str] = []
        self._stack = ExitStack()
        self._supervising = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.cluster)
            stack.enter_context(self.redis)
            topics.create(self.settings)
            stack.callback(self._kill)
            for name, kind, settings in self._roles():
                stepped(self.clock_of(name), 0)
                self.processes[name] = Supervised(name, self._beginning(name, kind, settings), self.folder)
            self._supervising.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def clock_of(self, name: str) -> Path:
        """The file that a process's wall clock goes by."""
        return self.folder / f"clock-{name}"

    def await_caught_up(self) -> None:
        """Waits until workers have committed all that was sent; nothing is wrong any more."""
        names = self.settings.topics
        self._await("all events are committed", self.settings.group, (*names.sources, names.erasures))

    def await_published(self) -> None:
        """Waits until Redis has all that workers have written, and what it has lost."""
        self._await("all lists are published", self.settings.publisher_group, (self.settings.topics.avoid_lists,))
        if self.redis.lost:
            assert self.rebuild(), "Redis cannot be rebuilt"

    def await_counted(self) -> None:
        """Waits until the population agent has saved all that workers have told it."""
        of_one = self.settings.model_copy(update={"partitions": 1})
        progress = Progress(of_one, self.settings.population_group, (self.settings.topics.population,))
        wait_for("all deltas are counted", progress.done, None)
        progress.close()

    def rebuild(self) -> bool:
        """Rebuilds Redis as its operator would; False if that failed, as whatever is needed for it may be away."""
        losses = self.redis.losses
        done = subprocess.run(
            [sys.executable, "-m", "streamer.cli", "rebuild-redis"],
            env=environment_of(self.settings),
            capture_output=True,
            text=True,
            timeout=HANGS_AFTER_S,
            check=False,
        )
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        self.chronicle.note(f"redis rebuilt: {done.returncode} {last}")
        if done.returncode == 0:
            self.redis.restored(losses)
        return done.returncode == 0

    def stop(self, kind: Kind) -> None:
        """Stops all processes of a kind in order, once they are up: one that is starting would not end well."""
        stopped = [each for name, each in self.processes.items() if name.startswith(kind)]
        for each in stopped:
            wait_for(f"{each.name} is up", each.is_up, None)
        self._ended.set()
        if self._supervising.is_alive():
            self._supervising.join()
        for each in stopped:
            code = each.child.stop(HANGS_AFTER_S)
            assert code == 0, f"{each.name} ended with {code}: {each.child.tail()}"

    def _roles(self) -> tuple[tuple[str, Kind, Settings], ...]:
        return (
            ("worker-memory", "worker", self.settings),
            ("worker-rocksdb", "worker", self.on_disk),
            ("publisher-1", "publisher", self.settings),
            ("publisher-2", "publisher", self.settings),
            ("population", "population", self.settings),
        )

    def _beginning(self, name: str, kind: Kind, settings: Settings) -> Callable[[Path], Child]:
        program = ["-m", "tests.system.faults.storm.program", kind, str(self.clock_of(name))]

        def begin(log: Path) -> Child:
            return start(kind, settings, log, program)

        return begin

    def _supervise(self) -> None:
        while not self._ended.wait(_AGAIN_AFTER_S):
            for each in self.processes.values():
                ended = each.tend()
                if not ended:
                    continue
                last = ended.splitlines()[-1]
                self.chronicle.note(f"{each.name} ended by itself, life {each.lives} begins: {last[:150]}")
                if not any(name in ended for name in _EXPECTED):
                    self.surprises.append(f"{each.name}: {ended}")

    def _await(self, what: str, group: str, topics: tuple[str, ...]) -> None:
        progress = Progress(self.settings, group, topics)
        wait_for(what, progress.done, None)
        progress.close()

    def _kill(self) -> None:
        self._ended.set()
        if self._supervising.is_alive():
            self._supervising.join()
        for each in self.processes.values():
            each.child.kill()

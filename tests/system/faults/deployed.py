"""A deployment that faults are done to: its processes, what it is fed, and the comparison every case ends with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lab.oracle import oracle
from streamer.embedded.child import Child
from streamer.settings import Settings
from tests.backends.choose import Kafka, RealRedis
from tests.deployment import Story, local_documents, wrong_anywhere
from tests.feeding import Feed
from tests.processes import HANGS_AFTER_S, Kind, Progress, environment_of, start, wait_for
from tests.supervised import frozen

TAKEN_OVER = "another process has taken over"
"""What a worker ends with that finds out."""


class Deployed:
    """Processes on topics of their own, and a Redis nobody else uses meanwhile."""

    def __init__(self, settings: Settings, kafka: Kafka, redis: RealRedis, logs: Path) -> None:
        topics = settings.topics
        self.settings = settings
        self.kafka = kafka
        self.redis = redis
        self.source = Progress(settings, settings.group, (*topics.sources, topics.erasures))
        self.outbox = Progress(settings, settings.publisher_group, (topics.avoid_lists,))
        self._logs = logs
        self._children: list[Child] = []
        self._local = {settings.data_dir: settings}

    def at(self, folder: str) -> Settings:
        """The settings of a worker that has a data directory of its own."""
        return self.settings.model_copy(update={"data_dir": self._logs / folder})

    def spawn(self, kind: Kind, settings: Settings | None = None) -> Child:
        """Starts a worker or publisher, with other settings if need be."""
        used = settings or self.settings
        self._local[used.data_dir] = used
        return self._keep(start(kind, used, self._log(kind)))

    def spawn_faulty(self, kind: Kind, *fault: str, settings: Settings | None = None) -> Child:
        """Starts one that does to itself what `faulty.py` calls this."""
        used = settings or self.settings
        self._local[used.data_dir] = used
        program = ["-m", "tests.system.faults.faulty", kind, *fault]
        return self._keep(start(kind, used, self._log(kind), program))

    def feed(self, story: Story, shares: int = 1, rate: float | None = None) -> Feed:
        """A running feed, whose shares wait to be allowed."""
        feed = Feed(self.settings, story.events, story.end, shares, rate)
        feed.start()
        return feed

    def is_through(self, feed: Feed) -> bool:
        """Everything that a feed was allowed is processed, committed and published."""
        return feed.idle and self.source.done() and self.outbox.done()

    def await_more(self, worker: Child, events: int = 1) -> None:
        """Waits until this many more events are committed."""
        before = self.source.committed()
        wait_for("more is committed", lambda: self.source.committed() >= before + events, worker)

    def owns_all(self, worker: Child) -> bool:
        """What a worker last recovered is all partitions."""
        return f"recovered partitions {list(range(self.settings.partitions))}:" in _last_recovery(worker)

    def owns_some(self, worker: Child) -> bool:
        """What a worker last recovered is a share of the partitions."""
        return bool(_last_recovery(worker)) and not self.owns_all(worker)

    def await_owner(self, worker: Child) -> None:
        """Waits until a worker has all partitions, after having had some or none of them."""
        wait_for("it owns all partitions", lambda: self.owns_all(worker), worker)

    def take_over_from_frozen(self, feed: Feed, boundary: str) -> tuple[Child, Child]:
        """A worker freezes before its third write that leads to a boundary, while another takes over and saves more.

        Each has a data directory of its own: one that a frozen worker holds would not open. Two shares are fed.
        """
        zombie = self.spawn_faulty("worker", "freeze", boundary, "3", settings=self.at("zombie"))
        self.await_owner(zombie)
        feed.allow()
        wait_for("the first worker freezes", lambda: frozen(zombie), None)
        other = self.spawn("worker", self.at("other"))
        self.await_owner(other)
        feed.allow()
        wait_for("the other processes and saves more", self.source.done, other)
        return zombie, other

    def command(self, *arguments: str) -> None:
        """Runs the command line."""
        command = [sys.executable, "-m", "streamer.cli", *arguments]
        done = subprocess.run(
            command,
            env=environment_of(self.settings),
            capture_output=True,
            text=True,
            timeout=HANGS_AFTER_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def finish(
        self, story: Story, feed: Feed | None, worker: Child, publisher: Child | None, timeout: float = HANGS_AFTER_S
    ) -> None:
        """Waits until everything is processed and published, stops all in order, and compares everything."""
        publisher = publisher or self.spawn("publisher")
        if feed is not None:
            wait_for("everything is produced", lambda: feed.finished, worker, timeout)
        wait_for("all events are committed", self.source.done, worker, timeout)
        assert _stopped(worker), worker.tail()
        wait_for("all lists are in Redis", self.outbox.done, publisher, timeout)
        assert _stopped(publisher), publisher.tail()
        self.compare(story)

    def compare(self, story: Story) -> None:
        """State, outbox and Redis of every user are right, and so is the state on disk in every data directory."""
        found = wrong_anywhere(self.settings, story.truth, story.users)
        assert not found, f"{len(found)} users, such as {dict(list(found.items())[:3])}"
        for folder, settings in self._local.items() if self.settings.store == "rocksdb" else ():
            there = local_documents(settings)
            differ = {user: oracle.same(there.get(user), story.truth.get(user)) for user in there | story.truth}
            assert not any(differ.values()), f"{folder}: {[item for item in differ.items() if item[1]][:3]}"

    def close(self) -> None:
        """Kills what still runs."""
        for child in self._children:
            child.kill()
        self.source.close()
        self.outbox.close()

    def _keep(self, child: Child) -> Child:
        self._children.append(child)
        return child

    def _log(self, kind: Kind) -> Path:
        return self._logs / f"{kind}{len(self._children)}.log"


def _last_recovery(worker: Child) -> str:
    assert worker.log is not None
    found = [line for line in worker.log.read_text(errors="replace").splitlines() if "recovered partitions" in line]
    return found[-1] if found else ""


Deploy = Callable[..., Deployed]
"""Makes a deployment, whose settings may be given by name."""


def _stopped(child: Child) -> bool:
    """Told to stop, it ends well; one that was still starting, its log empty, has nothing to save and just ends."""
    return child.stop(HANGS_AFTER_S) == 0 or not child.tail()

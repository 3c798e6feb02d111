"""Processes under measurement: their CPU time, and a worker's own account of how far it is."""

from __future__ import annotations

import resource
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

from streamer.cli.demo.deployment import sums
from streamer.embedded.child import Child
from streamer.settings import Settings
from tests.backends.ports import free_port
from tests.processes import start

_POLL_S: Final = 0.1
ASK_S: Final = 0.5
"""A process pays for answering: asked for its metrics ten times a second, a worker spends 7 % of its CPU on that."""


def ended_cpu() -> float:
    """CPU seconds of all child processes that have ended so far, to the last system call."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu(child: Child) -> float:
    """CPU seconds of a running child so far."""
    used = psutil.Process(child.pid).cpu_times()
    return float(used.user + used.system)


def rss_mb(child: Child) -> float:
    """Resident memory, MB."""
    return float(psutil.Process(child.pid).memory_info().rss / 1e6)


def wait_until(
    what: str, condition: Callable[[], bool], child: Child, timeout: float, every_s: float = _POLL_S
) -> None:
    """Polls until the condition holds, so often.

    Raises:
        RuntimeError: the child has ended, or the time is up.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if not child.running:
            raise RuntimeError(f"the process ended before {what}:\n{child.tail()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not happen in {timeout} s:\n{child.tail()}")
        time.sleep(every_s)


class Worker:
    """A signals worker or publisher of ours, with its metrics."""

    def __init__(self, settings: Settings, log: Path, kind: str = "worker") -> None:
        self._port = free_port()
        own = settings.model_copy(update={"metrics_port": self._port})
        self.child = start("publisher" if kind == "publisher" else "worker", own, log)

    def metrics(self) -> Counter[str]:
        """Each metric summed over its labels; empty while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return Counter()
        return Counter(sums(text))  # type: ignore[arg-type]

    def processed(self) -> int:
        """Records of source topics, watermarks included."""
        return int(self.metrics()["streamer_events_total"])

    def wait_recovered(self, timeout: float = 120) -> None:
        """Returns when processing may begin."""
        wait_until("recovery", lambda: self.metrics()["streamer_recovery_seconds"] > 0, self.child, timeout)

    def stop(self) -> None:
        """In order: saved and committed.

        Raises:
            RuntimeError: it did not end as it should.
        """
        code = self.child.stop(timeout=60)
        if code != 0:
            raise RuntimeError(f"the process ended with {code}:\n{self.child.tail()}")


def stop_together(workers: list[Worker]) -> None:
    """Stops all at once, so that none takes over another's partitions."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(Worker.stop, workers))


@dataclass(frozen=True)
class Spent:
    """What processing some events took.

    Attributes:
        events: how many.
        cpu_s: CPU seconds, start and stop of an idle process taken out.
        rate: events per second while it lasted.
    """

    events: int
    cpu_s: float
    rate: float

    @property
    def per_million(self) -> float:
        """CPU seconds per million events."""
        return self.cpu_s / self.events * 1e6


class Life:
    """The CPU time of everything that began and ended within a block (:func:`life`)."""

    cpu_s: float = 0.0


@contextmanager
def life() -> Iterator[Life]:
    """Measures the CPU time of child processes that begin and end within the block."""
    found, before = Life(), ended_cpu()
    yield found
    found.cpu_s = ended_cpu() - before


def progress_rate(points: list[tuple[float, int]]) -> float:
    """Events per second between the first and the last of (time, events processed) at which there was progress."""
    moving = [point for n, point in enumerate(points) if n + 1 < len(points) and points[n + 1][1] > point[1]]
    if not moving:
        return 0.0
    (began, first), (ended, last) = moving[0], points[points.index(moving[-1]) + 1]
    return (last - first) / (ended - began)

"""A broker, a Redis, a worker, a publisher and a population agent that live as long as a ``with`` block."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import orjson
from prometheus_client.parser import text_string_to_metric_families

from streamer.cli.options import Options
from streamer.embedded import Child, EmbeddedBroker, EmbeddedRedis
from streamer.errors import ProcessEnded
from streamer.producing import topics
from streamer.settings import Settings

_STOP_TIMEOUT: Final = 5.0
_POPULATION_INTERVAL: Final = 2.0


class Process:
    """One agent, running as ``python -m streamer.cli NAME``, with its log and its metrics.

    Args:
        name: the command.
        settings: what it runs with.
        logs: folder for its log.

    Attributes:
        metrics_url: where its metrics are.
    """

    def __init__(self, name: str, settings: Settings, logs: Path) -> None:
        self.name = name
        port = _free_port()
        self.metrics_url = f"http://127.0.0.1:{port}/metrics"
        self.child = Child(
            [sys.executable, "-m", "streamer.cli", name],
            log=logs / f"{name}.log",
            environment=environment(settings.model_copy(update={"metrics_port": port})),
        )

    def counters(self) -> Mapping[str, float]:
        """Its Prometheus counters by name, summed over their labels; empty while it does not answer.

        Raises:
            ProcessEnded: it runs no more.
        """
        if not self.child.running:
            raise self.failed(f"ended with exit code {self.child.exit_code}")
        try:
            with urllib.request.urlopen(self.metrics_url, timeout=2) as answer:
                return sums(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return {}

    def failed(self, how: str) -> ProcessEnded:
        """The error to raise about it."""
        return ProcessEnded(f"the {self.name} {how}; the last lines of {self.child.log}:\n{self.child.tail()}")


class Deployment:
    """Everything the demo needs, and nothing of it left afterwards.

    The broker lives in this process, Redis and the agents are its children, which cannot outlive it. All data
    is in a temporary folder. The children's logs are kept only if one of them failed.

    Args:
        given: where settings other than addresses come from.

    Raises:
        DependencyMissing: the extra ``embedded`` is not installed.
    """

    def __init__(self, given: Options) -> None:
        with ExitStack() as stack:
            broker = stack.enter_context(EmbeddedBroker())
            redis = stack.enter_context(EmbeddedRedis())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streamer-demo-")))
            self.settings = given.settings(
                brokers=broker.bootstrap,
                partitions=broker.partitions,
                declare_topics=False,
                topic_prefix="",
                redis_url=redis.url,
                data_dir=folder,
                clock="events",
                checkpoint_interval=1.0,
                metrics_port=0,
                population=True,
                population_share=1.0,
                population_interval=_POPULATION_INTERVAL,
            )
            topics.create(self.settings)
            self.logs = Path(tempfile.mkdtemp(prefix="streamer-demo-logs-"))
            stack.push(self._tidy_logs)
            self.worker = Process("worker", self.settings, self.logs)
            self.publisher = Process("publisher", self.settings, self.logs)
            self.population = Process("population", self.settings, self.logs)
            stack.callback(self._stop)
            self._stack = stack.pop_all()

    @property
    def agents(self) -> tuple[Process, Process, Process]:
        """Worker, publisher and population agent."""
        return self.worker, self.publisher, self.population

    def go_live(self) -> None:
        """Lets the wall clock move time from now on, as in a real deployment: worker and publisher start anew for it.

        What was generated has let time pass by its own events, faster than it does.
        """
        self.settings = self.settings.model_copy(update={"clock": "wall"})
        _stop((self.worker, self.publisher))
        self.worker = Process("worker", self.settings, self.logs)
        self.publisher = Process("publisher", self.settings, self.logs)
        urls = self.worker.metrics_url, self.publisher.metrics_url
        self.settings = self.settings.model_copy(update={"console_metrics_urls": urls})

    def _stop(self) -> None:
        _stop(self.agents)

    def _tidy_logs(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if not isinstance(error, ProcessEnded):
            shutil.rmtree(self.logs, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)


def _stop(processes: Sequence[Process]) -> None:
    with ThreadPoolExecutor(len(processes)) as all_of_them:
        list(all_of_them.map(lambda process: process.child.stop(_STOP_TIMEOUT), processes))


def environment(settings: Settings) -> dict[str, str]:
    """This process's environment with exactly these settings, whatever it held before."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STREAMER_")}
    return kept | exports(settings)


def exports(settings: Settings, *names: str) -> dict[str, str]:
    """Settings as environment variables; all of them if none is named."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {
        f"STREAMER_{name}".upper(): value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in values.items()
        if not names or name in names
    }


def differing(settings: Settings) -> dict[str, str]:
    """Settings that are not as they are by default, as environment variables: what other processes need of them."""
    by_default = exports(Settings.model_construct())
    return {name: value for name, value in exports(settings).items() if by_default.get(name) != value}


def sums(exposition: str) -> dict[str, float]:
    """Samples of a Prometheus text by name, summed over their labels.

    >>> sums('# TYPE a counter\\na_total{topic="x"} 2.0\\na_total{topic="y"} 3.0\\nb 1.0\\n')
    {'a_total': 5.0, 'b': 1.0}
    """
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

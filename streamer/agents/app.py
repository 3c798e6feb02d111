"""Builds and runs the Faust apps: the signals worker, the publisher that serves Redis, the population agent."""

from __future__ import annotations

import gc
import logging
from typing import Final

from faust.worker import Worker

from streamer.agents import erasure, population, publisher, rejects, signals
from streamer.engine.app import BatchApp, create_app
from streamer.engine.kafka.watchdog import Watchdog
from streamer.engine.metrics import Metrics
from streamer.engine.population.aggregator import Aggregator
from streamer.engine.worker import Engine
from streamer.errors import SettingsError, StreamerError, TopicsError
from streamer.producing import groups, topics
from streamer.producing.acls import Process
from streamer.producing.outbox import outbox_of
from streamer.settings import Settings

_LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def build_worker(settings: Settings) -> BatchApp:
    """The app of a signals worker: joins, counts, scores, and writes avoid lists to the outbox."""
    app = create_app(settings.group, settings)
    metrics = Metrics()
    engine = Engine(settings, metrics, app.crash)
    app.attached = engine
    app.watchdog = Watchdog(settings, metrics)
    signals.install(app, engine, settings)
    erasure.install(app, engine, settings)
    metrics.serve(settings.metrics_host, settings.metrics_port)
    return app


def build_publisher(settings: Settings, owner: str) -> BatchApp:
    """The app of a publisher: brings the outbox to Redis. A group of its own, so that Redis never stalls a worker.

    Args:
        settings: the deployment's.
        owner: the outbox and its cluster (:func:`streamer.producing.outbox.outbox_of`).
    """
    app = create_app(settings.publisher_group, settings)
    metrics = Metrics()
    app.attached = publisher.install(app, settings, metrics, owner)
    app.watchdog = Watchdog(settings, metrics)
    rejects.install(app, settings, metrics)
    metrics.serve(settings.metrics_host, settings.metrics_port)
    return app


def build_population(settings: Settings, owner: str) -> BatchApp:
    """The app of a population agent: adds up what the workers' seals say. One process at a time does, others wait.

    Args:
        settings: the deployment's.
        owner: as that of :func:`build_publisher`.
    """
    app = create_app(settings.population_group, settings)
    metrics = Metrics()
    app.attached = population.install(app, settings, metrics, Aggregator(settings, metrics, app.crash), owner)
    app.watchdog = Watchdog(settings, metrics)
    metrics.serve(settings.metrics_host, settings.metrics_port)
    return app


def run_worker(settings: Settings) -> int:
    """Runs a signals worker until SIGTERM or SIGINT; saves, commits and leaves the group. Returns the exit code.

    Raises:
        BrokerUnavailable: no broker answered in time.
        TopicsError: topics are missing or do not fit together, or another deployment uses the group.
        StateTooNew, StateCorrupt: the state cannot be read by this worker.
        StateForeign: the state is another group's, or of another number of partitions.
    """
    _ensure_topics(settings, settings.group, "worker")
    return _run(build_worker(settings))


def run_publisher(settings: Settings) -> int:
    """Runs a publisher until SIGTERM or SIGINT. Returns the exit code.

    Raises:
        BrokerUnavailable: no broker answered in time.
        TopicsError: topics are missing or do not fit together, or another deployment uses the group.
    """
    _ensure_topics(settings, settings.publisher_group, "publisher")
    return _run(build_publisher(settings, outbox_of(settings)))


def run_population(settings: Settings) -> int:
    """Runs a population agent until SIGTERM or SIGINT. Returns the exit code.

    Raises:
        SettingsError: the population is off.
        BrokerUnavailable: no broker answered in time.
        TopicsError: topics are missing or do not fit together, or another deployment uses the group.
        StateTooNew: a newer Streamer wrote the totals.
    """
    if not settings.population:
        raise SettingsError(["population: it is off, so there is nothing to add up; set it to true, also for workers"])
    _ensure_topics(settings, settings.population_group, "population")
    return _run(build_population(settings, outbox_of(settings)))


def _ensure_topics(settings: Settings, group: str, process: Process) -> None:
    if settings.declare_topics:
        topics.create(settings)
    problems = topics.check(settings) + topics.out_of_reach(settings, process)
    if problems:
        raise TopicsError(problems)
    groups.require(settings, group)


def _run(app: BatchApp) -> int:
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT)
    logging.getLogger("aiokafka.consumer.subscription_state").setLevel(logging.WARNING)  # a line at every reading
    worker = Worker(app, quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        if isinstance(app.crash_reason, StreamerError):
            raise app.crash_reason from None
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        gc.freeze()  # the process is about to end: no search for garbage in all that it knew must hold it up

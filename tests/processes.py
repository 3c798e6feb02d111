"""Workers and publishers as real processes, and waiting for what they have done."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar
from urllib.request import urlopen

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from streamer.embedded.child import Child
from streamer.settings import Settings

T = TypeVar("T")
Kind = Literal["worker", "publisher", "population"]
_PROGRAM = (
    "import sys; from streamer import agents; from streamer.settings import load; sys.exit(agents.run_{kind}(load()))"
)
HANGS_AFTER_S = 300.0
"""Until a test gives up on a process: guards against hanging and is no claim, as all tests share the machine."""
_REPOSITORY = Path(__file__).resolve().parent.parent


def start(kind: Kind, settings: Settings, log: Path, program: Sequence[str] | None = None) -> Child:
    """Starts a worker or publisher with these settings; its output goes to `log`.

    Args:
        program: arguments of the interpreter that run it another way than the command line does.
    """
    arguments = ["-c", _PROGRAM.format(kind=kind)] if program is None else program
    return Child([sys.executable, *arguments], log=log, environment=environment_of(settings))


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment that gives a process of this repository these settings."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STREAMER_")}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        environment[f"STREAMER_{name.upper()}"] = json.dumps(value) if isinstance(value, (list, tuple)) else str(value)
    environment["PYTHONPATH"] = str(_REPOSITORY)
    return environment


@contextmanager
def running(kind: Kind, settings: Settings, log: Path) -> Iterator[Child]:
    """A worker or publisher while the block runs; then it is stopped in order."""
    child = start(kind, settings, log)
    try:
        yield child
    finally:
        child.stop(HANGS_AFTER_S)


def wait_for(what: str, condition: Callable[[], bool], child: Child | None, timeout: float = HANGS_AFTER_S) -> None:
    """Polls until the condition holds; fails at once if the process it depends on has ended."""
    deadline = time.monotonic() + timeout
    while not condition():
        if child is not None and not child.running:
            raise AssertionError(f"the process ended before {what}:\n{child.tail()}")
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen in {timeout} s:\n{child.tail() if child else ''}")
        time.sleep(0.1)


class Progress:
    """How far a consumer group is: committed offsets against the ends of topics."""

    def __init__(self, settings: Settings, group: str, topics: tuple[str, ...]) -> None:
        version = {"api_version": (2, 3)} if not settings.declare_topics else {}
        self._consumer = KafkaConsumer(
            bootstrap_servers=settings.brokers, group_id=group, enable_auto_commit=False, **version
        )
        self._tps = [TopicPartition(topic, p) for topic in topics for p in range(settings.partitions)]

    def lag(self) -> int:
        """Records not yet committed by the group."""
        ends = self._ask(lambda: self._consumer.end_offsets(self._tps))
        return sum(ends.values()) - self.committed()

    def committed(self) -> int:
        """Records committed by the group."""
        return sum(self.positions().values())

    def positions(self) -> dict[TopicPartition, int]:
        """Up to where the group has committed each partition."""
        return self._ask(lambda: {tp: self._consumer.committed(tp) or 0 for tp in self._tps})

    def _ask(self, question: Callable[[], T]) -> T:
        """The broker's answer, when it gives one: it may be away."""
        deadline = time.monotonic() + HANGS_AFTER_S
        while True:
            try:
                return question()
            except KafkaError:
                if time.monotonic() > deadline:
                    raise

    def done(self) -> bool:
        """Everything there is has been committed."""
        return self.lag() == 0

    def close(self) -> None:
        self._consumer.close()


def measured(port: int, name: str, **labels: str) -> float:
    """A metric of the process that serves them on this port, summed over the labels not given."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples if sample.name == f"streamer_{name}"]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

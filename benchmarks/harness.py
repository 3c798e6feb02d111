"""What all benchmarks share: real servers, W as a backlog in Kafka, figures with targets, and one table of them.

Ratios are formed of figures from the same run, as machines are noisy and differ. A run can be repeated; the table then
shows minimum and median.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.backlog import Backlog
from benchmarks.workload import Workload
from streamer.settings import Settings
from tests.backends import KafkaServer, RedisServer

if TYPE_CHECKING:
    from benchmarks.ours import Processed
    from benchmarks.peers.runners import Ran

RESULTS: Final = Path(__file__).with_name("results")
_JVM: Final = ("-Xms512m", "-Xmx2g", "-XX:+UseParallelGC")


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured, once per run.

    Attributes:
        name: what it is; of a ratio, to what.
        unit: of the values.
        values: one per run.
        at_most: the target, if there is one.
    """

    benchmark: str
    name: str
    unit: str
    values: Sequence[float]
    at_most: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        if self.at_most is None:
            return ""
        return "met" if self.median <= self.at_most else "missed"


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        quick: smaller, once, and without the peers that take long.
        runs: how often each figure is taken.
        events, users: size of W.
    """

    quick: bool
    runs: int
    events: int
    users: int


@dataclass
class Bench:
    """One session of benchmarks: its servers, its figures so far, and what was wrong.

    Attributes:
        processed: how W went last, by topic prefix; for benchmarks of what it leaves behind.
        kafka_streams: how it went there.
    """

    options: Options
    logs: Path
    _stack: ExitStack
    name: str = ""
    figures: list[Figure] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    processed: dict[str, Processed] = field(default_factory=dict)
    kafka_streams: list[Ran] = field(default_factory=list)
    _backlogs: dict[tuple[Workload, int, str], Backlog] = field(default_factory=dict)
    _prefixes: int = 0

    @cached_property
    def kafka(self) -> KafkaServer:
        """A Kafka of its own, started when first needed."""
        return self._stack.enter_context(KafkaServer(jvm=_JVM))

    @cached_property
    def redis(self) -> RedisServer:
        """A Redis of its own, started when first needed."""
        return self._stack.enter_context(RedisServer())

    def settings(self, **changed: object) -> Settings:
        """A deployment with topics of its own, and with no local state. Its topics are not made yet."""
        self._prefixes += 1
        prefix = f"b{self._prefixes}-"
        data_dir = self.logs / prefix
        data_dir.mkdir()
        values: dict[str, object] = {
            "brokers": self.kafka.bootstrap,
            "topic_prefix": prefix,
            "group": prefix + "workers",
            "publisher_group": prefix + "publishers",
            "data_dir": data_dir,
            "clock": "events",
        }
        return Settings(**{**values, **changed})  # type: ignore[arg-type]

    def backlog(self, workload: Workload | None = None, partitions: int = 8, *, watermarks: bool = True) -> Backlog:
        """W in Kafka; the same one for everybody who asks for the same."""
        wanted = workload or Workload(self.options.events, self.options.users)
        key = (wanted, partitions, "marked" if watermarks else "bare")
        if key not in self._backlogs:
            self.say(f"producing W: {wanted.events:,} events, {wanted.users:,} users, {partitions} partitions")
            self._backlogs[key] = Backlog(wanted, self.settings(partitions=partitions), watermarks=watermarks)
        return self._backlogs[key]

    def runs(self) -> Iterator[int]:
        """Numbers of the runs of one benchmark."""
        for number in range(1, self.options.runs + 1):
            self.say(f"run {number} of {self.options.runs}")
            yield number

    def figure(self, name: str, unit: str, values: float | Iterable[float], at_most: float | None = None) -> None:
        """Adds a line to the table."""
        taken = [float(values)] if isinstance(values, (int, float)) else [float(value) for value in values]
        if taken:
            self.figures.append(Figure(self.name, name, unit, taken, at_most))

    def check(self, what: str, problems: Sequence[object]) -> None:
        """An output that must be right: anything listed here fails the session."""
        if problems:
            shown = "; ".join(str(problem) for problem in problems[:3])
            self.wrong.append(f"{self.name}: {what}: {len(problems)} wrong, as in {shown}")
        self.say(f"{what}: {'WRONG, ' + str(problems[0]) if problems else 'right'}")

    def say(self, text: str) -> None:
        """Tells whoever is watching how far it is."""
        print(f"[{time.monotonic() - _STARTED:5.0f} s] {self.name}: {text}", flush=True)

    def table(self) -> Table:
        """All figures."""
        table = Table(title="Targets: docs/performance.md. CPU s/M: CPU seconds per million events")
        for column in ("benchmark", "figure"):
            table.add_column(column)
        for column in ("min", "median", "unit", "target", ""):
            table.add_column(column, justify="left" if column == "unit" else "right")
        last = ""
        for figure in self.figures:
            target = "" if figure.at_most is None else f"≤ {_number(figure.at_most, figure.unit)}"
            middle = _number(figure.median, figure.unit)
            least = _number(min(figure.values), figure.unit) if len(figure.values) > 1 else ""
            if figure.benchmark != last and last:
                table.add_section()
            label = figure.benchmark if figure.benchmark != last else ""
            table.add_row(label, figure.name, least, middle, figure.unit, target, figure.verdict)
            last = figure.benchmark
        return table

    def write(self, name: str) -> Path:
        """All figures as JSON."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{name}.json"
        machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        figures = [{**asdict(figure), "median": figure.median, "verdict": figure.verdict} for figure in self.figures]
        content = {"machine": machine, "options": asdict(self.options), "wrong": self.wrong, "figures": figures}
        path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return path


Benchmark = Callable[[Bench], None]
_STARTED: Final = time.monotonic()


def main(benchmarks: dict[str, Benchmark], name: str) -> None:
    """Runs benchmarks one after another with the same servers, prints the table, writes JSON; exits 1 if wrong."""
    options = _options(name)
    with _session(options) as bench:
        for bench.name, run in benchmarks.items():
            try:
                run(bench)
            except Exception as error:  # noqa: BLE001 - the figures of the others are kept
                traceback.print_exc()
                bench.wrong.append(f"{bench.name}: did not finish: {error!r}")
        bench.name = name
        Console(width=140).print(bench.table())
        print(f"written to {bench.write(name + ('-quick' if options.quick else ''))}")
        for line in bench.wrong:
            print(f"WRONG  {line}")
        if bench.wrong:
            raise SystemExit(1)


@contextmanager
def _session(options: Options) -> Iterator[Bench]:
    logs = Path(tempfile.mkdtemp(prefix="streamer-bench-"))
    with ExitStack() as stack:
        bench = Bench(options, logs, stack)
        try:
            yield bench
        except BaseException:
            print(f"logs are kept in {logs}")
            raise
    shutil.rmtree(logs, ignore_errors=True)


def _options(name: str) -> Options:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--quick", action="store_true", help="120,000 events, 7,500 users, once, the fast peers only")
    parser.add_argument("--runs", type=int, help="how often (3; quick: 1)")
    parser.add_argument("--events", type=int, help="events of W (2,000,000; quick: 120,000)")
    parser.add_argument("--users", type=int, help="users of W (100,000; quick: 7,500)")
    given = parser.parse_args()
    runs, events, users = (1, 120_000, 7_500) if given.quick else (3, 2_000_000, 100_000)
    return Options(given.quick, given.runs or runs, given.events or events, given.users or users)


def _number(value: float, unit: str = "") -> str:
    if unit == "x" and 0 < value < 1:
        return f"1/{_number(1 / value)}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"

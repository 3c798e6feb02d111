"""CPU seconds per million events, and events per second, of one worker over a backlog of W; beside its peers.

    python -m benchmarks.throughput [--quick]

Ours does the full job: from Kafka to outbox and changelog. The floor only fetches and decodes. Kafka Streams, idiomatic
Faust and, in full runs, Quix Streams do the simple count of `benchmarks/peers`. Faust and Quix take so long that they
get a smaller W, with as many events a user. In quick runs a JVM has hardly warmed up: Kafka Streams' figure is that of
the full run.

CPU seconds are those of a process's whole life, from its start to its end in order (all saved, all committed), less
those of a life in which there was nothing to do: interpreter or JVM start, imports, joining the group, stopping. The
same for ours and all peers but the floor, which counts from when its consumer is ready and does nothing but read. What
a benchmark asks a process meanwhile is part of its bill, so ours is asked seldom and the peers not at all (their
commits are read from the broker).
"""

from __future__ import annotations

from typing import Final

from benchmarks.backlog import Backlog
from benchmarks.harness import Bench, main
from benchmarks.ours import idle_life, process
from benchmarks.peers import runners
from benchmarks.peers.runners import Ran
from benchmarks.processes import Spent
from benchmarks.workload import Workload

_TARGETS: Final = {"fetch + decode": 6.0, "idiomatic Faust": 1 / 20, "Kafka Streams": 1 / 2}
_EVENTS_A_USER: Final = 20


def run(bench: Bench) -> None:
    """Takes the figures."""
    backlog = bench.backlog()
    share = _share(bench, 10_000 if bench.options.quick else 40_000)
    ours: list[Spent] = []
    peers: dict[str, list[Ran]] = {"fetch + decode": [], "idiomatic Faust": [], "Kafka Streams": bench.kafka_streams}
    if not bench.options.quick:
        tenth = bench.backlog(Workload(bench.options.events // 10, bench.options.users // 10))
        peers["Quix Streams"] = []
    for _ in bench.runs():
        ours.append(process(bench, backlog, idle_life(bench)).spent)
        peers["fetch + decode"].append(runners.floor(bench, backlog))
        peers["idiomatic Faust"].append(runners.faust(bench, share))
        peers["Kafka Streams"].append(runners.kafka_streams(bench, backlog))
        if not bench.options.quick:
            peers["Quix Streams"].append(runners.quix(bench, tenth))
    bench.figure("ours, the full job", "CPU s/M", [spent.per_million for spent in ours])
    bench.figure("ours, the full job", "events/s", [spent.rate for spent in ours])
    for name, ran in peers.items():
        bench.figure(name, "CPU s/M", [run.spent.per_million for run in ran])
        bench.figure(name, "events/s", [run.spent.rate for run in ran])
        bench.figure(f"{name}, changelog", "B/event", [run.changelog for run in ran if run.changelog])
    for name, ran in peers.items():
        ratios = [mine.per_million / other.spent.per_million for mine, other in zip(ours, ran, strict=True)]
        cold = bench.options.quick and name == "Kafka Streams"
        label = f"{name} (JVM not warm)" if cold else name
        bench.figure(f"CPU per event, ours to {label}", "x", ratios, None if cold else _TARGETS.get(name))


def _share(bench: Bench, events: int) -> Backlog:
    return bench.backlog(Workload(events, events // _EVENTS_A_USER), watermarks=False)


if __name__ == "__main__":
    main({"throughput": run}, "throughput")

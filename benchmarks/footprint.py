"""What the job stores: bytes per event in changelog and outbox, state per user, the worker's memory.

    python -m benchmarks.footprint [--quick]

Topics as stored on the broker's disk, after W as a backlog with 5 s checkpoints; `benchmarks.live` has the figures at
live pace. State per user must not grow with the number of users: 10,000, 100,000 and a million in `make bench`, each
with as many events a user as W.
"""

from __future__ import annotations

from typing import Final

from benchmarks.harness import Bench, main
from benchmarks.ours import Processed, processed_once
from benchmarks.workload import Workload

_TARGET_BYTES: Final = 40.0
_FLAT: Final = 1.1


def run(bench: Bench) -> None:
    """Takes the figures."""
    done = processed_once(bench, bench.backlog())
    bench.figure("changelog, backlog", "B/event", done.changelog / done.spent.events, _TARGET_BYTES)
    bench.figure("outbox, backlog", "B/event", done.outbox / done.spent.events)
    events, users = bench.options.events, bench.options.users
    first = 0.0
    for scale in (1.0,) if bench.options.quick else (0.1, 1.0, 10.0):
        workload = Workload(round(scale * events), round(scale * users))
        found = processed_once(bench, bench.backlog(workload))
        name = f"{workload.users:,} users"
        bench.figure(f"state of a user with events, {name}", "B", _per_user(found))
        bench.figure(f"the worker's memory, {name}", "MB RSS", found.rss_mb)
        if first:
            bench.figure(f"state per user, {name} to a tenth of W", "x", _per_user(found) / first, _FLAT)
        first = first or _per_user(found)


def _per_user(done: Processed) -> float:
    return done.state / done.users


if __name__ == "__main__":
    main({"footprint": run}, "footprint")

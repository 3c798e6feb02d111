"""All benchmarks, one after another on the same Kafka and Redis, in one table: `python -m benchmarks [--quick]`."""

from __future__ import annotations

from benchmarks import (
    footprint,
    freshness,
    json_codecs,
    live,
    population,
    recovery,
    scaling,
    service,
    serving,
    throughput,
)
from benchmarks.harness import main

if __name__ == "__main__":
    main(
        {
            "throughput": throughput.run,
            "live": live.run,
            "freshness": freshness.run,
            "population": population.run,
            "recovery": recovery.run,
            "footprint": footprint.run,
            "scaling": scaling.run,
            "serving": serving.run,
            "service": service.run,
            "json": json_codecs.run,
        },
        "all",
    )

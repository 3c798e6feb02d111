"""What the job costs, measured beside its peers in the same run. `python -m benchmarks [--quick]` runs all of them.

    harness     servers, processes and their CPU time, figures, the table
    workload    W (docs/performance.md) and a steady stream at real-time pace
    outcome     are the outputs right? against the oracle, and against a plain recount
    peers/      the floor (fetch + decode), idiomatic Faust, Kafka Streams, Quix Streams
    throughput, live, freshness, recovery, footprint, scaling, serving: one benchmark each, `python -m benchmarks.NAME`
    soak        minutes at full speed, by itself: is memory flat?

Each figure says what it is a ratio of. A target missed is printed; only a wrong output fails the run.
"""

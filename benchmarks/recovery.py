"""A worker that starts anew after W with no local state: how long until it processes again.

    python -m benchmarks.recovery [--quick]

Beside it, in the same run, a consumer that reads the changelog and keeps nothing (the floor); in full runs also Kafka
Streams.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Final

from benchmarks import outcome
from benchmarks.backlog import Backlog, send_watermarks
from benchmarks.harness import Bench, main
from benchmarks.ours import Processed, processed_once
from benchmarks.peers import runners
from benchmarks.processes import Worker, life, wait_until
from streamer.settings import Settings

_TARGET_S: Final = 10.0
_USERS: Final = "streamer_state_users"
_RAW: Final = """
import asyncio, sys, time
from aiokafka import AIOKafkaConsumer, TopicPartition
async def read(brokers, topic, partitions):
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers, auto_offset_reset="earliest", max_partition_fetch_bytes=8 << 20
    )
    await consumer.start()
    tps = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer.assign(tps)
    ends = await consumer.end_offsets(tps)
    began, records = time.monotonic(), 0
    left = {tp for tp in tps if ends[tp]}
    while left:
        for tp, found in (await consumer.getmany(*left, timeout_ms=200)).items():
            records += len(found)
        left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
    print(records, time.monotonic() - began)
    await consumer.stop()
asyncio.run(read(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def run(bench: Bench) -> None:
    """Takes the figures."""
    backlog = bench.backlog()
    before = processed_once(bench, backlog)
    recovery, restart, cpu, ratio, rate, raw_rate = [], [], [], [], [], []
    for number in bench.runs():
        records, raw_s = _raw(before.settings)
        bench.check("the changelog has at least a record a user", [records] if records < before.users else [])
        took_s, until_processing_s, cpu_s = _restart(bench, backlog, before, number)
        recovery.append(took_s)
        restart.append(until_processing_s)
        cpu.append(cpu_s)
        rate.append(records / took_s)
        raw_rate.append(records / raw_s)
        ratio.append(took_s / raw_s)
    bench.figure("state recovered from an empty disk", "s", recovery, _TARGET_S)
    bench.figure("process started to first event processed", "s", restart)
    bench.figure("CPU of such a life", "CPU s", cpu)
    bench.figure("ours", "records/s", rate)
    bench.figure("reading the changelog and keeping nothing", "records/s", raw_rate)
    bench.figure("time, ours to reading the changelog", "x", ratio)
    if not bench.options.quick:
        _beside_kafka_streams(bench, backlog, recovery)


def _beside_kafka_streams(bench: Bench, backlog: Backlog, ours_s: list[float]) -> None:
    """Of the same session, from what Kafka Streams' simple count of W left behind."""
    if not bench.kafka_streams:
        bench.kafka_streams.append(runners.kafka_streams(bench, backlog))
    restored = [run.restored for run in bench.kafka_streams if run.restored is not None]
    bench.check("Kafka Streams restored its counts", [run for run in restored if run[0] < backlog.workload.users // 4])
    bench.figure("Kafka Streams, its simple count", "s", [seconds for _, seconds in restored])
    bench.figure("Kafka Streams, its simple count", "records/s", [records / seconds for records, seconds in restored])
    theirs_s = statistics.median(seconds for _, seconds in restored)
    bench.figure("time, ours to Kafka Streams'", "x", [mine / theirs_s for mine in ours_s], 1.0)


def _restart(bench: Bench, backlog: Backlog, before: Processed, number: int) -> tuple[float, float, float]:
    data_dir = bench.logs / f"recovery-{number}"
    data_dir.mkdir()
    settings = before.settings.model_copy(update={"data_dir": data_dir})
    backlog.records += send_watermarks(settings, backlog.workload.sealed_ms + number)
    with life() as whole:
        began = time.monotonic()
        worker = Worker(settings, bench.logs / f"{data_dir.name}.log")
        wait_until("processing begins", lambda: worker.processed() > 0, worker.child, 600)
        until_processing_s = time.monotonic() - began
        wait_until("a checkpoint", lambda: worker.metrics()[_USERS] > 0, worker.child, 60)
        metrics = worker.metrics()
        worker.stop()
    took_s = metrics["streamer_recovery_seconds"]
    if took_s <= 0:
        raise RuntimeError(f"the worker does not say how long it recovered: {dict(metrics)}")
    bench.say(f"{metrics[_USERS]:,.0f} users' state recovered in {took_s:.2f} s")
    wrong = outcome.disagreements(settings, backlog.sample.events, backlog.workload.sealed_ms)
    if metrics[_USERS] != before.users:
        wrong.append(f"{metrics[_USERS]:.0f} users, {before.users} are in the changelog")
    bench.check("documents after the restart against the oracle", wrong)
    return took_s, until_processing_s, whole.cpu_s


def _raw(settings: Settings) -> tuple[int, float]:
    command = [sys.executable, "-c", _RAW, settings.brokers, settings.topics.state, str(settings.partitions)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout.split()
    return int(said[0]), float(said[1])


if __name__ == "__main__":
    main({"recovery": run}, "recovery")

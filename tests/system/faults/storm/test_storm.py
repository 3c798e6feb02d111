"""Everything goes wrong at once; then it heals, and everything is as if nothing had happened."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Final

import pytest

from tests.backends.choose import Kafka
from tests.deployment import saved_profiles
from tests.processes import HANGS_AFTER_S, wait_for
from tests.system.faults.storm.chronicle import Chronicle
from tests.system.faults.storm.deployment import DEAD_AFTER_S, Deployment
from tests.system.faults.storm.nemesis import Kind, Nemesis
from tests.system.faults.storm.nemesis.brokers import Brokers
from tests.system.faults.storm.nemesis.clocks import Clocks
from tests.system.faults.storm.nemesis.freezing import Freezing
from tests.system.faults.storm.nemesis.killing import Killing
from tests.system.faults.storm.nemesis.network import Network
from tests.system.faults.storm.nemesis.redis_away import RedisAway
from tests.system.faults.storm.plan import STRANGERS, Clock, plan
from tests.system.faults.storm.sending import Sending
from tests.system.faults.storm.verdict import problems

MINUTES: Final = float(os.environ.get("STREAMER_TEST_STORM_MINUTES", "3"))
"""`make storm` has ten."""
_SHOWN: Final = 30


def everything(deployment: Deployment) -> list[Kind]:
    return [
        Killing(deployment.processes),
        Freezing(deployment.processes, DEAD_AFTER_S),
        Brokers(deployment.cluster, deployment.settings),
        RedisAway(deployment),
        Network(deployment.redis.proxy),
        Clocks(deployment),
    ]


@pytest.mark.long
@pytest.mark.slowest
@pytest.mark.timeout(1500 + 180 * MINUTES)
@pytest.mark.parametrize("clock", ["wall", "events"])
def test_after_a_storm_every_document_count_label_and_reject_is_as_if_nothing_had_happened(
    kafka: Kafka,  # asked for, as this is skipped where there is none
    tmp_path: Path,
    prefix: str,
    seed: int,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "kafka")  # our own clients complain of every broker that is away
    chronicle = Chronicle(tmp_path / "chronicle")
    try:
        with Deployment(tmp_path, clock, prefix, chronicle) as deployment:
            told = plan(seed, deployment.settings, MINUTES, time.time_ns() // 1_000_000)
            sending = Sending(deployment.settings, told, seed)
            nemesis = Nemesis(everything(deployment), seed, chronicle)
            sending.start()
            nemesis.begin()
            wait_for("everything is sent", lambda: sending.finished, None, 300 + 90 * MINUTES)
            nemesis.heal()
            chronicle.note("all is well again")
            deployment.await_caught_up()
            wait_for("every session has sealed", lambda: all_sealed(deployment), None, 2 * HANGS_AFTER_S)
            deployment.await_caught_up()
            deployment.stop("worker")
            deployment.await_published()
            deployment.await_counted()
            deployment.stop("publisher")
            deployment.stop("population")
            chronicle.note("caught up")
            found = problems(deployment, told)
        assert not found, f"{len(found)} problems: " + "\n".join(found[:_SHOWN])
    finally:
        print(
            f"STREAMER_TEST_SEED={seed}, {MINUTES:g} minutes by the {clock} clock; logs are in {tmp_path}\n{chronicle}"
        )


def all_sealed(deployment: Deployment) -> bool:
    return not any(profile.sessions for profile in saved_profiles(deployment.settings, STRANGERS).values())

"""A process that reads nothing, though there is something, ends; idle, slow or held ones do not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from faust.types import TP

from streamer.engine.kafka.records import Fetched
from streamer.engine.kafka.watchdog import Reading, Watchdog
from streamer.engine.metrics import Metrics
from streamer.errors import Stalled
from streamer.settings import Settings

A, B = TP("plays", 0), TP("erasures", 0)
LOOK_S = 5.0
LONG = 100
"""Looks: far longer than the bound."""


class Brokers:
    """What a fresh connection is told; how often it was asked."""

    def __init__(self, ends: Mapping[TP, int] | None) -> None:
        self.ends = ends
        self.asked = 0

    async def __call__(self, tps: list[TP]) -> Mapping[TP, int] | None:
        self.asked += 1
        return self.ends


def reading(position: int, highwater: int, seen_ms: int, saved: int | None = None) -> Reading:
    return Reading(Fetched(position, highwater, seen_ms), saved)


def looks_until_it_ends(brokers: Brokers, readings: list[Mapping[TP, Reading]], worker_timeout: float = 10.0) -> int:
    """The look at which the process ends; 0: at none."""
    watchdog = Watchdog(Settings(worker_timeout=worker_timeout), Metrics(), brokers)

    async def run() -> int:
        for number, found in enumerate(readings):
            try:
                await watchdog.look(found, LOOK_S)
            except Stalled:
                return number
        return 0

    return asyncio.run(run())


def test_a_partition_without_a_position_ends_the_process_after_the_bound() -> None:
    stuck = {A: reading(7, 7, 1), B: Reading(None, None)}
    assert looks_until_it_ends(Brokers({A: 7, B: 0}), [stuck] * LONG) == 12
    assert looks_until_it_ends(Brokers({A: 7, B: 0}), [stuck] * LONG, worker_timeout=100) == 80


def test_records_that_nobody_reads_end_it_though_other_partitions_go_on() -> None:
    readings = [{A: reading(n, n, n), B: reading(3, 9, n)} for n in range(LONG)]
    assert looks_until_it_ends(Brokers({A: LONG, B: 9}), readings) == 12


def test_so_do_records_that_it_does_not_even_know_of() -> None:
    """No answer comes any more, so by its own account it is caught up."""
    assert looks_until_it_ends(Brokers({A: 8}), [{A: reading(7, 7, 1)}] * LONG) == 12


def test_an_idle_worker_lives_and_asks_nobody() -> None:
    brokers = Brokers({A: 7})
    assert looks_until_it_ends(brokers, [{A: reading(7, 7, n)} for n in range(LONG)]) == 0
    assert brokers.asked == 0


def test_one_that_has_no_answer_and_nothing_to_read_lives_and_asks_now_and_then() -> None:
    brokers = Brokers({A: 7})
    assert looks_until_it_ends(brokers, [{A: reading(7, 7, 1)}] * LONG) == 0
    assert 1 <= brokers.asked <= LONG // 12


@pytest.mark.parametrize("slow", ["reads", "saves"])
def test_a_slow_one_that_goes_on_lives(slow: str) -> None:
    readings = [
        {A: reading(n // 10, 1000, 1, 0) if slow == "reads" else reading(500, 1000, 1, n // 10)} for n in range(LONG)
    ]
    assert looks_until_it_ends(Brokers({A: 1000}), readings) == 0


def test_one_that_holds_its_partitions_lives() -> None:
    """Redis is away, or another topic is behind: what is held is not among the readings."""
    assert looks_until_it_ends(Brokers({A: 1000, B: 7}), [{B: reading(7, 7, n)} for n in range(LONG)]) == 0


def test_one_whose_brokers_are_away_lives() -> None:
    assert looks_until_it_ends(Brokers(None), [{A: Reading(None, None)}] * LONG) == 0


def test_a_partition_that_comes_anew_has_the_whole_bound() -> None:
    readings: list[Mapping[TP, Reading]] = [{A: Reading(None, None)}] * 11 + [{}] + [{A: Reading(None, None)}] * LONG
    assert looks_until_it_ends(Brokers({A: 1}), readings) == 24

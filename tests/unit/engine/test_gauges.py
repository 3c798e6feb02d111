"""Lags are worked out at every scrape: while a broker is away they grow; a partition that is gone is not told of."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from faust.types import TP
from prometheus_client import generate_latest

from streamer import __version__
from streamer.engine.kafka.records import Fetched
from streamer.engine.metrics import Metrics
from streamer.engine.partition.gauges import PartitionGauges

BEGAN_MS = 1_000_000
PLAYS = {"topic": "plays", "partition": "3"}


class Scene:
    """One partition, a clock that is set by hand, and a broker that answers when told to."""

    def __init__(self) -> None:
        self.now_ms = BEGAN_MS
        self.answer: Fetched | None = None
        self.metrics = Metrics()
        self.processor = SimpleNamespace(clock=SimpleNamespace(watermark=BEGAN_MS - 2000))
        self.gauges = PartitionGauges(3, self.metrics, ["plays"], lambda: self.now_ms)
        self.gauges.show(self.processor, self)  # type: ignore[arg-type]

    def fetched(self, tp: TP) -> Fetched | None:
        assert tp == TP("plays", 3)
        return self.answer

    def told(self, name: str, labels: dict[str, str]) -> float | None:
        return self.metrics.registry.get_sample_value(f"streamer_{name}", labels)


@pytest.mark.parametrize("answer", [None, Fetched(5, None, None), Fetched(5, 12, BEGAN_MS)])
def test_without_an_answer_its_age_and_the_watermarks_lag_grow_at_every_scrape(answer: Fetched | None) -> None:
    scene = Scene()
    scene.answer = answer
    for passed_s in (0, 30, 90):
        scene.now_ms = BEGAN_MS + passed_s * 1000
        assert scene.told("kafka_unanswered_seconds", PLAYS) == passed_s
        assert scene.told("watermark_lag_seconds", {"partition": "3"}) == passed_s + 2


def test_an_answer_is_told_by_the_next_scrape_and_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    scene = Scene()
    scene.answer = Fetched(5, 12, BEGAN_MS + 9000)
    assert scene.told("consumer_lag_records", PLAYS) == 7
    assert scene.told("kafka_unanswered_seconds", PLAYS) == 0
    scene.answer = Fetched(12, 12, BEGAN_MS + 9000)
    scene.processor.clock.watermark = BEGAN_MS
    assert scene.told("consumer_lag_records", PLAYS) == 0
    assert scene.told("watermark_lag_seconds", {"partition": "3"}) == 0


def test_a_partition_that_is_gone_is_not_told_of() -> None:
    scene = Scene()
    scene.metrics.stuck_users.labels("3").set(1)
    scene.metrics.state_bytes.labels("3").set(500)
    scene.gauges.hide()
    scene.gauges.hide()
    assert 'partition="3"' not in generate_latest(scene.metrics.registry).decode()


def test_the_version_and_the_process_are_told() -> None:
    metrics = Metrics()
    assert metrics.registry.get_sample_value("streamer_build_info", {"version": __version__}) == 1
    assert (metrics.registry.get_sample_value("process_resident_memory_bytes") or 0) > 0

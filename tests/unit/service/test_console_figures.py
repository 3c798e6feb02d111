"""What the pipeline's page makes of readings: rates, times and backlogs, and that what is unknown stays unknown."""

from __future__ import annotations

from typing import Final

from streamer.service.console.figures import Figures, figures
from streamer.service.console.measures import Progress, Reading, Samples, samples

WORKER: Final = """
# TYPE streamer_events_total counter
streamer_events_total{topic="plays"} %d
streamer_events_total{topic="impressions"} 100
# TYPE streamer_rejected_events_total counter
streamer_rejected_events_total{topic="plays",code="wrong_type"} 2
# TYPE streamer_late_events_total counter
streamer_late_events_total{topic="plays"} 3
# TYPE streamer_watermark_lag_seconds gauge
streamer_watermark_lag_seconds{partition="0"} 31.5
# TYPE streamer_consumer_lag_records gauge
streamer_consumer_lag_records{topic="plays",partition="0"} 4
streamer_consumer_lag_records{topic="impressions",partition="0"} 1
# TYPE streamer_checkpoint_seconds histogram
streamer_checkpoint_seconds_bucket{le="0.1"} %d
streamer_checkpoint_seconds_bucket{le="0.2"} %d
streamer_checkpoint_seconds_bucket{le="+Inf"} %d
streamer_checkpoint_seconds_count %d
streamer_checkpoint_seconds_sum 1
"""
URL: Final = "http://worker/metrics"


def worker(events: int, quick: int, all_of_them: int) -> Samples:
    return samples(WORKER % (events, quick, all_of_them, all_of_them, all_of_them))


def reading(at: float, arrived: int, saved: int, process: Samples | None) -> Reading:
    ends = {("plays", 0): arrived, ("plays", 1): 7}
    return Reading(at, Progress(ends, {("plays", 0): saved}, 10, 8), 0.5, {URL: process})


def test_rates_are_of_now_and_times_of_the_last_minutes() -> None:
    found = figures(
        [
            reading(0, 0, 0, worker(0, 90, 100)),
            reading(60, 1000, 900, worker(900, 90, 100)),
            reading(64, 1200, 1100, worker(1300, 94, 110)),
        ],
        partitions=2,
    )
    assert (found.arriving, found.processed) == (50.0, 100.0)
    assert (found.rejected, found.late, found.waiting, found.lists_waiting) == (2, 3, 107, 2)
    assert [(row.number, row.waiting, row.unread, row.behind_s) for row in found.rows] == [
        (0, 100, 5, 31.5),
        (1, 7, None, None),
    ]
    assert found.checkpoint.p50 is not None
    assert round(found.checkpoint.p50, 3) == 0.117  # of the ten since the first reading four took up to .1 s
    assert found.rejects_by == [("plays", "wrong_type", 2.0)]
    assert [round(rate, 1) for rate in found.course] == [16.7, 50.0]


def test_a_process_that_began_anew_makes_no_rate_negative() -> None:
    found = figures([reading(0, 5, 5, worker(900, 90, 100)), reading(2, 5, 5, worker(10, 1, 1))], partitions=1)
    assert (found.processed, found.arriving) == (0.0, 0.0)
    assert found.checkpoint.p50 == 0.05


def unknown(found: Figures) -> bool:
    values = (found.processed, found.rejected, found.late, found.checkpoint.p50, found.freshness.p99)
    return all(value is None for value in values)


def test_what_nobody_says_is_unknown_and_never_zero() -> None:
    silent = figures([reading(0, 5, 5, None), reading(2, 9, 5, None)], partitions=1)
    assert unknown(silent)
    assert (silent.arriving, silent.processes) == (2.0, {URL: False})
    away = figures([Reading(0, None, None, {}), Reading(2, None, None, {})], partitions=2)
    assert unknown(away)
    assert (away.kafka, away.arriving, away.waiting, away.redis_ms, away.course) == (False, None, None, None, [])
    assert [(row.waiting, row.unread, row.behind_s) for row in away.rows] == [(None, None, None)] * 2
    assert figures([reading(0, 5, 5, worker(1, 0, 0))], partitions=1).arriving is None  # one reading makes no rate

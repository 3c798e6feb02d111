"""The event-time clock of a partition: what it waits for, and what moves it."""

from __future__ import annotations

import pytest

from streamer.engine.partition.watermark import BEGINNING, END, PartitionClock

LAG = 30
NOW = 10_000


def clock(kind: str = "wall") -> PartitionClock:
    return PartitionClock(("big", "small"), kind, LAG, followers=("erasures",))  # type: ignore[arg-type]


def settle(c: PartitionClock, erasures: int | None = NOW, **caught_up: int | None) -> PartitionClock:
    for topic, lane in c.lanes.items():
        lane.caught_up_ms = erasures if topic == "erasures" else caught_up.get(topic)
    return c


def test_nothing_is_processed_before_every_topic_has_been_asked_for() -> None:
    c = settle(clock(), big=NOW, small=None)
    assert c.aligned_to() == BEGINNING


def test_a_topic_ahead_waits_for_the_buffered_end_of_one_behind() -> None:
    #  big    ────────●            more at the broker: T is here
    #  small  ──────────────●      waits beyond T
    c = settle(clock())
    c.lanes["big"].buffered_to = 100
    c.lanes["small"].buffered_to = 900
    assert c.aligned_to() == 100


def test_a_topic_that_is_caught_up_holds_nobody_back() -> None:
    c = settle(clock(), small=NOW)
    c.lanes["big"].buffered_to = 100
    c.lanes["small"].buffered_to = 5
    assert c.aligned_to() == 100
    assert settle(c, big=NOW, small=NOW).aligned_to() == END


def test_erasures_still_to_be_read_hold_events_back() -> None:
    c = settle(clock(), big=NOW, small=NOW, erasures=None)
    c.lanes["erasures"].buffered_to = 40
    assert c.aligned_to() == 40


def test_by_events_every_topic_counts_even_if_it_is_caught_up() -> None:
    c = settle(clock("events"), big=NOW, small=NOW)
    c.lanes["big"].buffered_to = 100
    c.lanes["small"].buffered_to = 5
    assert c.aligned_to() == 5


@pytest.mark.parametrize(("behind", "expected"), [(("big", "small"), 50), (("big",), 50), (("small",), 70)])
def test_the_watermark_is_the_least_newest_time_of_the_topics_behind(behind: tuple[str, ...], expected: int) -> None:
    c = settle(clock(), **{t: NOW for t in ("big", "small") if t not in behind})
    c.lanes["big"].newest, c.lanes["small"].newest = 50, 70
    assert c.advance(NOW) == expected


def test_a_buffered_event_keeps_its_topic_behind_though_the_broker_has_no_more() -> None:
    c = settle(clock(), big=NOW, small=NOW)
    c.lanes["small"].newest, c.lanes["small"].waiting = 70, 1
    assert c.advance(NOW) == 70


def test_caught_up_the_watermark_follows_the_clock_as_of_the_brokers_last_answer() -> None:
    assert settle(clock(), big=NOW, small=NOW).advance(NOW) == NOW - LAG
    assert settle(clock(), big=NOW, small=4_000).advance(NOW) == 4_000 - LAG


def test_an_event_ahead_of_the_clock_does_not_take_the_watermark_with_it() -> None:
    c = settle(clock(), small=NOW)
    c.lanes["big"].newest = NOW + 300
    assert c.advance(NOW) == NOW - LAG


def test_the_watermark_never_goes_back() -> None:
    c = settle(clock(), big=NOW, small=NOW)
    c.advance(NOW)
    c.lanes["small"].newest = 70
    assert settle(c, big=NOW).advance(NOW + 1) == NOW - LAG


def test_time_does_not_pass_what_is_known_of_erasures() -> None:
    assert settle(clock(), big=NOW, small=NOW, erasures=4_000).advance(NOW) == 4_000 - LAG
    c = settle(clock(), big=NOW, small=NOW, erasures=None)
    c.lanes["erasures"].buffered_to = 40
    assert c.advance(NOW) == 40


def test_by_events_the_wall_clock_moves_nothing() -> None:
    c = settle(clock("events"), big=NOW, small=NOW)
    assert c.advance(NOW) == BEGINNING
    c.lanes["big"].newest, c.lanes["small"].newest = 90, 60
    assert c.advance(NOW) == 60


def test_a_restored_clock_goes_on_where_the_checkpoint_was() -> None:
    c = clock("events")
    c.restore(60, {"big": 90, "small": 60})
    assert c.watermark == 60
    c.lanes["small"].newest = 95
    assert c.advance(NOW) == 90

"""How a broker is asked: every step, and why it comes before or after the others."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from streamer.engine.kafka.fetching import Pace
from streamer.engine.kafka.records import Record
from tests.unit.engine.fetch_way import BEGIN_S, Broker, Clock, Way, named

INTERVAL_S = 0.5
BEGIN_MS = 1000 * BEGIN_S
TRAVEL_S = 3.0


def way_with_slow_answers() -> Way:
    """The broker's answers are under way for seconds."""
    way = Way(Broker())
    way.meanwhile = lambda: setattr(way.clock, "s", way.clock.s + TRAVEL_S)
    return way


# --- the order ------------------------------------------------------------------------------------------------


def test_pace_comes_before_the_session_so_that_a_request_given_up_while_it_waits_leaves_the_session_as_it_was() -> None:
    way = Way(Broker(), INTERVAL_S)
    way.ask(0, 1)
    way.clock.gives_up = True
    assert asyncio.run(way.fetch(0, 1)) is False
    assert len(way.broker.asked) == 1
    way.clock.gives_up = False
    again = way.ask(0, 1)
    assert (again.session_epoch, named(again)) == (1, {})


def test_pace_comes_before_the_clock_so_that_waiting_makes_no_answer_old() -> None:
    way = Way(Broker(), INTERVAL_S)
    way.ask(0, 1)
    way.broker.ends["plays", 0] = 6
    way.ask(0, 1)
    assert way.dates_ms() == [BEGIN_MS + 1000 * INTERVAL_S] * 2


def test_the_clock_is_read_before_the_broker_is_asked_so_that_an_answer_says_nothing_of_what_comes_meanwhile() -> None:
    way = way_with_slow_answers()
    way.ask(0, 1)
    assert way.dates_ms() == [BEGIN_MS] * 2


def test_what_an_answer_leaves_out_is_dated_by_the_same_clock() -> None:
    way = way_with_slow_answers()
    way.ask(0, 1)
    way.broker.ends["plays", 0] = 6
    assert named(way.ask(0, 1)) == {}
    assert way.states["plays", 0].highwater == 6
    assert way.dates_ms() == [BEGIN_MS + 1000 * TRAVEL_S] * 2


def test_an_answer_that_is_passed_over_leaves_the_older_date_and_the_session_sees_it() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    way.clock.s += 1.0
    way.broker.ends["plays", 0] = 6
    way.meanwhile = lambda: setattr(way.states["plays", 0], "position", 3)
    way.ask(0, 1)
    assert way.states["plays", 0].timestamp == BEGIN_MS
    assert way.ask(0, 1).session_epoch == 0


def test_what_an_answer_brought_is_unpacked_into_records_with_all_that_the_broker_sent() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 20)
    builder.append(5, timestamp=17, key=b"ann", value=b"{}", headers=[])
    builder.append(6, timestamp=18, key=None, value=None, headers=[("d", b"1")])
    way = Way(Broker(records=bytes(builder.build())))
    assert asyncio.run(way.fetch(0))
    unpacked = list(way.fetcher._records[TopicPartition("plays", 0)]._partition_records)
    assert unpacked == [Record(5, b"ann", b"{}", 17), Record(6, None, None, 18, (("d", b"1"),))]
    assert {type(record) for record in unpacked} == {Record}


def test_nothing_is_awaited_behind_the_answer_so_that_nobody_finds_it_half_read() -> None:
    way = Way(Broker())
    request = way.fetch(0, 1)
    request.send(None)
    assert len(way.broker.asked) == 1
    with pytest.raises(StopIteration):
        request.send(None)


# --- the pace -------------------------------------------------------------------------------------------------


def asked_at(*asks: tuple[int, float]) -> list[float]:
    """When each of some requests may be sent: the broker's number, and after which pause it is wanted, s."""
    clock, times = Clock(), []
    pace = Pace(INTERVAL_S, clock.now_s, clock.sleep)
    for node_id, pause_s in asks:
        clock.s += pause_s
        asyncio.run(pace.wait(node_id))
        times.append(clock.s - BEGIN_S)
    return times


def test_a_request_waits_until_the_interval_since_the_last_one_has_passed() -> None:
    assert asked_at((1, 0), (1, 0), (1, 0.2)) == [0, INTERVAL_S, 2 * INTERVAL_S]


def test_a_request_after_a_pause_waits_for_nothing() -> None:
    assert asked_at((1, 0), (1, 3 * INTERVAL_S)) == [0, 3 * INTERVAL_S]


def test_brokers_do_not_wait_for_each_other() -> None:
    assert asked_at((1, 0), (2, 0)) == [0, 0]

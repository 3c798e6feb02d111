"""Fetch sessions: what the broker is told, and what an answer that leaves things out says of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v4, FetchRequest_v7, FetchRequest_v11

from streamer.engine.kafka.fetch_sessions import FetchSessions
from tests.unit.engine.fetch_way import SESSION, Broker, Way, named


@pytest.mark.parametrize("version", [FetchRequest_v7, FetchRequest_v11])
def test_after_a_whole_request_only_what_is_read_from_another_offset_is_named(version: Any) -> None:
    way = Way(Broker(version))
    first = way.ask(0, 1)
    assert (first.session_id, first.session_epoch, named(first)) == (0, 0, {0: 5, 1: 8})
    way.states["plays", 1].position = 9
    second = way.ask(0, 1)
    assert (second.session_id, second.session_epoch, named(second)) == (SESSION, 1, {1: 9})
    third = way.ask(0, 1)
    assert (third.session_epoch, named(third)) == (2, {})


def test_a_partition_that_is_not_asked_for_is_forgotten_and_may_come_back() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    assert way.ask(1).forgotten_topics_data == [("plays", [0])]
    assert named(way.ask(0, 1)) == {0: 5}


def test_a_partition_that_an_answer_leaves_out_was_seen_in_it() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    way.clock.s += 1.0
    way.ask(0, 1)
    assert way.dates_ms() == [way.clock.now_ms()] * 2


def test_an_answer_that_only_slows_the_reader_down_says_nothing_of_what_it_leaves_out() -> None:
    """With a quota exceeded a broker answers at once, empty, without having looked."""
    way = Way(Broker())
    way.ask(0, 1)
    seen_ms = way.clock.now_ms()
    way.clock.s += 1.0
    way.broker.slows_down_ms = 500
    way.broker.ends["plays", 0] = 6
    assert way.ask(0, 1).session_epoch == 1
    assert (way.states["plays", 0].highwater, way.states["plays", 0].timestamp) == (5, seen_ms)
    way.broker.slows_down_ms = 0
    assert way.ask(0, 1).session_epoch == 2
    assert way.states["plays", 0].highwater == 6


def test_what_was_read_from_elsewhere_meanwhile_is_asked_for_anew() -> None:
    """The broker takes the high watermark of an answer that was passed over for told."""
    way = Way(Broker())
    way.ask(0, 1)
    way.broker.ends["plays", 0] = 6
    way.meanwhile = lambda: setattr(way.states["plays", 0], "position", 3)
    way.ask(0, 1)
    assert way.states["plays", 0].highwater == 5
    way.meanwhile = lambda: None
    assert way.ask(0, 1).session_epoch == 0
    assert way.states["plays", 0].highwater == 6


def test_a_session_that_fails_begins_anew() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    way.broker.fails = True
    way.ask(0, 1)
    way.broker.fails = False
    again = way.ask(0, 1)
    assert (again.session_id, again.session_epoch, named(again)) == (0, 0, {0: 5, 1: 8})


def test_a_session_ends_with_its_assignment() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    way.assign()
    assert way.ask(0, 1).session_epoch == 0
    assert way.states["plays", 0].highwater == 5


def test_what_has_no_high_watermark_is_asked_for_anew() -> None:
    way = Way(Broker())
    way.ask(0, 1)
    way.states["plays", 0].highwater = None
    way.ask(0, 1)
    assert way.ask(0, 1).session_epoch == 0
    assert way.states["plays", 0].highwater == 5


def test_a_broker_that_gives_no_session_is_asked_for_everything_each_time() -> None:
    way = Way(Broker(gives=0))
    assert [(way.ask(0, 1).session_epoch, len(named(way.broker.asked[-1]))) for _ in range(3)] == [(0, 2)] * 3


def test_a_broker_that_knows_no_sessions_is_asked_as_ever() -> None:
    whole = FetchRequest(100, 1, 1 << 20, 0, [("plays", [(0, 5, 1 << 20)])])
    asked = FetchSessions().request(1, cast(Assignment, SimpleNamespace()), whole)
    assert asked.build(FetchRequest_v4) == whole.build(FetchRequest_v4)


@pytest.mark.parametrize("version", [FetchRequest_v7, FetchRequest_v11])
def test_but_for_the_session_a_first_request_is_the_one_that_aiokafka_makes(version: Any) -> None:
    whole = FetchRequest(100, 1, 1 << 20, 1, [("plays", [(0, 5, 1 << 20)])], "rack")
    asked = FetchSessions().request(1, cast(Assignment, SimpleNamespace()), whole).build(version)
    assert (asked.session_id, asked.session_epoch) == (0, 0)
    expected = whole.build(version)
    expected.session_epoch = 0
    assert asked.encode() == expected.encode()

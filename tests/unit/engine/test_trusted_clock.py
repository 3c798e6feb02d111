"""Whose clock a worker goes by, when clocks are wrong."""

from __future__ import annotations

import pytest

from streamer.engine.trusted_clock import APART_MS, TrustedClock, steady_ms

T0 = 1_760_000_000_000
HOUR = 3_600_000
YEAR = 365 * 24 * HOUR


class Clocks:
    """A wall clock that can be set, a steady one, and a broker's; `pass_` moves them all."""

    def __init__(self, wall_off: int = 0, broker_off: int = 0) -> None:
        self.true, self.wall_off, self.broker_off = T0, wall_off, broker_off
        self.now = TrustedClock(lambda: self.true + self.wall_off, lambda: self.true - T0)

    def pass_(self, ms: int) -> None:
        self.true += ms

    def ack(self) -> None:
        self.now.heard(self.true + self.broker_off)

    @property
    def error(self) -> int:
        """How far the clock that is gone by is ahead of the truth."""
        return self.now() - self.true


def test_a_right_clock_is_followed() -> None:
    clocks = Clocks()
    for _ in range(100):
        clocks.pass_(100)
        assert clocks.error == 0
    clocks.ack()
    assert clocks.error == clocks.now.off_ms == 0


@pytest.mark.parametrize("leap", [YEAR, 14 * YEAR, HOUR, 6_000, -HOUR, -YEAR])
@pytest.mark.parametrize("acks", [False, True])
def test_a_leap_of_the_wall_clock_moves_nothing(leap: int, acks: bool, caplog: pytest.LogCaptureFixture) -> None:
    clocks = Clocks()
    clocks.pass_(1000)
    clocks.now()
    clocks.wall_off = leap
    for _ in range(10):
        clocks.pass_(1000)
        if acks and abs(leap) > APART_MS:
            clocks.ack()
        assert clocks.error == 0
    assert len([r for r in caplog.records if "has leapt" in r.message]) == 1


def test_a_leap_that_a_broker_confirms_was_needed_and_is_followed() -> None:
    clocks = Clocks(wall_off=-2 * HOUR)
    assert clocks.error == -2 * HOUR
    clocks.wall_off = 0
    clocks.pass_(1000)
    assert clocks.error == -2 * HOUR
    clocks.ack()
    assert clocks.error == 0


def test_a_clock_that_was_fast_from_the_start_runs_at_most_half_a_minute_ahead_of_the_brokers() -> None:
    clocks = Clocks(wall_off=14 * YEAR)
    clocks.ack()
    for _ in range(5):
        assert clocks.error == APART_MS
        clocks.pass_(HOUR)


def test_a_slow_clock_holds_no_event_against_the_future_that_the_brokers_have_reached() -> None:
    clocks = Clocks(wall_off=-10 * 60_000)
    clocks.ack()
    assert clocks.error == -10 * 60_000
    assert clocks.now.latest() == clocks.true


def test_a_broker_that_leaps_moves_nothing() -> None:
    clocks = Clocks(broker_off=14 * YEAR)
    clocks.ack()
    assert clocks.error == 0


def test_a_clock_set_right_little_by_little_is_followed() -> None:
    clocks = Clocks()
    for n in range(100):
        clocks.wall_off = -100 * n
        clocks.pass_(1000)
        assert clocks.error == -100 * n


def test_the_steady_clock_of_the_system_never_goes_back() -> None:
    readings = [steady_ms() for _ in range(100)]
    assert readings == sorted(readings)

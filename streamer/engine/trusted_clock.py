"""The wall clock, as far as others confirm it.

Faust seam: none.

A worker lets its users' time follow the wall clock, so one wrong reading (a leap of a virtual machine, a mistyped date,
a time server gone mad) would close every session, or forget every user. Two witnesses are heard before it is believed:
how long has passed since the last reading, and when brokers say that they appended what this worker wrote.

- A wall clock that leaps is not followed, until a broker's clock says the same.
- Time never runs more than half a minute ahead of the brokers'.
- A broker's clock alone moves nothing: brokers may be wrong, too.

What must hold for it to be right: it may be slow, which only makes lists forget later, but must not be fast.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from streamer.clock import wall_ms

log: Final = logging.getLogger(__name__)

LEAP_MS: Final = 5_000
"""More than this between two readings, past what has passed in between, is a leap; less is a clock being set right."""
APART_MS: Final = 30_000
"""As far as two clocks that are right may be apart: an ack may be long under way."""
_SAID_EVERY_MS: Final = 60_000


def steady_ms() -> int:
    """A clock that never leaps, ms since some instant; it goes on while the machine sleeps, if the system knows how."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


class TrustedClock:
    """Now, ms since 1970; call it.

    Args:
        wall: the wall clock, ms since 1970.
        steady: a clock that never leaps, ms.
    """

    def __init__(self, wall: Callable[[], int] = wall_ms, steady: Callable[[], int] = steady_ms) -> None:
        self._wall = wall
        self._steady = steady
        self._at_ms, self._at_steady = wall(), steady()
        self._broker_ahead: int | None = None
        self._said_at: int | None = None

    def __call__(self) -> int:
        """Now, as far as the witnesses agree: never too late."""
        now = self._read()
        brokers = self._brokers_now()
        if brokers is None or now <= brokers + APART_MS:
            return now
        self._say("this worker's clock is %d s ahead of the brokers'", now - brokers)
        return brokers + APART_MS

    def latest(self) -> int:
        """Now by whoever is furthest ahead: what to hold events from the future against."""
        brokers = self._brokers_now()
        return self._read() if brokers is None else max(self._read(), brokers)

    @property
    def off_ms(self) -> int:
        """How far the wall clock is from the time that is gone by."""
        return self._wall() - self()

    def heard(self, appended_ms: int) -> None:
        """A broker has just acked something that it appended at this time (ms since 1970) by its own clock."""
        steady, wall = self._steady(), self._wall()
        self._broker_ahead = appended_ms - steady
        if abs(wall - appended_ms) <= APART_MS:  # both say so
            self._at_ms, self._at_steady = wall, steady

    def _brokers_now(self) -> int | None:
        return None if self._broker_ahead is None else self._steady() + self._broker_ahead

    def _read(self) -> int:
        steady, wall = self._steady(), self._wall()
        expected = self._at_ms + steady - self._at_steady
        if abs(wall - expected) > LEAP_MS:
            self._say(
                "this worker's clock has leapt by %d s, which no broker confirms: it is not followed", wall - expected
            )
            return expected
        self._at_ms, self._at_steady = wall, steady
        return wall

    def _say(self, what: str, by_ms: int) -> None:
        steady = self._steady()
        if self._said_at is None or steady - self._said_at >= _SAID_EVERY_MS:
            self._said_at = steady
            log.error("%s; set it right", what % (by_ms // 1000))

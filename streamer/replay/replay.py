"""Sends recorded events through a producer, oldest first, at a chosen pace, and resumes where it was stopped.

Order of one step: send some events → flush (the broker has them) → save the resume point → only then a watermark.
So at every moment each event before the saved position is in Kafka; a kill repeats at most the events sent since, with
the same timestamps (the shift is saved too), and no watermark has run ahead of what is repeated.

A worker with ``clock = wall`` that keeps up with a paced replay takes old events for late ones, because the wall clock
is its watermark whenever it has caught up: replay to workers with ``clock = events``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from streamer.clock import wall_ms
from streamer.errors import DataSetError, SettingsError
from streamer.events import DAY_MS, Event
from streamer.replay.resume import ResumePoint, fingerprint, load_point, point_file, save_point
from streamer.settings import Settings

_FLUSH_EVENTS: Final = 2_000
_FLUSH_SECONDS: Final = 1.0
_WATERMARKS: Final = 500
_LEAST_WATERMARK_GAP_MS: Final = 30 * 60_000


class Outlet(Protocol):
    """Where events go: :class:`streamer.producing.SignalProducer`, or a list in a test."""

    def send(self, event: Event, /) -> object:
        """Takes an event; it may still be on its way when this returns."""

    def watermark(self, ts: int, /) -> object:
        """Tells every partition of every source topic that nothing older than ``ts`` will follow."""

    def flush(self) -> object:
        """Returns when the broker has everything sent so far; raises when it does not take it."""


class Clock(Protocol):
    """The time, and how to let it pass."""

    def now_ms(self) -> int:
        """Wall clock, ms since 1970."""

    def sleep(self, seconds: float, /) -> None:
        """Waits."""


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """Wall clock, ms since 1970."""
        return wall_ms()

    def sleep(self, seconds: float, /) -> None:
        """Waits."""
        time.sleep(seconds)


class Progress(msgspec.Struct, frozen=True):
    """How far a replay is.

    Attributes:
        delivered: events the broker has, of those of earlier runs too.
        total: events of the data set.
        resumed_at: how many an earlier run had delivered; 0: this one began anew.
        event_ms: timestamp (shifted) of the newest delivered, ms since 1970.
        shift_ms: what was added to every recorded timestamp.
    """

    delivered: int
    total: int
    resumed_at: int
    event_ms: int
    shift_ms: int


class Replay:
    """One replay of one recording.

    Args:
        name: the data set's name.
        recording: its (topic, event) pairs, oldest first; all of them, also when resuming.
        outlet: where to send them.
        settings: for ``data_dir`` (the resume point), ``session_gap`` and ``grace``, and to tell destinations apart.
        source: where the recording came from; replays of different sources resume separately.
        speed: event seconds per second, > 0; None: as fast as the broker takes them.
        as_is: keep the recorded timestamps, rather than shift them to end now.
        restart: forget where an earlier run stopped.
        clock: for tests.

    Raises:
        SettingsError: ``speed`` makes no sense, or ``data_dir`` cannot be read.
        DataSetError: the recording is empty or not in event-time order, or an earlier run that is to be resumed was of
            other events or was shifted otherwise.
        StateCorrupt: the saved resume point does not decode.
    """

    def __init__(
        self,
        name: str,
        recording: Sequence[tuple[str, Event]],
        outlet: Outlet,
        settings: Settings,
        *,
        source: Path,
        speed: float | None = None,
        as_is: bool = False,
        restart: bool = False,
        clock: Clock | None = None,
    ) -> None:
        if speed is not None and not 0 < speed < float("inf"):
            raise SettingsError(
                [f"speed: must be > 0 event seconds per second, got {speed}; leave it out for no limit"]
            )
        if not recording:
            raise DataSetError(f"{source} holds no events")
        if any(recording[n][1].ts < recording[n - 1][1].ts for n in range(1, len(recording))):
            raise DataSetError(f"{source}: the events are not in event-time order: sort them by ts")
        self._recording = recording
        self._outlet = outlet
        self._speed = speed
        self._clock = SystemClock() if clock is None else clock
        self._settle_ms = (settings.session_gap + settings.grace + 1) * 1000
        self._file = point_file(settings, name, source)
        first, last = recording[0][1].ts, recording[-1][1].ts
        self._watermark_gap_ms = max(_LEAST_WATERMARK_GAP_MS, (last - first) // _WATERMARKS)
        earlier = None if restart else load_point(self._file)
        print_of = fingerprint(recording)
        if earlier is not None:
            _check_same(earlier, print_of, as_is, self._file)
            self._point = earlier
        else:
            shift = 0 if as_is else shift_to_now(last, self._clock.now_ms(), self._settle_ms)
            self._point = ResumePoint(name, print_of, as_is, shift, len(recording), 0, finished=False)
        self._resumed_at = self._point.position

    @property
    def progress(self) -> Progress:
        """How far this replay is."""
        point = self._point
        newest = self._recording[max(point.position - 1, 0)][1].ts + point.shift_ms
        return Progress(point.position, point.total, self._resumed_at, newest, point.shift_ms)

    def run(self, report: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Sends all events that are left, then a watermark that lets every session seal.

        A replay that an earlier run finished sends nothing. The last watermark never lies in the future: with
        ``clock=events`` and timestamps within ``session_gap + grace`` of now, the newest sessions stay open.

        Args:
            report: called after each flush.

        Raises:
            DeliveryError: (or whatever the outlet raises) the broker did not take an event; run again to resume.
        """
        point = self._point
        if point.finished:
            report(self.progress)
            return self.progress
        recording, outlet, shift = self._recording, self._outlet, point.shift_ms
        began_ms = self._clock.now_ms()
        first_ts = watermark = recording[min(point.position, point.total - 1)][1].ts
        flushed_ms = began_ms
        for position in range(point.position, point.total):
            event = recording[position][1]
            wait = self._wait(event.ts - first_ts, began_ms)
            pending = position - self._point.position
            overdue = self._clock.now_ms() - flushed_ms >= _FLUSH_SECONDS * 1000
            due = event.ts - watermark >= self._watermark_gap_ms
            if pending and (pending >= _FLUSH_EVENTS or overdue or due or wait > _FLUSH_SECONDS):
                self._commit(position)
                report(self.progress)
                flushed_ms = self._clock.now_ms()
            if wait > 0:
                self._clock.sleep(wait)
            if due:
                outlet.watermark(event.ts + shift)
                watermark = event.ts
            outlet.send(replace(event, ts=event.ts + shift))
        self._commit(point.total)
        outlet.watermark(max(0, min(recording[-1][1].ts + shift + self._settle_ms, self._clock.now_ms())))
        outlet.flush()
        self._point = replace(self._point, finished=True)
        save_point(self._file, self._point)
        report(self.progress)
        return self.progress

    def _wait(self, event_ms: int, began_ms: int) -> float:
        if self._speed is None:
            return 0.0
        return event_ms / 1000 / self._speed - (self._clock.now_ms() - began_ms) / 1000

    def _commit(self, position: int) -> None:
        self._outlet.flush()
        self._point = replace(self._point, position=position)
        save_point(self._file, self._point)


def shift_to_now(newest_ms: int, now_ms: int, settle_ms: int) -> int:
    """What to add to old timestamps so that the newest lies in the last day, ms.

    Whole days, so that days, hours and dayparts stay what they were, and as late as lets the newest session seal
    (``settle_ms`` after its last event) by now: a recording that ended at 21:00 ends at 21:00 today or yesterday.

    >>> shift_to_now(newest_ms=DAY_MS // 2, now_ms=10 * DAY_MS, settle_ms=60_000) // DAY_MS
    9
    """
    return (now_ms - settle_ms - newest_ms) // DAY_MS * DAY_MS


def _check_same(earlier: ResumePoint, print_of: str, as_is: bool, file: Path) -> None:
    if earlier.fingerprint != print_of:
        raise DataSetError(
            f"{file} is the resume point of a replay of other events than these:"
            " restore the data set as it was, or replay from the start with --restart"
        )
    if earlier.as_is != as_is:
        raise DataSetError(
            f"{file}: the earlier run was started {'with' if earlier.as_is else 'without'} --as-is:"
            " resume it the same way, or replay from the start with --restart"
        )

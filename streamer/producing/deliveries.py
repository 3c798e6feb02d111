"""What became of the events handed to the broker: how many are under way, how many were lost, and why first."""

from __future__ import annotations

import threading

from streamer.errors import DeliveryError


class Deliveries:
    """Counts events under way, makes callers wait when there are too many, and keeps failures until told.

    Safe for use by many threads.

    Args:
        limit: events under way at most; the memory they take is bounded by it.
    """

    def __init__(self, limit: int) -> None:
        self._room = threading.Semaphore(limit)
        self._limit = limit
        self._lock = threading.Lock()
        self._under_way = 0
        self._failed = 0
        self._cause: BaseException | None = None

    def begin(self, timeout: float) -> None:
        """One more event is under way; waits while there are too many.

        Args:
            timeout: s to wait at most.

        Raises:
            DeliveryError: there was no room in time.
        """
        if not self.has_room(timeout):
            raise DeliveryError(
                f"the broker has not taken any of {self._limit} events for {timeout:g} s: this event was not sent; "
                "check the broker, then send it again"
            )

    def has_room(self, timeout: float) -> bool:
        """One more event is under way, if there was room for it in time; else it is not.

        Args:
            timeout: s to wait at most.
        """
        if not self._room.acquire(timeout=timeout):
            return False
        with self._lock:
            self._under_way += 1
        return True

    def arrived(self, metadata: object) -> None:
        """The broker has the event."""
        with self._lock:
            self._under_way -= 1
        self._room.release()

    def failed(self, cause: BaseException) -> None:
        """The broker does not have the event, and will not."""
        with self._lock:
            self._under_way -= 1
            self._failed += 1
            if self._cause is None:
                self._cause = cause
        self._room.release()

    def surface(self) -> None:
        """Reports failures since the last report.

        Raises:
            DeliveryError: naming their number and the first cause.
        """
        if not self._failed:
            return
        with self._lock:
            count, cause = self._failed, self._cause
            self._failed, self._cause = 0, None
        raise DeliveryError(
            f"{_events(count)} not taken by the broker, first because of: {cause}; check the broker, then send again"
        ) from cause

    def overdue(self, seconds: float) -> DeliveryError:
        """The error for events that are still under way after so long."""
        return DeliveryError(
            f"{_events(self._under_way)} not taken by the broker within {seconds:g} s, and still under way: "
            "check the broker, then flush again"
        )


def _events(count: int) -> str:
    return "1 event was" if count == 1 else f"{count} events were"

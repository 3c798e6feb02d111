"""A small cache near the reader: bounded, and never older than it says."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final, Generic, TypeVar

V = TypeVar("V")


class NearCache(Generic[V]):
    """Values by key; the least recently used go first. Safe to share between threads.

    Args:
        seconds: how long a value is good; 0: nothing is kept.
        size: how many values are kept.
        clock: s that only go forward.
    """

    def __init__(self, seconds: float, size: int, clock: Callable[[], float]) -> None:
        self._seconds: Final = seconds
        self._size: Final = size
        self._clock: Final = clock
        self._values: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._lock = Lock()

    def get_many(self, keys: list[str]) -> dict[str, V]:
        """The values of those keys that are in the cache and still good."""
        if not self._values:
            return {}
        found = {}
        now = self._clock()
        with self._lock:
            for key in keys:
                held = self._values.get(key)
                if held is None:
                    continue
                good_until, value = held
                if now >= good_until:
                    del self._values[key]
                else:
                    self._values.move_to_end(key)
                    found[key] = value
        return found

    def put_many(self, values: dict[str, V]) -> None:
        """Keeps these values, as of now."""
        if self._seconds <= 0:
            return
        good_until = self._clock() + self._seconds
        with self._lock:
            for key, value in values.items():
                self._values[key] = (good_until, value)
                self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)

"""Which users the watermark reaches next: a lazy heap of (deadline, user).

Faust seam: none; no I/O. Replaces a scan over all users at every tick.

What must hold for it to be right: a user's deadline is set again after each change of the user's state, and after
:meth:`Deadlines.due` has named the user.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable


class Deadlines:
    """Deadlines by user, ms of event time. A user has at most one live heap entry; outdated ones are passed over.

    >>> deadlines = Deadlines([("a", 5), ("b", 9)])
    >>> deadlines.set("a", 12)
    >>> deadlines.due(10)
    ['b']
    >>> deadlines.due(12)
    ['a']
    """

    __slots__ = ("_at", "_heap", "_queued")

    def __init__(self, known: Iterable[tuple[str, int]] = ()) -> None:
        self._at = dict(known)
        self._queued = dict(self._at)
        self._heap = [(deadline, user) for user, deadline in self._at.items()]
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self._at)

    def get(self, user: str) -> int | None:
        """The user's deadline; None: time alone changes nothing."""
        return self._at.get(user)

    def set(self, user: str, deadline: int | None) -> None:
        """The user's deadline is now this; None: there is none."""
        if deadline is None:
            self._at.pop(user, None)
            return
        self._at[user] = deadline
        queued = self._queued.get(user)
        if queued is None or deadline < queued:
            self._queued[user] = deadline
            heapq.heappush(self._heap, (deadline, user))

    def due(self, watermark: int) -> list[str]:
        """Users whose deadline is at or before the watermark, each once, earliest first."""
        found = []
        heap = self._heap
        while heap and heap[0][0] <= watermark:
            deadline, user = heapq.heappop(heap)
            if self._queued.get(user) != deadline:
                continue
            del self._queued[user]
            current = self._at.get(user)
            if current is None:
                continue
            if current <= watermark:
                found.append(user)
            else:
                self.set(user, current)
        return found

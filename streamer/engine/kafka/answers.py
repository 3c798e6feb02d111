"""A broker's answer to a fetch counts from when it was asked for.

Faust seam: ``Fetcher._proc_fetch_request`` of aiokafka, which dates an answer when it is read. Between the broker's
saying "nothing more" and our reading it lie the network and a thread that may have to wait for its turn: seconds, on a
busy machine. What reaches the broker meanwhile is not in the answer, and a watermark that took it for fresh would pass
those events before they are processed.

What must hold for it to be right: the broker looks after it was asked, so at that instant it had no more than it says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import Assignment

from streamer.clock import wall_ms


def date_from_asking(fetcher: Fetcher, now_ms: Callable[[], int] = wall_ms) -> None:
    """From now on ``timestamp`` of every partition's state is when the last answer was asked for, ms since 1970."""
    fetch = fetcher._proc_fetch_request

    async def ask(assignment: Assignment, node_id: int, request: Any) -> bool:
        asked_ms = now_ms()
        needs_wakeup: bool = await fetch(assignment, node_id, request)
        for topic, partitions in request.topics:
            for partition, *_ in partitions:
                _date(assignment, (topic, partition), asked_ms)
        return needs_wakeup

    fetcher._proc_fetch_request = ask


def _date(assignment: Assignment, tp: tuple[str, int], asked_ms: int) -> None:
    """An answer that was passed over leaves an older date, which stays."""
    state = assignment.state_value(tp)
    if state is not None and state.timestamp is not None and state.timestamp > asked_ms:
        state.timestamp = asked_ms

"""A broker is asked for records at most so often: what comes meanwhile comes together.

Faust seam: ``Fetcher._proc_fetch_request`` of aiokafka, which asks again as soon as the last answer is read. At
real-time pace an answer then carries an event or two, and asking, reading, delivering and writing cost as much as for
a hundred.

A request is put off only while the last one is younger than the interval, so an event that comes alone waits for
nobody; in a backlog an answer takes longer to process than the interval lasts.

What must hold for it to be right: a request put off that is not wanted any more ends as one under way does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import Assignment


def ask_at_most_every(interval_s: float, fetcher: Fetcher, now: Callable[[], float] = time.monotonic) -> None:
    """From now on there is at least this long, s, between two requests to the same broker."""
    fetch = fetcher._proc_fetch_request
    may_ask_at: dict[int, float] = {}

    async def ask(assignment: Assignment, node_id: int, request: Any) -> bool:
        early_s = may_ask_at.get(node_id, 0.0) - now()
        if early_s > 0:
            try:
                await asyncio.sleep(early_s)
            except asyncio.CancelledError:
                return False
        may_ask_at[node_id] = now() + interval_s
        needs_wakeup: bool = await fetch(assignment, node_id, request)
        return needs_wakeup

    fetcher._proc_fetch_request = ask

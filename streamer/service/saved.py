"""What workers have saved of users, looked for in Kafka: such a look-up reads whole partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Final, TypeVar

from streamer.engine.metrics import Metrics
from streamer.engine.population.snapshots import SnapshotFollower
from streamer.engine.state.lookup import profile_in, saved_state
from streamer.explaining.explanation import ExplainedKind, KeyExplanation, explain_value
from streamer.explaining.held import Plain, held
from streamer.profile import Profile, Rules
from streamer.service.backends import Backends
from streamer.service.problems import Problem

T = TypeVar("T")
LOOKUP_S: Final = 30.0
"""Until looking for a user's state in Kafka is given up."""
_AT_A_TIME: Final = 2


class Saved:
    """Reads what workers have saved of users; so many at a time, and no more.

    Args:
        backends: whose deployment it is.
    """

    def __init__(self, backends: Backends) -> None:
        self._settings = backends.settings
        self._now_ms = backends.now_ms
        self._room = asyncio.Semaphore(_AT_A_TIME)

    async def held(self, user_id: str) -> dict[str, Plain] | None:
        """All that is saved of the user, None if there is nothing; raises as :meth:`read`."""
        store = await self._in_time(saved_state(self._settings, user_id))
        return None if store is None else await asyncio.to_thread(held, store, user_id)

    async def explain(self, user_id: str, kinds: Sequence[ExplainedKind], value: str) -> list[KeyExplanation]:
        """What is known of a value; raises as :meth:`read`."""
        found = await self.read(user_id, lambda profile: explain_value(profile, kinds, value))
        return [] if found is None else found

    async def read(self, user_id: str, read: Callable[[Profile], T]) -> T | None:
        """What a function makes of the user's profile, in a thread; None: nothing is saved of the user.

        Raises:
            Problem: it was not found in time.
            BrokerUnavailable, StateError: it cannot be read.
        """
        return await self._in_time(self._read(user_id, read))

    async def _read(self, user_id: str, read: Callable[[Profile], T]) -> T | None:
        store = await saved_state(self._settings, user_id)
        if store is None:
            return None
        rules = Rules(self._settings)
        if self._settings.population:
            await SnapshotFollower(rules, self._settings, Metrics(), self._now_ms).refresh()
        return await asyncio.to_thread(lambda: read(profile_in(store, user_id, rules)))

    async def _in_time(self, look: Coroutine[object, object, T]) -> T:
        try:
            async with asyncio.timeout(LOOKUP_S), self._room:
                return await look
        except TimeoutError:
            look.close()
            detail = f"the state was not read within {LOOKUP_S:g} s: try again later"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "10"}) from None

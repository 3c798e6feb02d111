"""Reading dead letters for a page: the newest of them, and how many there are of each kind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from streamer.producing.dead_letters import DeadLetter, Wanted, dead_letters
from streamer.service.problems import Problem
from streamer.settings import Settings

SHOWN: Final = 25
PATIENCE_S: Final = 20.0
"""Until reading them is given up."""


class Found(NamedTuple):
    """Dead letters.

    Attributes:
        newest: some, the newest first.
        total: how many there are.
        counts: of them by topic and code.
    """

    newest: list[DeadLetter]
    total: int
    counts: Mapping[tuple[str, str], int]


class Browsing:
    """Reads dead letters, for one page at a time: it reads the whole topic.

    Args:
        settings: of the deployment.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._room = asyncio.Semaphore(1)

    async def find(self, wanted: Wanted) -> Found:
        """Those that are wanted.

        Raises:
            Problem: they were not read in time.
            BrokerUnavailable: the broker does not let them be read.
        """
        try:
            async with asyncio.timeout(2 * PATIENCE_S), self._room:
                return await asyncio.to_thread(lambda: asyncio.run(self._find(wanted)))  # it connects, which waits
        except TimeoutError:
            detail = f"They were not read within {PATIENCE_S:g} s: choose less, or try again later."
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "10"}) from None

    async def _find(self, wanted: Wanted) -> Found:
        newest: list[DeadLetter] = []
        counts: Counter[tuple[str, str]] = Counter()
        async with asyncio.timeout(PATIENCE_S):
            async for letter in dead_letters(self._settings, wanted):
                counts[letter.topic, letter.code] += 1
                newest.append(letter)
                if len(newest) >= 4 * SHOWN:
                    newest = _newest(newest)
        return Found(_newest(newest), counts.total(), counts)


def _newest(letters: list[DeadLetter]) -> list[DeadLetter]:
    return sorted(letters, key=lambda letter: letter.rejected_at, reverse=True)[:SHOWN]

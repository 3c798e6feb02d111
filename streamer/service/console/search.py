"""Finding users by how their ids begin: among those that Redis has a list of."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from streamer.settings import Settings
from streamer.sinks.address import RedisAddress
from streamer.sinks.connection import CLIENT_ERRORS, AsyncClient
from streamer.sinks.keys import Keys

MOST: Final = 20
_PATIENCE_S: Final = 0.5
_AT_ONCE: Final = 1000


class Search:
    """Looks through Redis for a moment: it finds some, not all, where there are many.

    Args:
        settings: where Redis is, and what stands before its keys.
    """

    def __init__(self, settings: Settings) -> None:
        self._address = RedisAddress(settings.redis_url, settings.redis_timeout)
        self._keys = Keys(settings.redis_prefix)
        self._client: AsyncClient | None = None

    async def beginning_with(self, text: str) -> list[str]:
        """Some users' ids that begin like this, sorted; none if Redis is away, or does not let us look."""
        found: set[str] = set()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._look(text, found)
        except (TimeoutError, *CLIENT_ERRORS):
            pass
        return sorted(found)[:MOST]

    async def _look(self, text: str, found: set[str]) -> None:
        if self._client is None:
            self._client = self._address.connect_async()
        documents = self._keys.documents
        pattern = re.sub(r"([\\*?\[\]^-])", r"\\\1", documents + text) + "*"
        async for key in self._client.scan_iter(match=pattern.encode(), count=_AT_ONCE):
            name = key.decode(errors="replace") if isinstance(key, bytes) else str(key)
            if self._keys.is_users(name):
                found.add(name.removeprefix(documents))
            if len(found) >= MOST:
                return

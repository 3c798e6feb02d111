"""How far Redis has the outbox: a marker for each partition, in Redis itself.

A replica that is promoted without the primary's last writes, or a Redis that was emptied, serves old lists, and nothing
in it says so. The marker is lost with what was written before it, so it tells.

==============  ==================================================================================================
``outbox:at``   by topic and partition the offset after the last record that Redis has, with all before it (hash)
==============  ==================================================================================================

What must hold for it to be right: a marker moves on only if nothing between it and what was written is missing, and
after that was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from streamer.sinks.address import RedisAddress
from streamer.sinks.connection import CLIENT_ERRORS, AsyncClient, AsyncClosing, close, leave_replica

KEY: Final = "outbox:at"
_ADVANCE: Final = """
-- KEYS  outbox:at
-- ARGV  for each partition its field, and the offsets before and after what was written
-- Returns the markers as they were; one that is before what was written stays: something is missing in between.
local found = {}
for at = 1, #ARGV, 3 do
  local marker = tonumber(redis.call('HGET', KEYS[1], ARGV[at]) or '0')
  found[#found + 1] = marker
  if marker >= tonumber(ARGV[at + 1]) and marker < tonumber(ARGV[at + 2]) then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 2])
  end
end
return found
"""


class Span(NamedTuple):
    """Records of one partition.

    Attributes:
        begin: offset of the first, or what lies between it and the last one before.
        end: offset after the last.
    """

    begin: int
    end: int


class OutboxMarkers(AsyncClosing):
    """The markers of one outbox.

    Args:
        redis_url: see :class:`streamer.sinks.address.RedisAddress`. A Cluster keeps none: each of its parts may lose
            writes of its own.
        topic: the outbox.
        timeout: s to wait for a connection, and for an answer.
    """

    def __init__(self, redis_url: str, topic: str, *, timeout: float) -> None:
        self._address = RedisAddress(redis_url, timeout)
        self._client: AsyncClient = self._address.connect_async()
        self._topic = topic

    async def advance(self, written: Mapping[int, Span]) -> dict[int, Span]:
        """Redis has these records; returns by partition what it has lost before them.

        Args:
            written: by partition; an empty span asks only.

        Raises:
            RedisUnavailable: it may not have been noted.
        """
        if not written or self._address.is_cluster:
            return {}
        words = [word for partition, span in written.items() for word in (f"{self._topic}/{partition}", *span)]
        try:
            markers: list[int] = await self._client.execute_command("EVAL", _ADVANCE, 1, KEY, *words)
        except CLIENT_ERRORS as error:
            await leave_replica(self._client, error)
            raise self._address.unavailable(error) from error
        pairs = zip(written.items(), markers, strict=True)
        return {partition: Span(marker, span.begin) for (partition, span), marker in pairs if marker < span.begin}

    async def close(self) -> None:
        """Closes its connections."""
        await close(self._client)

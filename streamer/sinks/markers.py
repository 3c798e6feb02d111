"""How far Redis has the outbox: a marker for each partition, in Redis itself.

A replica that is promoted without the primary's last writes, or a Redis that was emptied, serves old lists, and nothing
in it says so. The marker is lost with what was written before it, so it tells.

==============  ==================================================================================================
``outbox:at``   by topic and partition ``term/offset``: the offset after the last record that Redis has, with all
                before it, and the term of what was written last (hash)
==============  ==================================================================================================

A Cluster loses writes by the node, so each primary has a marker, in the least slot that it has: a replica that takes
over has the same slots. A node that slots are moved to has none in its least slot, or an older one, and so is written
everything once more.

What must hold for it to be right: a marker moves on only if nothing between it and what was written is missing, and is
sent after that, on the same connection. Of a batch that fails, the marker may be noted all the same: such records are
not committed, so they come again.

In one log terms only grow with offsets. A later term before the marker is of another log (the topic was made anew, or
cut in an unclean leader election), of which nothing is known to be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias, cast

import redis.asyncio

from streamer.sinks.connection import AsyncClient
from streamer.sinks.keys import Keys
from streamer.sinks.script import Call, Script

_Shards: TypeAlias = Mapping[tuple[int, int], Mapping[str, object]]
"""By first and last slot the nodes that have them."""
ADVANCE: Final = Script(
    """
-- KEYS  outbox:at
-- ARGV  for each partition its field, the offsets before and after what was written, and its greatest term (0: none)
-- Returns the markers as they were; one that is before what was written stays: something is missing in between.
local found = {}
for at = 1, #ARGV, 4 do
  local begins, ends, term = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3]
  local stored = redis.pcall('HGET', KEYS[1], ARGV[at])
  if type(stored) == 'table' then -- a key of another type
    redis.call('DEL', KEYS[1])
  end
  local of, offset = string.match(type(stored) == 'string' and stored or '', '^(%d+)/(%d+)$')
  if not of then -- of before, an offset alone; or nothing, or nobody's
    of, offset = '0', string.match(type(stored) == 'string' and stored or '', '^%d+$') or '0'
  end
  local marker = tonumber(offset)
  if of ~= '0' and tonumber(term) > tonumber(of) and ends <= marker then
    marker = 0
  end
  found[#found + 1] = marker
  if marker >= begins and marker < ends then
    if tonumber(of) > tonumber(term) then
      term = of
    end
    redis.call('HSET', KEYS[1], ARGV[at], term .. '/' .. ARGV[at + 2])
  end
end
return found
"""
)


class Span(NamedTuple):
    """Records of one partition.

    Attributes:
        begin: offset of the first, or what lies between it and the last one before.
        end: offset after the last.
        term: the greatest that one of them, or of those before, was written in; 0: not known.
    """

    begin: int
    end: int
    term: int = 0


class OutboxMarkers:
    """The markers of one outbox: what to ask of Redis, and what the answers mean.

    Args:
        keys: their names.
        topic: the outbox.
    """

    def __init__(self, keys: Keys, topic: str) -> None:
        self._keys = keys
        self._topic = topic
        self._slots: Sequence[int | None] = (None,)

    async def find(self, client: AsyncClient) -> None:
        """Learns of a Cluster's nodes; to be called now and then, as they change.

        Raises:
            RedisError, OSError: it does not tell.
        """
        if isinstance(client, redis.asyncio.RedisCluster):
            told = await client.cluster_slots(target_nodes=redis.asyncio.RedisCluster.RANDOM)
            self._slots = _least_slots(cast(_Shards, told))

    def calls(self, written: Mapping[int, Span]) -> list[Call]:
        """What notes that Redis has these records.

        Args:
            written: by partition; an empty span asks only.
        """
        words = [word for partition, span in written.items() for word in (f"{self._topic}/{partition}", *span)]
        return [ADVANCE.call([self._keys.marker(slot)], words) for slot in self._slots] if words else []

    def missing(self, written: Mapping[int, Span], answers: Iterable[object]) -> dict[int, Span]:
        """By partition what Redis, or a node of it, has lost before what was written.

        Args:
            answers: to the calls, in their order; one that is an error says nothing.
        """
        found: dict[int, Span] = {}
        for markers in answers:
            if isinstance(markers, list):
                for (partition, span), marker in zip(written.items(), markers, strict=True):
                    if marker < min(span.begin, found[partition].begin if partition in found else span.begin):
                        found[partition] = span._replace(begin=marker, end=span.begin)
        return found

    async def forget(self, client: AsyncClient) -> None:
        """Deletes them all, as what they tell of is to be deleted.

        Raises:
            RedisError, OSError: some may be left.
        """
        await self.find(client)
        for slot in self._slots:
            await client.execute_command("UNLINK", self._keys.marker(slot))


def _least_slots(shards: _Shards) -> list[int]:
    """Of each primary the least slot that it has."""
    found: dict[object, int] = {}
    for (first, _), nodes in shards.items():
        primary = nodes["primary"]
        found[primary] = min(first, found.get(primary, first))
    return sorted(found.values())

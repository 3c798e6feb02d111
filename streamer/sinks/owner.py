"""Whose Redis it is: of two deployments that share one under the same keys, each would overwrite the other's lists.

Whoever writes says so first, and again while it goes on; it may say so only while nobody else does.

==============  ==================================================================================================
``outbox:of``   the outbox that is written here, and the Kafka cluster that it is in; expires (string)
==============  ==================================================================================================

A Redis that was emptied or failed over may have lost it; then the first one says it anew, and the other waits.
"""

from __future__ import annotations

import time
from typing import Final

from redis.exceptions import NoPermissionError

from streamer.errors import RedisShared
from streamer.sinks.connection import AsyncClient
from streamer.sinks.keys import Keys
from streamer.sinks.script import Script, run

_SAYS_AGAIN_S: Final = 5.0
HOLDS_MS: Final = 20_000
"""So long it stands, and whoever is to follow waits, when it is not said again."""
_CLAIM: Final = Script(
    """
-- KEYS  outbox:of
-- ARGV  who is to write here, and for how long that stands (ms)
-- Returns who does.
local stored = redis.pcall('GET', KEYS[1])
if type(stored) == 'string' and stored ~= ARGV[1] then
  return stored
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""
)


class Ownership:
    """Says that this deployment writes here.

    Args:
        keys: its keys.
        name: which deployment this is (:func:`streamer.producing.outbox.outbox_of`); empty: it says nothing.
    """

    def __init__(self, keys: Keys, name: str) -> None:
        self._keys = keys
        self._name = name
        self._due_s = 0.0

    async def hold(self, client: AsyncClient) -> None:
        """To be called before whatever is written; asks Redis every five seconds only.

        Raises:
            RedisShared: another one writes here.
            NoPermissionError: this user may not say so; nothing was asked, and for five seconds nothing will be.
            RedisError, RedisClusterException, OSError: there is no answer.
        """
        if not self._name or time.monotonic() < self._due_s:
            return
        (answer,) = await run(client, [_CLAIM.call([self._keys.owner], [self._name, HOLDS_MS])])
        if isinstance(answer, Exception) and not isinstance(answer, NoPermissionError):
            raise answer
        if isinstance(answer, bytes) and answer != self._name.encode():
            raise shared(self._keys, answer)
        self._due_s = time.monotonic() + _SAYS_AGAIN_S
        if isinstance(answer, NoPermissionError):
            raise answer


def shared(keys: Keys, other: bytes) -> RedisShared:
    """What to raise if another deployment writes here."""
    return RedisShared(
        f"another deployment ({other.decode(errors='replace')}) writes to this Redis with redis_prefix {keys.prefix!r}:"
        f" give one of the two a redis_prefix or a database of its own, or stop the other and wait"
        f" {HOLDS_MS // 1000} s"
    )

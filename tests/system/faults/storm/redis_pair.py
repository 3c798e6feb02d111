"""Two Redis behind one address, as a managed service has them: a primary, and a replica that may be promoted."""

from __future__ import annotations

from typing import Final

from redis import Redis

from tests.backends.opened import Opened
from tests.backends.proxy import Proxy
from tests.backends.redis import RedisServer


class RedisPair(Opened):
    """A primary and its replica behind `proxy`.

    Attributes:
        losses: how often something may have been lost.
    """

    def __init__(self) -> None:
        self._primary, self._replica = RedisServer(), RedisServer()
        self.proxy: Final = Proxy(self._primary.port)
        self.losses = 0
        self._restored = 0

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"redis://127.0.0.1:{self.proxy.port}/0"

    @property
    def lost(self) -> bool:
        """Something may have been lost since the last rebuild began."""
        return self.losses > self._restored

    def restored(self, losses: int) -> None:
        """A rebuild has ended well that began after so many losses."""
        self._restored = losses

    def start(self) -> None:
        """Starts both."""
        self._primary.start()
        self._replica.start()
        _follow(self._replica, self._primary)
        self.proxy.start()

    def kill(self) -> None:
        """The primary dies, with all that it had."""
        self.losses += 1
        self._primary.kill()

    def revive(self) -> None:
        """It is back, empty."""
        self._primary.start()

    def flush(self) -> None:
        """It is emptied."""
        self.losses += 1
        self._primary.flush()

    def fail_over(self) -> None:
        """The replica is promoted and the address leads to it; the old primary loses its clients and follows it."""
        self.losses += 1  # what had not reached the replica
        self._primary, self._replica = self._replica, self._primary
        with Redis.from_url(self._primary.url) as client:
            client.replicaof("NO", "ONE")
        self.proxy.lead_to(self._primary.port)
        self.proxy.reset()
        _follow(self._replica, self._primary)

    def close(self) -> None:
        """Ends everything."""
        self.proxy.close()
        self._primary.close()
        self._replica.close()


def _follow(replica: RedisServer, primary: RedisServer) -> None:
    with Redis.from_url(replica.url) as client:
        client.replicaof("127.0.0.1", str(primary.port))

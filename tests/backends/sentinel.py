"""A real primary, its replica, and a Sentinel that watches both and names the new primary when the old one is gone."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

from streamer.embedded.child import Child
from tests.backends.opened import Opened
from tests.backends.ports import free_port, wait_until
from tests.backends.redis import RedisServer, binary

NAME: Final = "main"


class WatchedRedis(Opened):
    """Two servers and a Sentinel. A primary that is silent for 1.5 s is replaced.

    Args:
        options: more settings of the servers' redis.conf.
    """

    def __init__(self, options: dict[str, str] | None = None) -> None:
        self.servers: Final = [RedisServer(options), RedisServer(options)]
        self._port = free_port()
        self._directory = Path(tempfile.mkdtemp(prefix="streamer-sentinel-"))
        self._sentinel: Child | None = None

    @property
    def url(self) -> str:
        """The address by Sentinel."""
        return f"redis+sentinel://127.0.0.1:{self._port}/{NAME}/0"

    def start(self) -> None:
        """Starts all; returns when the Sentinel knows of the replica."""
        primary, replica = self.servers
        for server in self.servers:
            server.start()
        with Redis.from_url(replica.url) as client:
            client.replicaof("127.0.0.1", primary.port)
        config = self._directory / "sentinel.conf"
        config.write_text(
            f"port {self._port}\nbind 127.0.0.1\ndir {self._directory}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {primary.port} 1\n"
            f"sentinel down-after-milliseconds {NAME} 1500\nsentinel failover-timeout {NAME} 4000\n"
        )
        child = Child([binary(), config, "--sentinel"], log=self._directory / "sentinel.log")
        self._sentinel = child
        wait_until(self._knows_a_replica, lambda: child.running, 30, child.tail)

    def fail_over(self) -> None:
        """The primary dies; returns when the other one is primary."""
        old, new = self.servers
        old.kill()
        with Redis.from_url(new.url) as client:
            wait_until(lambda: client.role()[0] == b"master", lambda: new.running, 30, lambda: "")

    def close(self) -> None:
        """Ends all and deletes their data."""
        if self._sentinel is not None:
            self._sentinel.kill()
        for server in self.servers:
            server.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _knows_a_replica(self) -> bool:
        try:
            with Redis(port=self._port) as client:
                return len(client.sentinel_slaves(NAME)) == 1  # type: ignore[no-untyped-call]
        except RedisError:
            return False

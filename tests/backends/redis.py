"""A real Redis: the machine's `redis-server` on a free port, without persistence."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from streamer.embedded.child import Child
from tests.backends.ports import NotHere, free_port, wait_until


class RedisServer:
    """Started by `start()` or as a context manager; the port survives `kill()` and `start()`, the data does not.

    Args:
        options: more settings of redis.conf, as in `{"cluster-enabled": "yes"}`.
    """

    killable = True

    def __init__(self, options: dict[str, str] | None = None) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise NotHere("redis-server is not installed: run  apt-get install redis-server")
        self._binary = binary
        self._options = options or {}
        self.port = free_port()
        self._directory = Path(tempfile.mkdtemp(prefix="streamer-redis-"))
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    def start(self) -> None:
        """Starts it, unless it runs; returns when it answers."""
        if self.running:
            return
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "dir": str(self._directory),
            **self._options,
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        child = Child([self._binary, *options], log=self._directory / "redis.log")
        self._child = child
        wait_until(self._answers, lambda: child.running, 20, child.tail)

    def stop(self) -> None:
        """Ends it in order."""
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
        """Ends it and deletes its files."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except RedisError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

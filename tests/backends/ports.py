"""Free ports, waiting until something answers, and the error for a server that cannot be had here."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable


class NotHere(Exception):
    """A real server cannot be had on this machine; the message says what to install."""


class NotReady(Exception):
    """A server was started and did not become ready."""


def free_port() -> int:
    """A port nobody listens on, below the range that outgoing connections get theirs from.

    So a server killed and started again finds its port still free.
    """
    order = random.SystemRandom()
    for _ in range(200):
        port = order.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NotReady("no free port between 20000 and 32000")


def wait_until(
    answers: Callable[[], bool], alive: Callable[[], bool], timeout: float, complaint: Callable[[], str]
) -> None:
    """Polls until a server answers.

    Args:
        answers: asks the server.
        alive: whether its process still runs.
        timeout: s.
        complaint: what to say, with the server's log, when it does not become ready.

    Raises:
        NotReady: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + timeout
    while not answers():
        if not alive():
            raise NotReady(f"ended while starting: {complaint()}")
        if time.monotonic() > deadline:
            raise NotReady(f"does not answer after {timeout} s: {complaint()}")
        time.sleep(0.05)

"""``python -m streamer.embedded``: broker and Redis in a process of their own.

Prints their addresses as shell assignments, then runs until its input ends (Ctrl-D, or the end of the process
that started it) or it is interrupted.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

from streamer.embedded import EmbeddedBroker, EmbeddedRedis
from streamer.errors import StreamerError


def main() -> int:
    """Runs both until standard input ends; returns the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with EmbeddedBroker() as broker, EmbeddedRedis() as redis:
            print(f"export STREAMER_BROKERS={broker.bootstrap}")
            print(f"export STREAMER_PARTITIONS={broker.partitions}")
            print("export STREAMER_DECLARE_TOPICS=false")
            print(f"export STREAMER_REDIS_URL={redis.url}", flush=True)
            sys.stdin.read()
    except StreamerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())

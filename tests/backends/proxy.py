"""A TCP proxy between a client and a server: the network, as far as a test needs it to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Final

from tests.backends.opened import Opened
from tests.backends.ports import free_port

_CHUNK: Final = 1 << 16


class Proxy(Opened):
    """Passes on what comes to `port`, until told to do worse. Safe to be told from any thread.

    Args:
        target: port on this machine that new connections are led to.
    """

    def __init__(self, target: int) -> None:
        self.port: Final = free_port()
        self._target = target
        self._delay_s = 0.0
        self._refuses = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._listening = threading.Event()

    def start(self) -> None:
        """Listens; returns when it does."""
        self._thread.start()
        self._listening.wait()

    def lead_to(self, target: int) -> None:
        """From now on new connections go to another port; those that are open stay where they are."""
        self._target = target

    def delay(self, seconds: float) -> None:
        """Every piece of data waits so long, either way; 0: none does."""
        self._delay_s = seconds

    def reset(self) -> None:
        """Every connection is reset; new ones are accepted."""
        self._loop.call_soon_threadsafe(self._reset)

    def cut(self) -> None:
        """Every connection is reset, and new ones are, too, until `mend`."""
        self._refuses = True
        self.reset()

    def mend(self) -> None:
        """Connections are accepted again, and nothing is delayed."""
        self._refuses = False
        self._delay_s = 0.0

    def close(self) -> None:
        """Ends it, and every connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        self._listening.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._end(server))
        self._loop.close()

    async def _end(self, server: asyncio.Server) -> None:
        server.close()
        self._reset()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _reset(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, server_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pass_on(reader, server_writer), self._pass_on(server_reader, writer))
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                writer.write(data)
                await writer.drain()
            writer.transport.abort()

"""Bodies of requests, bounded: in bytes, and in the time that they may take to arrive."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamer.service.problems import problem

LARGEST: Final = 4 << 20
"""Bytes."""
PATIENCE_S: Final = 10.0
"""Until a body that does not come is given up."""


class _TooLarge(Exception):
    """More came than may."""


class BoundedBodies:
    """ASGI middleware that reads the whole body first; what is too large or too slow never reaches the application.

    Args:
        app: what comes behind it.
        largest: bytes of a body.
        patience_s: s until all of it is there.
    """

    def __init__(self, app: ASGIApp, largest: int = LARGEST, patience_s: float = PATIENCE_S) -> None:
        self._app = app
        self._largest = largest
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._patience_s):
                first = await self._whole(receive)
            if first["type"] == "http.disconnect":
                return
        except _TooLarge:
            refused = problem(413, f"a body has at most {self._largest} bytes: send less at a time")
            await refused(scope, receive, send)
        except TimeoutError:
            refused = problem(408, f"the body did not arrive within {self._patience_s:g} s")
            await refused(scope, receive, send)
        else:
            await self._app(scope, _Replayed(first, receive), send)

    async def _whole(self, receive: Receive) -> Message:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            if len(body) > self._largest:
                raise _TooLarge
            if not message.get("more_body", False):
                return {"type": "http.request", "body": bytes(body), "more_body": False}


class _Replayed:
    """What was received already, then whatever comes (that the caller has gone, say)."""

    def __init__(self, first: Message, receive: Receive) -> None:
        self._first: Message | None = first
        self._receive = receive

    async def __call__(self) -> Message:
        first, self._first = self._first, None
        return await self._receive() if first is None else first

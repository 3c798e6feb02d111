"""The page of the pipeline: what flows through it, and where it is held up; live by server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from markupsafe import Markup

from streamer.service.backends import Backends
from streamer.service.console import drawing
from streamer.service.console.figures import Figures, figures
from streamer.service.console.gate import needs
from streamer.service.console.measures import EVERY_S, Watch
from streamer.service.console.pages import Pages
from streamer.service.problems import Problem

_MOST: Final = 20
"""Pages that are told at a time."""
_TOLD: Final = 300
"""Times that one page is told until its browser has to come again: ten minutes."""


def router(pages: Pages, backends: Backends) -> APIRouter:
    """The routes."""
    routes = APIRouter(dependencies=[Depends(needs("admin"))])
    watch = Watch(backends)
    open_streams = 0

    async def told() -> tuple[Figures, Markup]:
        found = figures(await watch.readings(), backends.settings.partitions)
        words = f"Events that came, a second, over the last {len(found.course) * EVERY_S:.0f} seconds"
        return found, drawing.line(found.course, words)

    @routes.get("/pipeline")
    async def pipeline(request: Request) -> Response:
        found, course = await told()
        return pages(request, "pipeline", found=found, course=course)

    @routes.get("/pipeline/live")
    async def live() -> Response:
        if open_streams >= _MOST:
            detail = f"{_MOST} pages are open already: close one, or reload this one by hand."
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "60"})
        return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def stream() -> AsyncIterator[str]:
        nonlocal open_streams
        open_streams += 1
        try:
            for _ in range(_TOLD):
                if backends.ending.is_set():
                    return
                found, course = await told()
                text = pages.part("figures", found=found, course=course)
                yield "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"
                await asyncio.sleep(EVERY_S)
        finally:
            open_streams -= 1

    return routes

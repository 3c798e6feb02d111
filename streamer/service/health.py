"""Whether the service lives and can do its work, and its metrics."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamer.service.backends import Backends
from streamer.service.guard import needs
from streamer.service.problems import RETRY_AFTER_S, problem

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ServiceMetrics:
    """Requests by route and status, and how long they took."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        self._requests = Counter(
            "streamer_service_requests_total", "requests answered", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "streamer_service_request_seconds", "until the answer", ("route",), buckets=_BUCKETS, registry=self.registry
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        """One request has its answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class Measured:
    """ASGI middleware that counts and times whatever is answered.

    Args:
        app: what comes behind it.
        metrics: where to.
    """

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", None)  # never the path itself, which has users' ids
            below = scope.get("root_path", "")
            self._metrics.answered("none" if route is None else below + route, status, time.perf_counter() - began)


def router(backends: Backends, metrics: ServiceMetrics) -> APIRouter:
    """Probes, which need no key, and metrics, which need the scope ``admin``."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/livez", operation_id="livez")
    async def livez() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @routes.get("/readyz", operation_id="readyz")
    async def readyz() -> Response:
        """Redis and Kafka answer."""
        found = await backends.problems()
        if found:
            detail = "; ".join(f"{name}: {what}" for name, what in found.items())
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER_S)})
        return Response(b'{"status":"ok"}', media_type="application/json")

    @routes.get(
        "/metrics",
        operation_id="metrics",
        dependencies=[Depends(needs("admin"))],
        response_class=PlainTextResponse,
    )
    async def exposition() -> Response:
        """For Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes

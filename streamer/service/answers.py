"""Answers that are a success."""

from __future__ import annotations

from http import HTTPStatus

import orjson
from fastapi import Response


def json_answer(body: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A body as JSON."""
    return Response(orjson.dumps(body), status, media_type="application/json")

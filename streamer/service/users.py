"""Users' ids in paths: taken as they were sent, so that no id is another's, whatever is in it.

Servers decode a path before it is routed. Then an encoded slash is one more step, a line feed at the end is not seen,
and bytes that are no UTF-8 all become the same sign. So routes match the path as it was sent, and decode the id
themselves.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Path
from starlette.types import ASGIApp, Receive, Scope, Send

from streamer.service.problems import Problem
from streamer.sinks.keys import is_reserved

_BEFORE: Final = b"/v1/users/"
_LONGEST: Final = 256


class PathsAsSent:
    """ASGI middleware: below ``/v1/users/`` the path is what was sent, not yet decoded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            sent: bytes = scope.get("raw_path") or b""
            if sent.startswith(_BEFORE):
                scope["path"] = sent.decode("latin-1")
        await self._app(scope, receive, send)


async def _user(
    user_id: Annotated[
        str,
        Path(
            description="the user's id, percent-encoded (a slash, too)",
            json_schema_extra={"minLength": 1, "maxLength": _LONGEST},
        ),
    ],
) -> str:
    try:
        found = unquote_to_bytes(user_id.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the user's id in the path is no UTF-8") from None
    return checked(found)


def checked(user_id: str) -> str:
    """The id, if a user can have it.

    Raises:
        Problem: nobody can.
    """
    if not 1 <= len(user_id) <= _LONGEST:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"user_id: has 1 to {_LONGEST} characters")
    if is_reserved(user_id):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "user_id: this is the name of a default list, nobody's id")
    return user_id


UserId = Annotated[str, Depends(_user)]
"""What routes with ``{user_id}`` in their path take."""

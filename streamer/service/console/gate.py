"""The way into the console: a session, its rate, the token of its forms; and what browsers are told not to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Depends, Request
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from streamer.service.console.sessions import Session, Sessions
from streamer.service.guard import CONSOLE, Rates
from streamer.service.keys import Scope
from streamer.service.problems import Problem

COOKIE: Final = "streamer_console"
LOGIN: Final = f"{CONSOLE}/login"
_SESSION: Final = "streamer_session"
_MOST_FIELDS: Final = 50
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Gate:
    """ASGI middleware of the console.

    Args:
        app: what comes behind it.
        sessions: of those who are logged in.
        rates: of their requests.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, rates: Rates) -> None:
        self._app = app
        self._sessions = sessions
        self._rates = rates

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        path: str = scope["path"]

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if not path.startswith(f"{CONSOLE}/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if path.startswith(f"{CONSOLE}/static/"):
            await self._app(scope, receive, told)
            return
        session = self._sessions.find(HTTPConnection(scope).cookies.get(COOKIE, ""))
        scope[_SESSION] = session
        if session is None and path != LOGIN:
            await _to_login(scope)(scope, receive, told)
        elif session is not None and (excess := self._rates.excess(session.caller.name)) is not None:
            refused = Response(excess, HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": "1"}, "text/plain")
            await refused(scope, receive, told)
        else:
            await self._app(scope, receive, told)


def _to_login(scope: Connection) -> Response:
    asked = scope["path"] + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
    back = "" if scope["method"] != "GET" else "?next=" + quote(asked, safe="")
    return RedirectResponse(LOGIN + back, HTTPStatus.SEE_OTHER)


def session_in(request: Request) -> Session | None:
    """Who is logged in; None: nobody."""
    found: Session | None = request.scope.get(_SESSION)
    return found


async def _session(request: Request) -> Session:
    session = session_in(request)
    assert session is not None  # the gate lets nobody else in
    return session


LoggedIn = Annotated[Session, Depends(_session)]
"""What routes take whose page depends on who asks."""


def needs(*scopes: Scope) -> Callable[..., Awaitable[None]]:
    """A dependency of routes: the key of whoever is logged in has these scopes."""

    async def has(session: LoggedIn) -> None:
        for scope in scopes:
            if not session.may(scope):
                raise Problem(HTTPStatus.FORBIDDEN, f"Your key is not good for this: it lacks the scope “{scope}”.")

    return has


Form = Mapping[str, str]


async def read_form(request: Request) -> Form:
    """The fields of a form that one of our own pages has sent.

    Raises:
        Problem: it is none, or it comes from elsewhere.
    """
    if not _is_ours(request):
        raise Problem(HTTPStatus.FORBIDDEN, "This came from another site, so nothing was done.")
    try:
        text = (await request.body()).decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "This is no form of the console, so nothing was done.") from None


async def _genuine(request: Request, session: LoggedIn) -> Form:
    form = await read_form(request)
    if not session.is_genuine(form.get("csrf", "")):
        raise Problem(HTTPStatus.FORBIDDEN, "The page was too old, so nothing was done. Go back, reload it, try again.")
    return form


Posted = Annotated[Form, Depends(_genuine)]
"""What every route takes that does something: fields of a form made for this session."""


def _is_ours(request: Request) -> bool:
    """Browsers say where a form comes from; what says nothing is no browser, and has no cookie but its own."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin in (None, "null") or urlsplit(origin).netloc == request.headers.get("host")

"""Logging in with an API key, and out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from streamer.service.console.gate import COOKIE, LOGIN, Posted, read_form, session_in
from streamer.service.console.pages import PLACES, Pages
from streamer.service.console.sessions import LASTS_S, Session, Sessions
from streamer.service.guard import CONSOLE
from streamer.service.keys import ApiKeys

_LONGEST: Final = 4096


def router(pages: Pages, keys: ApiKeys, sessions: Sessions) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/")
    async def home(request: Request) -> Response:
        return RedirectResponse(_first_place(session_in(request)), HTTPStatus.SEE_OTHER)

    @routes.get("/login")
    async def ask(request: Request, next: Annotated[str, Query(max_length=_LONGEST)] = "") -> Response:  # noqa: A002
        return pages(request, "login", next=_inside(next), wrong=False)

    @routes.post("/login")
    async def login(request: Request) -> Response:
        form = await read_form(request)
        caller, back = keys.caller(form.get("key", "").strip()), _inside(form.get("next", ""))
        if caller is None:
            return pages(request, "login", HTTPStatus.UNAUTHORIZED, next=back, wrong=True)
        answer = RedirectResponse(back or f"{CONSOLE}/", HTTPStatus.SEE_OTHER)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, sessions.begin(caller), LASTS_S, path=CONSOLE, secure=secure, httponly=True, samesite="strict"
        )
        return answer

    @routes.post("/logout")
    async def logout(request: Request, _: Posted) -> Response:
        sessions.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
        answer.delete_cookie(COOKIE, path=CONSOLE, httponly=True, samesite="strict")
        return answer

    return routes


def _first_place(session: Session | None) -> str:
    found = (place.path for place in PLACES if session is not None and session.may(place.scope))
    return CONSOLE + next(found, "/nothing")


def _inside(path: str) -> str:
    """A path to go on to, if it is one of the console's; else none.

    >>> _inside("/console/user?id=ann"), _inside("//evil.example/console/")
    ('/console/user?id=ann', '')
    """
    inside = path.startswith(f"{CONSOLE}/") and path.isprintable() and "\\" not in path and ".." not in path
    return path if inside else ""

"""What people can do about a user's list: say no, take a no back; and see what it changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, get_args
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse

from streamer.events import Action, Dislike
from streamer.explaining.difference import difference, may_show
from streamer.scoring.document import Document
from streamer.service.backends import Backends
from streamer.service.console import words
from streamer.service.console.gate import LoggedIn, Posted, needs
from streamer.service.console.sessions import Notice
from streamer.service.guard import CONSOLE
from streamer.service.problems import Problem
from streamer.service.users import checked

_SHOWS_S: Final = 5.0
"""How long it is waited for the list to change: usually it does within a second."""
_POLL_S: Final = 0.1
_FIELDS: Final[Mapping[str, str]] = {"tag": "tag", "creator": "creator_id", "content": "content_id"}


def router(backends: Backends) -> APIRouter:
    """The route."""
    routes = APIRouter(dependencies=[Depends(needs("read", "write"))])

    @routes.post("/say")
    async def say(form: Posted, session: LoggedIn) -> Response:
        user_id = checked(form.get("id", ""))
        event = _event(user_id, form, backends.now_ms())
        before = await _own(backends, user_id)
        for error in await backends.deliver([event]):
            if error is not None:
                raise error
        now = await _changed(backends, user_id, before, event.ts)
        lines = words.changes(difference(before, now), backends.now_ms())
        session.notice = Notice(_said(event, bool(lines)), lines)
        return RedirectResponse(f"{CONSOLE}/user?{urlencode({'id': user_id})}", HTTPStatus.SEE_OTHER)

    return routes


def _event(user_id: str, form: Mapping[str, str], ts: int) -> Dislike:
    scope, action = form.get("kind", ""), form.get("action", "")
    if scope not in _FIELDS or action not in get_args(Action):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "Choose what to say, and whether of a tag, a creator or an item."
        )
    fields = {"user_id": user_id, "ts": ts, "action": action, "scope": scope, _FIELDS[scope]: form.get("value", "")}
    try:
        return msgspec.convert(fields, Dislike)
    except msgspec.ValidationError:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Name a tag, creator or item, in 1 to 256 characters.") from None


async def _changed(backends: Backends, user_id: str, before: Document | None, ts: int) -> Document | None:
    """The list once it shows the event, or after a while."""
    deadline = time.monotonic() + _SHOWS_S
    while True:
        now = await _own(backends, user_id)
        if may_show(before, now, ts) or time.monotonic() >= deadline:
            return now
        await asyncio.sleep(_POLL_S)


async def _own(backends: Backends, user_id: str) -> Document | None:
    found = await backends.reader.get(user_id)
    return found.document if found.source == "user" else None


def _said(event: Dislike, changed: bool) -> str:
    what = "The “no” is taken back" if event.action == "undo" else "The “no” is noted"
    if changed:
        return f"{what}. This is different now:"
    return (
        f"{what}, but the list has not changed yet: reload the page in a moment. If there was none, it stays as it is."
    )

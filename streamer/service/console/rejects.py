"""The page of rejects: what could not be processed, why, and sending it again once it is mended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final, NamedTuple, get_args

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from streamer.errors import RejectCode
from streamer.events import EVENT_TYPES
from streamer.producing import dead_letters
from streamer.producing.dead_letters import DeadLetter, Wanted
from streamer.service.backends import Backends
from streamer.service.console.browsing import Browsing
from streamer.service.console.gate import Form, LoggedIn, Posted, needs
from streamer.service.console.pages import Pages
from streamer.service.console.sessions import Notice
from streamer.service.guard import CONSOLE
from streamer.service.problems import Problem
from streamer.settings import Settings

_HOUR_MS: Final = 3_600_000
_RESEND_S: Final = 15.0
_WHY: Final[dict[str, str]] = {
    "malformed_json": "It is no JSON.",
    "not_an_object": "It is JSON, but no object with fields.",
    "missing_field": "A field is missing.",
    "wrong_type": "A field is of another type than it should be.",
    "out_of_range": "A number or text is too small, too large or too long.",
    "unknown_value": "A field has a value that is not known.",
    "missing_key": "It had no record key. Sent from here, it gets its user's.",
    "key_mismatch": "Its record key was another user's. Sent from here, it gets its own user's.",
    "wrong_partition": "It was sent to another user's partition. Sent from here, it goes to its own user's.",
    "too_large": "It is larger than 64 KiB.",
    "from_the_future": "Its time was ahead of the clock. By now it may be right.",
    "poison": "It is as it should be, but could not be processed: an error of ours.",
}
_FILTER: Final = f"^(|{'|'.join(get_args(RejectCode))})$"


class Shown(NamedTuple):
    """A dead letter as it is shown.

    Attributes:
        letter: itself.
        why: it was rejected, in words.
        text: what it holds, for reading and mending; None: it is no text, so it can never be sent.
    """

    letter: DeadLetter
    why: str
    text: str | None


def router(pages: Pages, backends: Backends) -> APIRouter:
    """The routes."""
    routes = APIRouter(dependencies=[Depends(needs("admin"))])
    settings = backends.settings
    browsing = Browsing(settings)

    @routes.get("/rejects")
    async def rejects(
        request: Request,
        code: Annotated[str, Query(pattern=_FILTER)] = "",
        topic: Annotated[str, Query(max_length=300)] = "",
        user: Annotated[str, Query(max_length=256)] = "",
        hours: Annotated[str, Query(pattern=r"^[0-9]{0,6}$")] = "",
    ) -> Response:
        since_ms = backends.now_ms() - int(hours) * _HOUR_MS if hours else 0
        found = await browsing.find(Wanted(code or None, topic or None, user or None, since_ms))
        return pages(
            request, "rejects", total=found.total, shown=[_shown(letter) for letter in found.newest], code=code,
            counts=sorted(found.counts.items()), topic=topic, user=user, hours=hours, codes=get_args(RejectCode),
            topics=[*settings.topics.sources, settings.topics.erasures],
        )  # fmt: skip

    @routes.post("/rejects/resend", dependencies=[Depends(needs("write"))])
    async def resend(request: Request, form: Posted, session: LoggedIn) -> Response:
        letter = _letter(settings, form, session.may)
        wrong = dead_letters.fault(settings, letter)
        if wrong is not None:
            again = Shown(letter, wrong, form.get("value", ""))
            return pages(request, "mend", HTTPStatus.UNPROCESSABLE_ENTITY, it=again)
        done = await asyncio.to_thread(dead_letters.resend, settings, [letter], _RESEND_S)
        if done.failed:
            session.notice = Notice("Kafka did not take it. Try again: sending it twice does no harm.", good=False)
        else:
            session.notice = Notice(f"Sent again, to {letter.topic}. The record stays among the rejects, as a note.")
        return RedirectResponse(f"{CONSOLE}/rejects", HTTPStatus.SEE_OTHER)

    return routes


def _letter(settings: Settings, form: Form, may: Callable[[str], bool]) -> DeadLetter:
    topic, erasures = form.get("topic", ""), settings.topics.erasures
    if topic not in (*settings.topics.sources, erasures):
        names = ", ".join((*EVENT_TYPES, "erasures"))
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"Only what was on one of our topics can be sent: {names}.")
    if topic == erasures and not may("erase"):
        raise Problem(HTTPStatus.FORBIDDEN, "This would forget a user: your key lacks the scope “erase”.")
    return DeadLetter(topic, -1, -1, "", "", 0, None, form.get("value", "").encode(errors="replace"))


def _shown(letter: DeadLetter) -> Shown:
    why = _WHY.get(letter.code, "It does not say why.")
    if letter.is_cut:
        return Shown(letter, f"{why} Only its beginning is here, so it cannot be sent.", None)
    try:
        text = (letter.value or b"").decode()
    except UnicodeDecodeError:
        return Shown(letter, why, None)
    return Shown(letter, why, _laid_out(text))


def _laid_out(text: str) -> str:
    """JSON with a line for each field, anything else as it is."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(found, ensure_ascii=False, indent=1) if isinstance(found, dict) else text

"""Pages out of templates; whatever comes from outside is escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import streamer
from streamer.service.console.gate import session_in
from streamer.service.keys import Scope

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"


class Place(NamedTuple):
    """A page that the navigation names.

    Attributes:
        path: below ``/console``.
        name: for people.
        scope: what a key must be good for.
    """

    path: str
    name: str
    scope: Scope


PLACES: Final = (
    Place("/user", "User", "read"),
    Place("/population", "Population", "read"),
    Place("/pipeline", "Pipeline", "admin"),
    Place("/rejects", "Rejects", "admin"),
)


class Pages:
    """Makes pages."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["moment"] = _moment
        self._templates.globals["version"] = streamer.__version__

    def __call__(self, request: Request, template: str, status: int = HTTPStatus.OK, **values: object) -> HTMLResponse:
        """A page.

        Args:
            request: whose session decides what the page offers.
            template: its file, without ``.html``.
            status: of HTTP.
            values: for the template.
        """
        session = session_in(request)
        places = [place for place in PLACES if session is not None and session.may(place.scope)]
        notice = None if session is None else session.take_notice()
        return HTMLResponse(
            self.part(template, session=session, places=places, here=request.url.path, notice=notice, **values), status
        )

    def part(self, template: str, **values: object) -> str:
        """A piece of a page."""
        return self._templates.get_template(f"{template}.html").render(values)


def _moment(ms: int) -> str:
    """A time as people write it, UTC.

    >>> _moment(1_760_000_000_000)
    '9 October 2025, 08:53 UTC'
    """
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"

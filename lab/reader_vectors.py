"""Documents, candidates and moments with the penalties that every reader must give, whatever language it is in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import orjson
import typer

from streamer.events import DAY_MS, normal_tag
from streamer.scoring.document import SCHEMA, Avoid, Document, Entry, Evidence, Kind, Tier, encode
from streamer.serving import AvoidList, Candidate
from streamer.serving.discovery import is_discovery

_DAY: Final = 20_370
"""2025-10-09."""
_TODAY: Final = _DAY * DAY_MS
_HOUR_MS: Final = 3_600_000
_EXPLORE: Final = 0.05

_MOMENTS: Final = (_TODAY - 5, _TODAY + _HOUR_MS, _TODAY + 50 * DAY_MS, _TODAY + 99 * DAY_MS, _TODAY + 100 * DAY_MS)
_CANDIDATES: Final = (
    Candidate("c-listed"),
    Candidate("c-other", "loud"),
    Candidate("c-other", "blocked", ("jazz",)),
    Candidate("c-other", None, (" True-Crime", "jazz")),
    Candidate("c-other", None, ("news", "true-crime"), 2400.0),
    Candidate("c-other", None, ("news",), 1200.0, {"daypart": "morning"}),
    Candidate("c-listed", "loud", ("true-crime", "news"), 9000.0),
    Candidate("c-free", "nobody", ("jazz",), 60.0),
)
_CONTEXTS: Final[tuple[dict[str, str], ...]] = ({}, {"daypart": "morning", "device": "tv"}, {"daypart": "night"})
_TAGS: Final = ("  True-Crime ", "NEWS", "Straße", "İstanbul", "cafe\u0301", "日本", "ﬀ")
_DISCOVERIES: Final = 40


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("reader-vectors")(reader_vectors)


def reader_vectors() -> None:
    """Print what every reader must give, in whatever language: docs/reader-vectors.json."""
    typer.echo(as_json(), nl=False)


def as_json() -> bytes:
    """The whole of docs/reader-vectors.json."""
    found = {
        "explore": _EXPLORE,
        "document": msgspec.json.decode(encode(_document())),
        "cases": list(_cases()),
        "tags": [{"as_sent": tag, "normal": normal_tag(tag)} for tag in _TAGS],
        "discoveries": [
            {"user_id": "u1", "content_id": f"content-{n}", "day": "2025-10-09", "one_in": 20, "is": is_}
            for n in range(_DISCOVERIES)
            for is_ in [is_discovery("u1", f"content-{n}", "2025-10-09", 20)]
        ],
    }
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _cases() -> Iterator[dict[str, Any]]:
    found = AvoidList(_document(), explore=_EXPLORE)
    for now_ms in _MOMENTS:
        for context in _CONTEXTS:
            for candidate in _CANDIDATES:
                yield {
                    "now_ms": now_ms,
                    "context": context,
                    "candidate": msgspec.to_builtins(candidate),
                    "penalty": found.penalty(candidate, now_ms, context=context, explore=False),
                    "penalty_with_discovery": found.penalty(candidate, now_ms, context=context),
                }


def _document() -> Document:
    entries = (
        _entry("creator", "blocked", "hard", 0.0, expires_at=None),
        _entry("creator", "loud", "soft", 0.6),
        _entry("tag", "true-crime", "strong", 0.2857),
        _entry("tag", "news", "soft", 0.7),
        _entry("tag", "news", "strong", 0.4, {"daypart": "morning"}),
        _entry("tag", "news", "strong", 0.3, {"device": "tv"}),
        _entry("duration", 1800, "soft", 0.5),
        _entry("content", "c-listed", "strong", 0.1088),
    )
    avoid = Avoid(creators=("blocked",), tags=("true-crime",), duration_max_seconds=1800, content_ids=("c-listed",))
    return Document(schema=SCHEMA, user_id="u1", as_of=_TODAY, cohort=None, avoid=avoid, entries=entries, completion={})


def _entry(
    kind: Kind,
    value: str | int,
    tier: Tier,
    multiplier: float,
    context: dict[str, str] | None = None,
    expires_at: int | None = _TODAY + 100 * DAY_MS,
) -> Entry:
    hard = tier == "hard"
    return Entry(
        kind=kind,
        value=value,
        context=context,
        tier=tier,
        multiplier=multiplier,
        log_odds=None,
        reasons=("explicit",) if hard else ("ignored",),
        evidence=Evidence() if hard else Evidence(shown=40, ignored=40, sessions=9, last_day="2025-10-09"),
        since=_TODAY - 30 * DAY_MS,
        expires_at=expires_at,
    )

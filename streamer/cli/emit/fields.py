"""An event from what a shell can say: ``NAME=VALUE`` for each field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from streamer.errors import InvalidEvent
from streamer.events import EVENT_TYPES, Event

Kind = Literal["impression", "play", "dislike", "feedback"]
TOPIC_OF: Final[dict[Kind, str]] = {
    "impression": "impressions",
    "play": "plays",
    "dislike": "dislikes",
    "feedback": "feedback",
}
"""The topic of each kind of event, without a prefix."""


def event_of(kind: Kind, user: str, given: Iterable[str], now_ms: int) -> Event:
    """The event that the fields make.

    >>> event_of("dislike", "ann", ["action=block", "scope=tag", "tag=gore"], now_ms=1_760_000_000_000).target
    'gore'
    >>> event_of("impression", "ann", ["content_id=7", "tags=cats, dogs"], now_ms=1_760_000_000_000).tags
    ('cats', 'dogs')

    Args:
        kind: of event.
        user: its ``user_id``.
        given: ``NAME=VALUE`` each; tags are separated by commas.
        now_ms: its ``ts`` (ms since 1970), if none is given.

    Raises:
        InvalidEvent: a field is not ``NAME=VALUE``, is none of this kind's, or its value is not what it may be.
    """
    of = EVENT_TYPES[TOPIC_OF[kind]]
    values: dict[str, object] = {"ts": now_ms}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise InvalidEvent("malformed_json", f"{each!r}: write a field as NAME=VALUE, as in content_id=c1")
        if name not in of.__struct_fields__ or name == "user_id":
            known = ", ".join(sorted(set(of.__struct_fields__) - {"user_id"}))
            raise InvalidEvent("unknown_value", f"no such field of {kind}: {name}; there are {known}")
        values[name] = [tag.strip() for tag in value.split(",")] if name == "tags" else value
    try:
        found: Event = msgspec.convert({**values, "user_id": user}, type=of, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidEvent("wrong_type", str(error)) from None
    return found

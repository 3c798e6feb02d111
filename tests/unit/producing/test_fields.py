"""Fields as keyword arguments are those of the events, no more and no less."""

from __future__ import annotations

from typing import Required, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import NODEFAULT

from streamer.events import EVENT_TYPES
from streamer.events.fields import DislikeFields, FeedbackFields, ImpressionFields, PlayFields


@pytest.mark.parametrize(
    ("topic", "fields"),
    [
        ("impressions", ImpressionFields),
        ("plays", PlayFields),
        ("dislikes", DislikeFields),
        ("feedback", FeedbackFields),
    ],
)
def test_fields_are_the_events_and_only_ts_may_be_left_out_beside_what_has_a_default(topic: str, fields: type) -> None:
    of_event = msgspec.structs.fields(EVENT_TYPES[topic])
    assert fields.__annotations__.keys() == {field.name for field in of_event}
    required = {f.name for f in of_event if f.default is NODEFAULT and f.default_factory is NODEFAULT}
    hints = get_type_hints(fields, include_extras=True)
    assert {name for name, hint in hints.items() if get_origin(hint) is Required} == required - {"ts"}

"""Events on the wire: their contracts, their decoding, and why one is rejected (spec §1).

- ``contracts.py``: what each kind of event is.
- ``decoding.py``: from bytes to an event, or to a reject code; ``lenient.py``: what is taken though it is not strict.
- ``tags.py``: the normal form of tags.
"""

from streamer.events.contracts import (
    CLAIM,
    DAY_MS,
    EVENT_TYPES,
    REJECT_CODES,
    Action,
    Dislike,
    Erasure,
    Event,
    Feedback,
    FeedbackKind,
    FeedbackKindOrUndo,
    Impression,
    Media,
    Play,
    Scope,
    Text,
    TimestampMs,
    Watermark,
    encode,
)
from streamer.events.decoding import LEAST_TS_MS, MAX_VALUE_BYTES, EventDecoder
from streamer.events.tags import MAX_TAGS, normal_tag, normal_tags

__all__ = [
    "CLAIM",
    "DAY_MS",
    "EVENT_TYPES",
    "LEAST_TS_MS",
    "MAX_TAGS",
    "MAX_VALUE_BYTES",
    "REJECT_CODES",
    "Action",
    "Dislike",
    "Erasure",
    "Event",
    "EventDecoder",
    "Feedback",
    "FeedbackKind",
    "FeedbackKindOrUndo",
    "Impression",
    "Media",
    "Play",
    "Scope",
    "Text",
    "TimestampMs",
    "Watermark",
    "encode",
    "normal_tag",
    "normal_tags",
]

"""What ordinary producers write differently and mean the same is taken; what could not be passed on is not."""

from __future__ import annotations

import json
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import InvalidEvent
from streamer.events import (
    EVENT_TYPES,
    LEAST_TS_MS,
    Dislike,
    Erasure,
    EventDecoder,
    Impression,
    Play,
    Watermark,
    normal_tags,
)
from tests.unit.signals.test_events import DECODERS, IMPRESSION, NOW, code_of, decode

SEEN = Impression(user_id="ann", ts=NOW, content_id="c1", visible_ms=2400)
DEEP = (500, 900, 1_100, 5_000, 9_000, 32_000)


@pytest.mark.parametrize(
    ("topic", "value", "meant"),
    [
        ("impressions", {"visible_ms": 2400, "tags": None}, SEEN),
        ("impressions", {"visible_ms": 2400, "tz_offset_min": None, "visible_ratio": None, "position": None}, SEEN),
        ("impressions", {"visible_ms": 2400.0, "ts": float(NOW)}, SEEN),
        ("impressions", {"visible_ms": 2.4e3}, SEEN),
        ("impressions", {"visible_ms": 2400, "visible_ratio": 1.0083}, SEEN),
        ("impressions", {"visible_ms": 2400, "visible_ratio": 1.01}, SEEN),
        (
            "plays",
            {"played_s": 9, "ended": None, "playback_id": None},
            Play(user_id="ann", ts=NOW, content_id="c1", played_s=9),
        ),
        (
            "plays",
            {"scroll_depth": 1.004},
            Play(user_id="ann", ts=NOW, content_id="c1", scroll_depth=1),
        ),
        (
            "dislikes",
            {"action": "dislike", "scope": None},
            Dislike(user_id="ann", ts=NOW, content_id="c1", action="dislike"),
        ),
        ("erasures", {"ts": float(NOW), "content_id": None}, Erasure("ann", NOW)),
    ],
)
def test_null_is_absent_and_a_whole_number_may_have_a_point(
    topic: str, value: dict[str, object], meant: object
) -> None:
    assert decode(topic, {**IMPRESSION, **value}) == meant


def test_a_watermark_may_have_a_point_too() -> None:
    assert decode("plays", {"watermark": float(NOW)}) == Watermark(NOW)


@pytest.mark.parametrize(
    ("topic", "value", "code"),
    [
        ("impressions", {"visible_ms": 2400.7}, "wrong_type"),
        ("impressions", {"position": 1e300}, "wrong_type"),
        ("impressions", {"visible_ratio": 1.02}, "out_of_range"),
        ("impressions", {"visible_ratio": -0.001}, "out_of_range"),
        ("impressions", {"content_id": None}, "wrong_type"),
        ("impressions", {"ts": None}, "wrong_type"),
        ("impressions", {"tags": [None]}, "wrong_type"),
        ("feedback", {"kind": "rating", "value": None}, "missing_field"),
        ("feedback", {"kind": "rating", "value": 4.5}, "wrong_type"),
        ("plays", {"ended": 1.0}, "wrong_type"),
    ],
)
def test_what_does_not_mean_the_same_is_rejected(topic: str, value: dict[str, object], code: str) -> None:
    assert code_of(topic, {**IMPRESSION, **value}) == code


def test_half_a_surrogate_pair_matters_only_in_a_field_that_is_read() -> None:
    unread = b'{"user_id":"ann","ts":%d,"content_id":"c1","visible_ms":2400,"caption":"\\ud83d"}' % NOW
    assert decode("impressions", unread) == SEEN
    assert code_of("impressions", unread.replace(b"caption", b"surface")) == "malformed_json"
    assert code_of("impressions", unread.replace(b'"c1"', b'"c1\\ud83d"')) == "malformed_json"
    assert code_of("impressions", unread.replace(b"caption", b"media")) == "malformed_json"  # which has few values
    assert code_of("impressions", b'{"watermark":"\\udc00"}') == "missing_field"
    assert code_of("impressions", unread.replace(b'"caption"', b'"n":NaN,"caption"')) == "malformed_json"


@pytest.mark.parametrize("depth", DEEP)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("field", ["context", "tags", "user_id"])
def test_deep_nesting_is_taken_or_rejected_and_never_raises(depth: int, opening: str, closing: str, field: str) -> None:
    depth = min(depth, 60_000 // (len(opening) + 1))
    inner = opening * depth + ("1" if closing == "}" else "") + closing * depth
    value = b'{"user_id":"ann","ts":%d,"content_id":"c1","%s":%s}' % (NOW, field.encode(), inner.encode())
    for topic in DECODERS:
        code = "accepted"
        try:
            DECODERS[topic].decode(None, value, NOW)
        except InvalidEvent as error:
            code = error.code
        assert code in ("accepted", "malformed_json", "wrong_type", "missing_field")


def test_deep_nesting_is_rejected_as_such() -> None:
    value = b'{"user_id":"ann","ts":%d,"content_id":"c1","x":%s}' % (NOW, b"[" * 1_100 + b"]" * 1_100)
    with pytest.raises(InvalidEvent, match=r"malformed_json: .*nested too deeply"):
        DECODERS["impressions"].decode(None, value, NOW)


@pytest.mark.parametrize("topic", DECODERS)
def test_seconds_are_a_unit_error_and_say_so(topic: str) -> None:
    usual = {**IMPRESSION, "action": "hide", "kind": "like"}
    with pytest.raises(InvalidEvent, match=r"out_of_range: ts 1760000000 .*ms since 1970 are wanted, .*seconds"):
        decode(topic, {**usual, "ts": NOW // 1000})
    assert decode(topic, {**usual, "ts": LEAST_TS_MS})
    if topic in EVENT_TYPES:
        assert code_of(topic, {"watermark": NOW // 1000}) == "out_of_range"


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.sampled_from(sorted(EVENT_TYPES)),
    st.dictionaries(
        st.sampled_from(
            [
                *(
                    "ts",
                    "position",
                    "visible_ms",
                    "visible_ratio",
                    "played_s",
                    "position_s",
                    "scroll_depth",
                    "duration_s",
                ),
                *("tz_offset_min", "value"),
            ]
        ),
        numbers,
    ),
)
def test_what_is_accepted_can_be_encoded_by_anybody(topic: str, fields: dict[str, object]) -> None:
    """Numbers stay within 64 bits, and within what a double holds exactly."""
    usual = {**IMPRESSION, "action": "hide", "kind": "like"}
    try:
        event = EventDecoder(topic, 300_000).decode(None, json.dumps({**usual, **fields}).encode(), NOW)
    except InvalidEvent:
        return
    msgspec.msgpack.encode(event)
    told = json.loads(msgspec.json.encode(event), parse_int=float)
    assert all(abs(value) <= 2**53 for value in told.values() if isinstance(value, float))


def test_tags_kept_in_mind_are_bounded_by_their_size_and_not_by_their_number() -> None:
    from streamer.events.tags import _normal_tags

    _normal_tags.clear()
    for n in range(40_000):
        assert normal_tags((f"{n} " + "x" * 240, "Y")) == (f"{n} " + "x" * 240, "y")
    held = sum(sys.getsizeof(tag) for tags in _normal_tags for tag in tags)
    assert held < 32_000_000
    many = tuple(f"t{n}" for n in range(10_000))
    assert normal_tags(many) == many[:16]
    assert many not in _normal_tags

"""The wire contract of spec §1: what is taken, what is rejected with which code, and that encoding loses nothing."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import InvalidEvent
from streamer.events import (
    EVENT_TYPES,
    LEAST_TS_MS,
    MAX_VALUE_BYTES,
    REJECT_CODES,
    Action,
    Dislike,
    Erasure,
    Event,
    EventDecoder,
    Feedback,
    FeedbackKind,
    FeedbackKindOrUndo,
    Impression,
    Media,
    Play,
    Scope,
    Watermark,
    encode,
    normal_tags,
)

NOW = 1_760_000_000_000
DECODERS = {topic: EventDecoder(topic, max_future_ms=300_000) for topic in (*EVENT_TYPES, "erasures")}
IMPRESSION = {"user_id": "ann", "ts": NOW, "content_id": "c1"}


def decode(topic: str, value: object, key: bytes | None = None) -> object:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return DECODERS[topic].decode(key, raw, NOW)


def code_of(topic: str, value: object, key: bytes | None = None) -> str:
    with pytest.raises(InvalidEvent) as rejected:
        decode(topic, value, key)
    assert rejected.value.code in REJECT_CODES
    assert rejected.value.detail
    return rejected.value.code


def test_a_minimal_event_of_each_kind_gets_the_defaults_of_the_spec() -> None:
    impression = decode("impressions", IMPRESSION)
    assert impression == Impression(user_id="ann", ts=NOW, content_id="c1")
    assert isinstance(impression, Impression)
    assert (impression.visible_ratio, impression.visible_ms, impression.tz_offset_min) == (1.0, None, 0)
    play = decode("plays", IMPRESSION)
    assert isinstance(play, Play)
    assert (play.playback_id, play.ended) == ("", True)
    dislike = decode("dislikes", {**IMPRESSION, "action": "hide"})
    assert isinstance(dislike, Dislike)
    assert (dislike.scope, dislike.target) == ("content", "c1")
    feedback = decode("feedback", {"user_id": "ann", "ts": NOW, "kind": "undo", "of": "follow", "creator_id": "k"})
    assert isinstance(feedback, Feedback)
    assert (feedback.family, feedback.target) == ("follow", "k")
    assert decode("erasures", {"user_id": "ann", "ts": NOW}) == Erasure("ann", NOW)


def test_unknown_fields_are_ignored() -> None:
    assert decode("impressions", {**IMPRESSION, "experiment": {"arm": 3}, "scope": 9}) == decode(
        "impressions", IMPRESSION
    )


@pytest.mark.parametrize(
    ("topic", "value", "code"),
    [
        ("impressions", b"", "malformed_json"),
        ("impressions", b"{", "malformed_json"),
        ("impressions", b'{"user_id": "ann", "ts": 1, "content_id": "c"} trailing', "malformed_json"),
        ("impressions", b'\xff\xfe{"user_id"', "malformed_json"),
        ("impressions", b'{"user_id": "\xff", "ts": 1, "content_id": "c"}', "malformed_json"),
        ("impressions", [IMPRESSION], "not_an_object"),
        ("impressions", "ann", "not_an_object"),
        ("impressions", 7, "not_an_object"),
        ("impressions", None, "not_an_object"),
        ("impressions", {"ts": NOW, "content_id": "c1"}, "missing_field"),
        ("impressions", {"user_id": "ann", "content_id": "c1"}, "missing_field"),
        ("plays", {"user_id": "ann", "ts": NOW}, "missing_field"),
        ("dislikes", {"user_id": "ann", "ts": NOW, "action": "dislike"}, "missing_field"),
        ("dislikes", {**IMPRESSION, "action": "dislike", "scope": "creator"}, "missing_field"),
        ("dislikes", {**IMPRESSION, "action": "dislike", "scope": "tag"}, "missing_field"),
        ("dislikes", IMPRESSION, "missing_field"),
        ("feedback", {**IMPRESSION, "kind": "rating"}, "missing_field"),
        ("feedback", {**IMPRESSION, "kind": "undo"}, "missing_field"),
        ("feedback", {**IMPRESSION, "kind": "follow"}, "missing_field"),
        ("feedback", {"user_id": "ann", "ts": NOW, "kind": "like"}, "missing_field"),
        ("erasures", {"user_id": "ann"}, "missing_field"),
        ("impressions", {**IMPRESSION, "ts": "2026-01-01"}, "wrong_type"),
        ("impressions", {**IMPRESSION, "ts": 1.5}, "wrong_type"),
        ("impressions", {**IMPRESSION, "ts": True}, "wrong_type"),
        ("impressions", {**IMPRESSION, "user_id": 7}, "wrong_type"),
        ("impressions", {**IMPRESSION, "tags": "noir"}, "wrong_type"),
        ("impressions", {**IMPRESSION, "tags": [7]}, "wrong_type"),
        ("impressions", {**IMPRESSION, "device": {"is": "tv"}}, "wrong_type"),
        ("impressions", {**IMPRESSION, "tags": {"$.x": [{}]}}, "wrong_type"),
        ("plays", {**IMPRESSION, "ended": "yes"}, "wrong_type"),
        ("impressions", {**IMPRESSION, "ts": -1}, "out_of_range"),
        ("impressions", {**IMPRESSION, "user_id": ""}, "out_of_range"),
        ("impressions", {**IMPRESSION, "content_id": "c" * 257}, "out_of_range"),
        ("impressions", {**IMPRESSION, "position": -1}, "out_of_range"),
        ("impressions", {**IMPRESSION, "visible_ratio": 1.011}, "out_of_range"),
        ("impressions", {**IMPRESSION, "tz_offset_min": 841}, "out_of_range"),
        ("impressions", {**IMPRESSION, "duration_s": 0}, "out_of_range"),
        ("plays", {**IMPRESSION, "played_s": -0.1}, "out_of_range"),
        ("plays", {**IMPRESSION, "scroll_depth": 2}, "out_of_range"),
        ("plays", b'{"user_id": "ann", "ts": 1, "content_id": "c", "played_s": 1e999}', "out_of_range"),
        ("dislikes", {"user_id": "ann", "ts": NOW, "action": "hide", "scope": "tag", "tag": "  "}, "out_of_range"),
        ("feedback", {**IMPRESSION, "kind": "rating", "value": 0}, "out_of_range"),
        ("feedback", {**IMPRESSION, "kind": "rating", "value": 6}, "out_of_range"),
        ("impressions", {**IMPRESSION, "media": "hologram"}, "unknown_value"),
        ("dislikes", {**IMPRESSION, "action": "shrug"}, "unknown_value"),
        ("dislikes", {**IMPRESSION, "action": "hide", "scope": "planet"}, "unknown_value"),
        ("feedback", {**IMPRESSION, "kind": "wave"}, "unknown_value"),
        ("feedback", {**IMPRESSION, "kind": "undo", "of": "undo"}, "unknown_value"),
        ("impressions", {**IMPRESSION, "ts": NOW + 300_001}, "from_the_future"),
        ("impressions", {**IMPRESSION, "ts": 1 << 70}, "from_the_future"),
        ("erasures", {"user_id": "ann", "ts": NOW + 300_001}, "from_the_future"),
        ("impressions", {"watermark": NOW + 300_001}, "from_the_future"),
        ("impressions", {"watermark": "now"}, "missing_field"),
    ],
)
def test_a_record_that_breaks_the_contract_is_rejected_with_its_code(topic: str, value: object, code: str) -> None:
    assert code_of(topic, b"null" if value is None else value) == code


def test_a_key_of_another_user_is_rejected_and_no_key_is_fine() -> None:
    assert code_of("impressions", IMPRESSION, key=b"bob") == "key_mismatch"
    assert code_of("impressions", IMPRESSION, key=b"") == "key_mismatch"
    assert decode("impressions", IMPRESSION, key=b"ann") == decode("impressions", IMPRESSION)


def test_a_record_without_value_is_rejected() -> None:
    with pytest.raises(InvalidEvent, match="malformed_json"):
        DECODERS["plays"].decode(b"ann", None, NOW)


def test_size_is_limited_to_64_kib_exactly() -> None:
    padding = MAX_VALUE_BYTES - len(encode(Impression(user_id="ann", ts=NOW, content_id="c1"))) - len(b',"x":""')
    fits = b'{"user_id":"ann","ts":%d,"content_id":"c1","x":"%s"}' % (NOW, b"x" * padding)
    assert len(fits) == MAX_VALUE_BYTES
    assert decode("impressions", fits) == decode("impressions", IMPRESSION)
    assert code_of("impressions", fits.replace(b'"x":"', b'"x":"x')) == "too_large"


def test_limits_are_inclusive() -> None:
    at_limits = {
        **IMPRESSION,
        "user_id": "u" * 256,
        "ts": NOW + 300_000,
        "tz_offset_min": -840,
        "visible_ratio": 1,
        "visible_ms": 0,
        "position": 0,
    }
    assert decode("impressions", at_limits)
    assert decode("plays", {**IMPRESSION, "scroll_depth": 1, "played_s": 0})
    assert decode("feedback", {**IMPRESSION, "kind": "rating", "value": 5})


def test_a_watermark_record_is_taken_on_source_topics() -> None:
    for topic in EVENT_TYPES:
        assert decode(topic, {"watermark": NOW}) == Watermark(NOW)


def test_the_detail_says_where_the_record_is_wrong() -> None:
    with pytest.raises(InvalidEvent, match=r"\$\.visible_ratio"):
        decode("impressions", {**IMPRESSION, "visible_ratio": 7})
    with pytest.raises(InvalidEvent, match="content_id"):
        decode("impressions", {"user_id": "ann", "ts": NOW})


# --- properties ------------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256)
maybe = st.none() | text
fraction = st.floats(0, 1)
seconds = st.floats(0, 1e6)
common = {
    "user_id": text,
    "ts": st.integers(LEAST_TS_MS, NOW),
    "event_id": maybe,
    "session_id": maybe,
    "device": maybe,
    "surface": maybe,
    "cohort": maybe,
    "tz_offset_min": st.integers(-840, 840),
    "creator_id": maybe,
    "tags": st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=256), max_size=20).map(tuple),
    "media": st.none() | st.sampled_from(get_args(Media)),
    "duration_s": st.none() | st.floats(0, 1e6, exclude_min=True),
}
impressions = st.builds(
    Impression,
    **common,
    content_id=text,
    position=st.none() | st.integers(0, 10**6),
    visible_ms=st.none() | st.integers(0, 10**9),
    visible_ratio=fraction,
)
plays = st.builds(
    Play,
    **common,
    content_id=text,
    playback_id=st.text(st.characters(exclude_categories=["Cs"]), max_size=256),
    played_s=st.none() | seconds,
    position_s=st.none() | seconds,
    scroll_depth=st.none() | fraction,
    ended=st.booleans(),
)
dislikes = st.builds(
    Dislike,
    **{**common, "creator_id": text},
    action=st.sampled_from(get_args(Action)),
    scope=st.sampled_from(get_args(Scope)),
    content_id=text,
    tag=text.filter(lambda tag: bool(tag.strip())),
)
feedback = st.builds(
    Feedback,
    **{**common, "creator_id": text},
    kind=st.sampled_from(get_args(FeedbackKindOrUndo)),
    of=st.sampled_from(get_args(FeedbackKind)),
    content_id=text,
    value=st.integers(1, 5),
    order_id=maybe,
)
TOPIC_OF = {kind: topic for topic, kind in EVENT_TYPES.items()}


@given(impressions | plays | dislikes | feedback)
def test_decoding_an_encoded_event_gives_the_event_back(event: Event) -> None:
    decoder = DECODERS[TOPIC_OF[type(event)]]
    assert decoder.decode(event.user_id.encode(), encode(event), NOW) == event


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*common, "content_id", "kind", "action"]), inner)
    ),
    max_leaves=12,
)


@given(
    st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(sorted(DECODERS)),
)
def test_whatever_arrives_is_decoded_or_rejected_with_a_code_of_the_spec(value: bytes, topic: str) -> None:
    code = None
    try:
        DECODERS[topic].decode(None, value, NOW)
    except InvalidEvent as rejected:  # and nothing else is raised
        code = rejected.code
    assert code is None or code in REJECT_CODES


@given(st.lists(st.text(max_size=8), max_size=40).map(tuple))
def test_normal_tags_are_stable_distinct_and_at_most_sixteen(tags: tuple[str, ...]) -> None:
    once = normal_tags(tags)
    assert normal_tags(once) == once
    assert len(set(once)) == len(once) <= 16
    assert all(once)

"""The JSON Schemas of the topics: they are what docs/schemas says, and they take what the code takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from streamer.cli.app import app
from streamer.cli.schemas import all_of_them, files
from streamer.events import EVENT_TYPES, encode
from streamer.settings import Topics
from tests.property.worlds import events

ROOT: Final = Path(__file__).parents[3]
SCHEMAS: Final = dict(all_of_them())
VALIDATORS: Final = {topic: Draft202012Validator(schema) for topic, schema in SCHEMAS.items()}


ODD: Final[dict[str, list[Any]]] = {
    "user_id": ["u", "", None, 7],
    "ts": [0, 1_760_000_000_000, -1, "1", True],
    "content_id": ["c", "", None, "c" * 257],
    "creator_id": ["a", None],
    "tag": ["x", None, "x" * 257],
    "tags": [[], ["x", "y"], ["x" * 257], "x", None],
    "media": ["video", "film", None],
    "duration_s": [1, 0.5, 0, -1, None],
    "tz_offset_min": [0, 840, 841, -841, None],
    "position": [0, 5, -1, None],
    "visible_ms": [0, 2000, -1, None],
    "visible_ratio": [0, 0.5, 1, 1.1, None],
    "played_s": [0, 9.5, -1, None],
    "scroll_depth": [0, 1, 2, None],
    "ended": [True, False, None, 1],
    "action": ["dislike", "undo", "frown", None],
    "scope": ["content", "creator", "tag", "world", None],
    "kind": ["click", "follow", "rating", "purchase", "undo", "wave", None],
    "of": ["follow", "like", "undo", None],
    "value": [1, 5, 0, 6, None],
    "unknown": [None, {"a": 1}],
}


@st.composite
def odd_values(draw: st.DrawFn, topic: str) -> dict[str, Any]:
    """Values that are right but for a field or two, or three."""
    usual = {"user_id": "u", "ts": 5, "content_id": "c", "creator_id": "a", "action": "dislike", "kind": "like"}
    value: dict[str, Any] = {name: each for name, each in usual.items() if name in SCHEMAS[topic]["properties"]}
    for name in draw(st.lists(st.sampled_from(sorted(ODD)), max_size=4, unique=True)):
        value[name] = draw(st.sampled_from(ODD[name]))
    for name in draw(st.lists(st.sampled_from(sorted(value)), max_size=1)):
        del value[name]
    return value


@pytest.mark.parametrize("topic", EVENT_TYPES)
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_source_topics_schema_takes_what_the_decoder_takes(topic: str, data: st.DataObject) -> None:
    value = data.draw(odd_values(topic))
    try:
        msgspec.json.decode(json.dumps(value), type=EVENT_TYPES[topic])
    except msgspec.ValidationError:
        assert not VALIDATORS[topic].is_valid(value)
    else:
        assert VALIDATORS[topic].is_valid(value)


@settings(deadline=None, max_examples=100)
@given(event=events())
def test_every_event_we_encode_fits_its_schema(event: Any) -> None:
    topic = next(topic for topic, kind in EVENT_TYPES.items() if kind is type(event))
    assert VALIDATORS[topic].is_valid(json.loads(encode(event)))


@pytest.mark.parametrize("topic", SCHEMAS)
def test_every_schema_is_one(topic: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[topic])


def test_the_schemas_in_docs_are_what_the_code_says() -> None:
    """If not:  streamer schemas docs/schemas"""
    assert {file.name: file.read_text() for file in (ROOT / "docs/schemas").glob("*.json")} == files()


def test_every_public_topic_has_a_schema() -> None:
    topics = {getattr(Topics(), name) for name in Topics.__slots__ if name != "sources"}
    internal = {"rejects", "streamer-journal", "streamer-state", "streamer-totals", "population"}
    assert topics - SCHEMAS.keys() == internal
    assert SCHEMAS.keys() - topics == {"watermark"}


def test_the_command_writes_them(tmp_path: Path) -> None:
    runner = CliRunner()
    assert "labels.json" in runner.invoke(app, ["schemas"]).stdout
    assert runner.invoke(app, ["schemas", str(tmp_path / "new")]).exit_code == 0
    assert {file.name: file.read_text() for file in (tmp_path / "new").iterdir()} == files()

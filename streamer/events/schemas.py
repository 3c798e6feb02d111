"""JSON Schemas of records, made from the contracts: what a producer in another language may send."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from streamer.events.contracts import Dislike, Feedback

Schema: TypeAlias = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_of(name: str, kind: type, rules: Sequence[Schema]) -> Schema:
    """The JSON Schema of a struct.

    Args:
        name: the schema is ``NAME.json``.
        kind: the struct.
        rules: what its ``__post_init__`` asks for beside its fields; see :data:`RULES`.
    """
    (_,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    for each in components.values():
        if "description" in each:
            each["description"] = inspect.cleandoc(each["description"])
    own = components.pop(kind.__name__)
    found: Schema = {"$schema": _DIALECT, "$id": f"{name}.json", **own}
    if rules:
        found["allOf"] = list(rules)
    if components:
        found["$defs"] = components
    return found


def _targets() -> list[Schema]:
    """What a dislike needs, by its scope (``Dislike.__post_init__``)."""
    return [
        {"if": _says(scope="creator"), "then": _has("creator_id")},
        {"if": _says(scope="tag"), "then": _has("tag")},
        {"if": {"not": {"anyOf": [_says(scope="creator"), _says(scope="tag")]}}, "then": _has("content_id")},
    ]


def _answers() -> list[Schema]:
    """What feedback needs, by its kind (``Feedback.__post_init__``)."""
    follows = {"anyOf": [_says(kind="follow"), _says(kind="undo", of="follow")]}
    return [
        {"if": _says(kind="undo"), "then": _has("of")},
        {"if": _says(kind="rating"), "then": _has("value")},
        {"if": follows, "then": _has("creator_id"), "else": _has("content_id")},
    ]


def _says(**values: str) -> Schema:
    return {"properties": {name: {"const": value} for name, value in values.items()}, "required": list(values)}


def _has(name: str) -> Schema:
    return {"properties": {name: {"not": {"type": "null"}}}, "required": [name]}


RULES: Final[Mapping[type, Sequence[Schema]]] = {Dislike: _targets(), Feedback: _answers()}
"""What kinds of event ask for beside their fields."""

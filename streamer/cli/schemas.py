"""``streamer schemas``: the JSON Schema of every topic; also the source of docs/schemas/."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(schemas)


def schemas(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Where to write one file per topic; default: show their names.")
    ] = None,
) -> None:
    """Write the JSON Schema of every topic's records, as the code has it."""
    made = files()
    if directory is None:
        for name, text in made.items():
            typer.echo(f"{name}: {len(text)} bytes")
        return
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (directory / name).write_text(text)
    typer.echo(f"{len(made)} schemas written to {directory}")


def files() -> dict[str, str]:
    """The whole of docs/schemas/: file name -> text."""
    import orjson

    readable = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {f"{topic}.json": orjson.dumps(schema, option=readable).decode() for topic, schema in all_of_them()}


def all_of_them() -> list[tuple[str, Schema]]:
    """The topics (without prefix) and what their values are.

    ``watermark`` is no topic: its records may stand on any source topic. The values of ``rejects`` are the original
    bytes, so nothing can be said of them; the topics of the state, of deltas and of totals are nobody else's business.
    """
    from streamer.events import EVENT_TYPES, Dislike, Erasure, Feedback, Watermark
    from streamer.population.health import Health
    from streamer.profile import Label
    from streamer.scoring.document import Document
    from streamer.scoring.priors import Priors

    rules: dict[type, list[Schema]] = {Dislike: _targets(), Feedback: _answers()}
    types: dict[str, type] = {**EVENT_TYPES, "erasures": Erasure, "watermark": Watermark}
    return [
        *((topic, _schema(topic, kind, rules.get(kind, []))) for topic, kind in types.items()),
        ("avoid-lists", _schema("avoid-lists", Document, [])),
        ("default-lists", _schema("default-lists", Document, [])),
        ("labels", _schema("labels", Label, [])),
        ("population-snapshots", _schema("population-snapshots", Priors, [])),
        ("creator-health", _schema("creator-health", Health, [])),
    ]


def _schema(topic: str, kind: type, rules: list[Schema]) -> Schema:
    import inspect

    import msgspec

    (_,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    for each in components.values():
        if "description" in each:
            each["description"] = inspect.cleandoc(each["description"])
    own = components.pop(kind.__name__)
    found: Schema = {"$schema": _DIALECT, "$id": f"{topic}.json", **own}
    if rules:
        found["allOf"] = rules
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

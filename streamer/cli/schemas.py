"""``streamer schemas``: the JSON Schema of every topic; also the source of docs/schemas/."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streamer.events.schemas import Schema


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
    from streamer.events import EVENT_TYPES, Erasure, Watermark
    from streamer.events.schemas import RULES, schema_of
    from streamer.population.health import Health
    from streamer.profile import Label
    from streamer.scoring.document import Document
    from streamer.scoring.priors import Priors

    types: dict[str, type] = {**EVENT_TYPES, "erasures": Erasure, "watermark": Watermark}
    return [
        *((topic, schema_of(topic, kind, RULES.get(kind, []))) for topic, kind in types.items()),
        ("avoid-lists", schema_of("avoid-lists", Document, [])),
        ("default-lists", schema_of("default-lists", Document, [])),
        ("labels", schema_of("labels", Label, [])),
        ("population-snapshots", schema_of("population-snapshots", Priors, [])),
        ("creator-health", schema_of("creator-health", Health, [])),
    ]

"""``streamer settings``: every knob; also the source of docs/settings.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from streamer.cli.options import options_of

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from streamer.settings import Settings

_HEAD = """# Settings
<!-- made by `streamer settings --markdown`; do not edit -->

Later ones win: the defaults below, a TOML file (`streamer --config FILE`, or `STREAMER_CONFIG`), environment variables
`STREAMER_<NAME>` (`STREAMER_TILE_CAPS__TAGS` for one of `tile_caps`), `streamer --set NAME=VALUE`. Everything is
checked at start, and every problem reported at once. Durations are seconds unless the name says otherwise. In the
environment a list is written with commas (`STREAMER_AVOID_TIERS=hard,strong`), or as JSON.

| setting | default | range | what it is |
|---|---|---|---|
"""


class Row(NamedTuple):
    """One setting, as text."""

    name: str
    default: str
    range: str
    what: str


def install(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(settings)


def settings(
    ctx: typer.Context,
    markdown: Annotated[bool, typer.Option("--markdown", help="As docs/settings.md: without today's values.")] = False,
) -> None:
    """Show every setting: its default, its value now, what it is."""
    if markdown:
        typer.echo(as_markdown(), nl=False)
        return
    found = options_of(ctx).settings()
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("setting", "default", "now", "what it is", box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows():
        now = _now(found, row.name)
        shown = Text("=" if now == row.default else now, style="" if now == row.default else "bold yellow")
        table.add_row(Text(row.name), Text(row.default), shown, Text(row.what))
    Console(highlight=False).print(table)


def rows() -> Iterator[Row]:
    """All settings, in the order in which they are defined."""
    from streamer.settings import Settings

    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        yield Row(name, _text(default), ", ".join(_limits(field)), field.description or "")


def as_markdown() -> str:
    """The whole of docs/settings.md."""
    cells = ([f"`{row.name}`", _code(row.default), row.range, row.what] for row in rows())
    lines = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in cells)
    return _HEAD + "".join(lines)


def _now(found: Settings, name: str) -> str:
    if name == "redis_url":
        from streamer.sinks.address import RedisAddress

        return str(RedisAddress(found.redis_url, found.redis_timeout))
    return _text(getattr(found, name))


def _text(value: object) -> str:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return ", ".join(f"{name} {each}" for name, each in value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _code(text: str) -> str:
    return f"`{text}`" if text else "(empty)"


def _limits(field: FieldInfo) -> Iterator[str]:
    from typing import Literal, get_args, get_origin

    kinds = [field.annotation, *get_args(field.annotation)]
    for kind in kinds:
        if get_origin(kind) is Literal:
            yield " or ".join(f"`{choice}`" for choice in get_args(kind))
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    for limit in field.metadata:
        for name, sign in signs.items():
            bound = getattr(limit, name, None)
            if bound is not None:
                yield f"{sign} {bound}"

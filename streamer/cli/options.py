"""What stood before the command: where the settings come from."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from streamer.errors import SettingsError

if TYPE_CHECKING:
    from streamer.settings import Settings


def as_text(value: str | None) -> str | None:
    """The callback of an argument that goes into keys and records: it must be text.

    Raises:
        BadParameter: it is bytes that are no UTF-8.
    """
    if value is not None and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise typer.BadParameter("is no UTF-8 text")
    return value


class Options(NamedTuple):
    """The options of ``streamer`` itself.

    Attributes:
        config: a TOML file, None if none was named.
        overrides: ``name=value`` each.
    """

    config: Path | None
    overrides: tuple[str, ...]

    def settings(self, **more: object) -> Settings:
        """The settings of this command.

        Args:
            more: settings that win over everything else.

        Raises:
            SettingsError: naming every problem at once.
        """
        from streamer.settings import load

        return load(self.config, **{**parse_overrides(self.overrides), **more})


def options_of(ctx: typer.Context) -> Options:
    """The options of ``streamer`` itself, from any command's context."""
    found = ctx.find_object(Options)
    return Options(None, ()) if found is None else found


def parse_overrides(overrides: tuple[str, ...]) -> dict[str, object]:
    """Settings by name from ``name=value``; a value is read as TOML, and what is no TOML is text.

    >>> parse_overrides(("grace=60", "brokers=localhost:9092", "tile_caps.tags=32"))
    {'grace': 60, 'brokers': 'localhost:9092', 'tile_caps': {'tags': 32}}

    Raises:
        SettingsError: naming those without ``=``.
    """
    problems = [f"--set {each}: write it as NAME=VALUE" for each in overrides if not each.partition("=")[1]]
    if problems:
        raise SettingsError(problems)
    values: dict[str, object] = {}
    for each in overrides:
        name, _, text = each.partition("=")
        name = name.strip()
        try:
            found: dict[str, object] = tomllib.loads(f"{name} = {text}")
        except tomllib.TOMLDecodeError:
            found = {name: text.strip()}
        for key, value in found.items():
            known = values.get(key)
            values[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    return values

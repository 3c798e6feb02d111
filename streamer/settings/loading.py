"""Where settings come from, and every problem with them at once.

Later ones win: the defaults, a TOML file (``--config`` or ``STREAMER_CONFIG``), environment variables
``STREAMER_<NAME>``, keyword arguments.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from streamer.errors import SettingsError
from streamer.settings.model import FROM_FILE, Settings

_UNKNOWN: Final = "there is no such setting (see docs/settings.md)"
_NESTED: Final = "STREAMER_TILE_CAPS__"
_SECRET: Final = frozenset(
    {"redis_url", *(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)}
)
_LINK: Final = re.compile(r"SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?")
_HOST: Final = "_SERVICE_HOST"


def load(config: Path | None = None, **overrides: object) -> Settings:
    """The settings of this process.

    Args:
        config: a TOML file; None: the one named by ``STREAMER_CONFIG``, if set.
        overrides: values that win over file and environment.

    Raises:
        SettingsError: naming every problem at once.
    """
    named = os.environ.get("STREAMER_CONFIG")
    path = config or (Path(named) if named else None)
    problems = list(_unknown(os.environ))
    token = FROM_FILE.set({} if path is None else _read(path))
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems += [line for item in error.errors() for line in _told(item)]
        raise SettingsError(problems) from None
    finally:
        FROM_FILE.reset(token)
    if problems:
        raise SettingsError(problems)
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        problem = f"config file {path}: {error.strerror}"
    except UnicodeDecodeError:
        problem = f"config file {path} is not UTF-8: save it as UTF-8"
    except tomllib.TOMLDecodeError as error:
        problem = f"config file {path} is not TOML: {error}"
    raise SettingsError([problem])


def _unknown(environment: Mapping[str, str]) -> Iterator[str]:
    """Variables that look like settings and are none, but for those of Kubernetes and of tests."""
    known = {f"STREAMER_{name}".upper() for name in Settings.model_fields} | {"STREAMER_CONFIG"}
    services = [name.removesuffix("SERVICE_HOST") for name in environment if name.endswith(_HOST)]
    for name in sorted(environment):
        if not name.startswith("STREAMER_") or name in known or name.startswith((_NESTED, "STREAMER_TEST_")):
            continue
        if not any(name.startswith(of) and _LINK.fullmatch(name.removeprefix(of)) for of in services):
            yield f"environment variable {name}: {_UNKNOWN}"


def _told(item: ErrorDetails) -> Iterator[str]:
    """A problem as a line each, without what is secret."""
    where = ".".join(str(part) for part in item["loc"])
    text = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        text = _UNKNOWN
    elif where and item["loc"][0] not in _SECRET:
        text = f"{text}, got {item['input']!r}"
    service = str(item["input"]).partition("://")[0]
    if where and service in ("tcp", "udp", "sctp"):
        of = f"streamer-{item['loc'][0]}".removesuffix("_port").replace("_", "-")
        text += f": Kubernetes sets it for the service {of}; set enableServiceLinks: false in the pod"
    for line in text.splitlines():
        yield f"{where}: {line}" if where else line

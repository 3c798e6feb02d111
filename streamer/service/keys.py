"""Who may call the service: API keys, of which the file has only digests, and what each is good for."""

from __future__ import annotations

import hmac
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import msgspec
from msgspec import Struct

from streamer.errors import SettingsError

Scope = Literal["read", "write", "erase", "admin"]
"""``read``: lists and explanations. ``write``: events. ``erase``: deletion, and all that is held of a user. ``admin``:
metrics."""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
_PREFIX: Final = "sk_"


class Caller(NamedTuple):
    """Who a key was given to.

    Attributes:
        name: as the file has it.
        scopes: what the key is good for.
    """

    name: str
    scopes: frozenset[Scope]


class _Row(Struct, forbid_unknown_fields=True):
    sha256: str
    scopes: tuple[Scope, ...]


class ApiKeys:
    """The keys of a file.

    Args:
        rows: digests (SHA-256, hexadecimal) of the keys, and whom each belongs to.
    """

    def __init__(self, rows: Iterable[tuple[str, Caller]]) -> None:
        self._rows = [(digest.lower().encode(), caller) for digest, caller in rows]

    @classmethod
    def of_file(cls, path: Path) -> ApiKeys:
        """Reads a TOML file with a table for each caller: ``sha256`` and ``scopes``; see :func:`new_key`.

        Raises:
            SettingsError: it cannot be read; names every problem at once.
        """
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError([f"service_keys: {path} cannot be read ({error})"]) from None
        rows, problems = _rows(tables)
        if not tables:
            problems = ["there are no keys in it: make one with  streamer api-key NAME --scope read"]
        if problems:
            raise SettingsError([f"service_keys: {path}: {problem}" for problem in problems])
        return cls(rows)

    def caller(self, key: str) -> Caller | None:
        """Whose key this is, None if nobody's. How long it takes says nothing of the keys."""
        digest, found = sha256(key.encode(errors="surrogatepass")).hexdigest().encode(), None
        for known, caller in self._rows:
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def new_key(name: str, scopes: Iterable[Scope]) -> tuple[str, str]:
    """A key that nobody can guess, and the lines for the file that make it good."""
    key = _PREFIX + secrets.token_urlsafe(32)
    listed = ", ".join(f'"{scope}"' for scope in scopes)
    return key, f'["{name}"]\nsha256 = "{sha256(key.encode()).hexdigest()}"\nscopes = [{listed}]\n'


def _rows(tables: Mapping[str, object]) -> tuple[list[tuple[str, Caller]], list[str]]:
    rows, problems = [], []
    for name, table in tables.items():
        try:
            row = msgspec.convert(table, _Row)
        except msgspec.ValidationError as error:
            problems.append(f"[{name}] {error}")
            continue
        if len(row.sha256) != 64 or not set(row.sha256.lower()) <= set("0123456789abcdef"):
            problems.append(f"[{name}] sha256 is no SHA-256 digest: 64 hexadecimal digits")
        rows.append((row.sha256, Caller(name, frozenset(row.scopes))))
    return rows, problems

"""All that workers have saved of a user, as plain values with names: for the user, who may ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from streamer.engine.state import last_written
from streamer.engine.state.store import ERASED, HEAD, SESSIONS, TILE, WRITTEN, PartitionStore
from streamer.profile import codec

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


def held(store: PartitionStore, user_id: str) -> dict[str, Plain]:
    """What a store has of a user: what they said, days with their counts, visits that are not over, the list.

    Raises:
        StateCorrupt, StateTooNew: it cannot be read.
    """
    parts = store.parts(user_id)
    found: dict[str, Plain] = {}
    if HEAD in parts:
        found["sealed"] = plain(codec.HEAD.decode(parts[HEAD]))
    found["days"] = [plain(codec.TILE.decode(raw)) for name, raw in sorted(parts.items()) if name.startswith(TILE)]
    stored = [parts[SESSIONS]] if SESSIONS in parts else []
    found["open_sessions"] = [plain(entry) for entry in codec.journal([*stored, *store.journal.records(user_id)])]
    if WRITTEN in parts:
        found["last_document"] = plain(last_written.decode(user_id, parts[WRITTEN]))
    if ERASED in parts:
        found["erased_up_to_ms"] = int.from_bytes(parts[ERASED])
    return found


def plain(value: object) -> Plain:
    """Structs as objects with their fields' names, whatever is no JSON as text.

    >>> from streamer.scoring.document import Avoid
    >>> plain({("tag", "gore"): Avoid(tags=("gore",))})['["tag","gore"]']["tags"]
    ['gore']
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {_name(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return str(msgspec.to_builtins(value))


def _name(key: object) -> str:
    return msgspec.json.encode(key).decode() if isinstance(key, tuple) else str(key)

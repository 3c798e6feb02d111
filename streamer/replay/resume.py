"""Where a replay was stopped: a small JSON file in ``data_dir``, replaced as a whole at each step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec
import orjson
from msgspec import Struct
from msgspec.structs import asdict

from streamer.errors import UNREADABLE, SettingsError, StateCorrupt
from streamer.events import Event, encode
from streamer.settings import Settings


class ResumePoint(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything needed to go on with a replay.

    Attributes:
        name: the data set's name.
        fingerprint: of its events.
        as_is: whether the recorded timestamps are kept.
        shift_ms: what is added to every recorded timestamp.
        total: how many events there are.
        position: how many the broker has.
        finished: all of them and the last watermark.
    """

    name: str
    fingerprint: str
    as_is: bool
    shift_ms: int
    total: int
    position: int
    finished: bool


def point_file(settings: Settings, name: str, source: Path) -> Path:
    """The file of the resume point for this data set, from this place, to this deployment."""
    where = "\n".join((settings.brokers, settings.topics.source_prefix, str(source.resolve())))
    return settings.data_dir / f"replay-{name}-{blake2b(where.encode(), digest_size=4).hexdigest()}.json"


def fingerprint(recording: Sequence[tuple[str, Event]]) -> str:
    """A hash of all events, in order."""
    digest = blake2b(digest_size=16)
    for _, event in recording:
        digest.update(encode(event))
    return digest.hexdigest()


def load_point(file: Path) -> ResumePoint | None:
    """The saved resume point, None if there is none.

    Raises:
        StateCorrupt: the file does not decode.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError([f"data_dir: {file} cannot be read: {error.strerror}"]) from None
    try:
        point = msgspec.json.decode(data, type=ResumePoint)
    except UNREADABLE as error:
        raise StateCorrupt(f"{file} is no resume point ({error}): replay from the start with --restart") from None
    if not 0 <= point.position <= point.total:
        raise StateCorrupt(f"{file} is no resume point (position out of range): replay from the start with --restart")
    return point


def save_point(file: Path, point: ResumePoint) -> None:
    """Replaces the file; a crash leaves the old one or the new one whole.

    Raises:
        SettingsError: ``data_dir`` cannot be written.
    """
    draft = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as out:
            out.write(orjson.dumps(asdict(point), option=orjson.OPT_INDENT_2))
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    except OSError as error:
        raise SettingsError([f"data_dir: {file} cannot be written: {error.strerror}; set data_dir"]) from None

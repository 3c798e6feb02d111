"""What a row of the exported files is: one item in one session (docs/training.md)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec
import pyarrow as pa
import xxhash
from msgspec.structs import asdict

from streamer.engine.kafka.records import Record
from streamer.errors import StateTooNew
from streamer.events import DAY_MS
from streamer.profile import Label, labels

SCHEMA: Final = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("session_id", pa.string()),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("last", pa.int64(), nullable=False),
        pa.field("cohort", pa.string()),
        pa.field("part", pa.int32(), nullable=False),
        pa.field("content_id", pa.string(), nullable=False),
        pa.field("creator_id", pa.string()),
        pa.field("tags", pa.list_(pa.string()), nullable=False),
        pa.field("media", pa.string(), nullable=False),
        pa.field("duration_s", pa.float64()),
        pa.field("first", pa.int64(), nullable=False),
        pa.field("daypart", pa.string(), nullable=False),
        pa.field("device", pa.string()),
        pa.field("position", pa.int64()),
        pa.field("propensity", pa.float64()),
        pa.field("clicked", pa.bool_(), nullable=False),
        pa.field("started", pa.bool_(), nullable=False),
        pa.field("completion", pa.float64()),
        pa.field("band", pa.string()),
        pa.field("watch_score", pa.float64()),
        pa.field("outcome", pa.string()),
        pa.field("signals", pa.map_(pa.string(), pa.float64()), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("ips_weight", pa.float64()),
        pa.field("offset", pa.int64(), nullable=False),
    ]
)
"""Columns are fields of ``Label`` and ``Example``; ``offset`` is that of the record on the topic ``labels``."""

IDENTITY: Final = ("user_id", "session_id", "start", "part")
"""Columns that tell one label from every other."""


class Told(NamedTuple):
    """A label, and the offset of its record."""

    label: Label
    offset: int


def table(told: Iterable[Told]) -> pa.Table:
    """The rows of labels: one for each example."""
    columns: dict[str, list[object]] = {name: [] for name in SCHEMA.names}
    for label, offset in told:
        of_label = (label.user_id, label.session_id, label.start, label.last, label.cohort, label.part)
        for example in label.examples:
            fields = asdict(example)
            fields["signals"] = list(example.signals.items())
            for name, value in zip(SCHEMA.names, of_label, strict=False):
                columns[name].append(value)
            for name, value in fields.items():
                columns[name].append(value)
            columns["offset"].append(offset)
    return pa.table(columns, schema=SCHEMA)


def day_of(label: Label) -> str:
    """The UTC day that the label's session lies in.

    >>> day_of(Label(schema=1, user_id="u", session_id=None, start=86_400_000, last=0, cohort=None, part=0, parts=1,
    ...              examples=()))
    '1970-01-02'
    """
    return datetime.fromtimestamp(label.start // DAY_MS * (DAY_MS // 1000), UTC).date().isoformat()


def identity(user_id: str, session_id: str | None, start: int, part: int) -> bytes:
    """What tells a label from every other, in 16 bytes (:data:`IDENTITY`)."""
    name = f"{start} {part} {'' if session_id is None else '!' + session_id}\n{user_id}"
    return xxhash.xxh128_digest(name.encode())


def decode(record: Record) -> Label:
    """The label that a record of the topic is.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError: it is none.
        StateTooNew: a newer Streamer wrote it.
    """
    label = msgspec.json.decode(record.value or b"", type=Label)
    if label.schema > labels.SCHEMA:
        raise StateTooNew(f"labels have schema {label.schema}, this Streamer reads {labels.SCHEMA}: upgrade it")
    if record.key != label.user_id.encode():
        raise msgspec.ValidationError("the key is not the user_id")
    return label

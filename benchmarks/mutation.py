"""Records as no producer should send them: valid events, changed as JSON, as bytes, in key, headers, date and place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

from streamer.city.city import City
from streamer.events import DAY_MS, Erasure, Event, Watermark, encode
from streamer.partitioning import partition_of

PARTITIONS: Final = 4
"""Of which all records are sent to the first."""
_DAYS: Final = 3
_NAME: Final = "~~~~"
_STRANGE_NAME: Final = b"\xff\xfe\xf0\x28"
_CHUNK: Final = 400
"""Records that arrive in no order."""

_ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 0.0, -0.0, 0.5, 1.0083, 1.02, 2400.0, 2400.7, 1e308, -1e308, 5e-324,
    2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, float("nan"), float("inf"),
    "", " ", "0", "null", "\x00", "\u2028", "é", "e\u0301", "İ", "ß", "ﷺ" * 20, "👩‍👩‍👧" * 9, "\ud83d", "\udc00x",
    "x" * 256, "x" * 257, "🦄" * 256, [], {}, [[]], [None], ["a", None], {"a": 1}, ["", " ", "A", "a"],
    "video", "undo", "rating", "dislike", "tag", "creator", 1_760_000_000, 1_760_000_000_000, 99_999_999_999,
)  # fmt: skip
"""What may stand in any field."""
_NESTED: Final = (30, 500, 1_100, 5_000, 30_000)
_LONG: Final = (1_000, 60_000, 65_400, 65_537, 200_000)


class Sent(NamedTuple):
    """A record to send.

    Attributes:
        timestamp: ms since 1970.
        strange: some of its headers' names are no UTF-8.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp: int
    strange: bool


class Producer:
    """Sends records, half of them as they should be.

    Args:
        seed: the same gives the same records.
        begin_ms: event time of the first, ms since 1970.
    """

    def __init__(self, seed: int, begin_ms: int) -> None:
        self._random = Random(seed)
        users = (name for number in count() if partition_of(name := f"u{number}", PARTITIONS) == 0)
        self._names = [next(users) for _ in range(80)]
        self._stranger = next(name for number in count() if partition_of(name := f"u{number}", PARTITIONS) == 1)
        city = City(80, _DAYS, seed, begin_ms + _DAYS * DAY_MS)
        self._events = [(topic, self._moved_in(event)) for topic, event in city.events()]

    def records(self) -> Iterator[tuple[int, list[Sent]]]:
        """What arrives together, without end, and event time up to which it reaches, ms since 1970."""
        for number in count():
            shift_ms = number * _DAYS * DAY_MS
            for at in range(0, len(self._events), _CHUNK):
                chunk = [
                    (topic, msgspec.structs.replace(event, ts=event.ts + shift_ms))
                    for topic, event in self._events[at : at + _CHUNK]
                ]
                reached_ms = max(event.ts for _, event in chunk)
                self._random.shuffle(chunk)
                yield reached_ms, [self._sent(topic, event) for topic, event in chunk]

    def _moved_in(self, event: Event) -> Event:
        name = self._names[int(event.user_id.rpartition("-")[2]) % len(self._names)]
        return msgspec.structs.replace(event, user_id=name)

    def _sent(self, topic: str, event: Event) -> Sent:
        random = self._random
        if random.random() < 0.003:
            event = msgspec.structs.replace(event, user_id=self._stranger)
        value, key = encode(event), event.user_id.encode()
        timestamp, headers = event.ts, list[tuple[str, bytes | None]]()
        dice = random.random()
        if dice < 0.002:
            topic, value = "erasures", encode(Erasure(event.user_id, event.ts + random.randrange(60_000)))
        elif dice < 0.004:
            value = encode(Watermark(event.ts - DAY_MS))
        elif dice < 0.03:
            value = encode(msgspec.structs.replace(event, ts=event.ts - random.randrange(2 * DAY_MS)))
        if random.random() < 0.4:
            value = self._mutated(value)
        if random.random() < 0.05:
            key = random.choice((None, b"", b"\xff\xfe", key + b"\x00", b"k" * 10_000, b"u0", key[:-1]))  # type: ignore[assignment]
        if random.random() < 0.05:
            headers = self._headers()
        if random.random() < 0.05:
            timestamp = random.choice((0, timestamp // 1000, timestamp - DAY_MS, timestamp + DAY_MS, 2**62))
        strange = any(name == _NAME for name, _ in headers)
        return Sent(topic, key, None if random.random() < 0.005 else value, headers, timestamp, strange)

    def _headers(self) -> list[tuple[str, bytes | None]]:
        names, values = (_NAME, "", "trace", "d", "x" * 300), (None, b"", b"\xff", b"1" * 2_000)
        return [
            (self._random.choice(names), self._random.choice(values)) for _ in range(self._random.choice((1, 2, 30)))
        ]

    def _mutated(self, value: bytes) -> bytes:
        for _ in range(self._random.choice((1, 1, 1, 2, 4))):
            value = self._random.choice(_MUTATIONS)(self._random, value)
        return value


def strangely_named(raw: bytes) -> bytes:
    """A record batch whose header names to be replaced are no UTF-8 any more."""
    return raw.replace(_NAME.encode(), _STRANGE_NAME)


# --- as JSON ----------------------------------------------------------------------------------------------------


def _on_fields(change: Callable[[Random, dict[str, Any]], object]) -> Callable[[Random, bytes], bytes]:
    def mutated(random: Random, value: bytes) -> bytes:
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        if isinstance(found, dict):
            change(random, found)
        return _dumped(found, value)

    return mutated


def _dumped(found: object, otherwise: bytes) -> bytes:
    try:
        return json.dumps(found, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return otherwise


def _replace(random: Random, record: dict[str, Any]) -> None:
    record[random.choice([*record, "x"])] = random.choice(_ODD)


def _remove(random: Random, record: dict[str, Any]) -> None:
    if record:
        del record[random.choice(list(record))]


def _retype(random: Random, record: dict[str, Any]) -> None:
    name = random.choice([*record, "x"])
    kept = record.get(name)
    record[name] = random.choice((str(kept), [kept], {"value": kept}, kept is not None))


def _optional(random: Random, record: dict[str, Any]) -> None:
    names = ("event_id", "session_id", "device", "surface", "cohort", "tz_offset_min", "creator_id", "media", "tag")
    record[random.choice((*names, "duration_s", "scope", "of", "value", "order_id"))] = random.choice(_ODD)


def _tags(random: Random, record: dict[str, Any]) -> None:
    many = random.choice((0, 1, 15, 16, 17, 64, 65, 1_000, 8_000))
    record["tags"] = [f"{random.randrange(many)}" for _ in range(many)] + random.choice(
        ([], [""], ["🦄" * 256], [None])
    )


def _nest(random: Random, value: bytes) -> bytes:
    depth = random.choice(_NESTED)
    opened, closed = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")))
    name = random.choice((b"x", b"tags", b"user_id", b"ts"))
    return _with(value, name, opened * depth + (b"1" if opened != b"[" else b"") + closed * depth)


def _lengthen(random: Random, value: bytes) -> bytes:
    name = random.choice((b"x", b"event_id", b"device"))
    return _with(value, name, b'"' + b"y" * random.choice(_LONG) + b'"')


def _repeat_field(random: Random, value: bytes) -> bytes:
    name, again = random.choice(((b"user_id", b'"u0"'), (b"ts", b"1"), (b"content_id", b"null"), (b"tags", b"[]")))
    return _with(value, name, again)


def _number(random: Random, value: bytes) -> bytes:
    texts = (
        b"1e400",
        b"-1e400",
        b"1" * 400,
        b"0" * 9,
        b"-0",
        b"1.",
        b".5",
        b"+1",
        b"0x10",
        b"1e-400",
        b"1" + b"0" * 5000,
    )
    return _with(value, random.choice((b"ts", b"position", b"visible_ms", b"duration_s", b"x")), random.choice(texts))


def _escape(random: Random, value: bytes) -> bytes:
    texts = (b'"\\ud83d"', b'"\\udc00\\ud83d"', b'"\\u0000"', b'"\\x"', b'"\xff"', b'"\xc3\x28"', b'"\xed\xa0\x80"')
    return _with(value, random.choice((b"user_id", b"content_id", b"tags", b"device", b"x")), random.choice(texts))


def _with(value: bytes, name: bytes, text: bytes) -> bytes:
    """The object with one more field, before or behind the one of the same name, if there is one."""
    if not value.endswith(b"}"):
        return value
    return value[:-1] + b',"' + name + b'":' + text + b"}"


# --- as bytes ---------------------------------------------------------------------------------------------------


def _flip(random: Random, value: bytes) -> bytes:
    if not value:
        return value
    at = random.randrange(len(value))
    return value[:at] + bytes([value[at] ^ (1 << random.randrange(8))]) + value[at + 1 :]


def _truncate(random: Random, value: bytes) -> bytes:
    return value[: random.randrange(len(value) + 1)]


def _insert(random: Random, value: bytes) -> bytes:
    at = random.randrange(len(value) + 1)
    return (
        value[:at]
        + random.choice((random.randbytes(3), b"\x00", b"\xef\xbb\xbf", b" " * 70_000, b",", b'"'))
        + value[at:]
    )


def _double(random: Random, value: bytes) -> bytes:
    return value + random.choice((b"", b"\n", b",")) + value


def _other(random: Random, _value: bytes) -> bytes:
    texts = (b"", b"null", b"[]", b"{}", b"1", b'"x"', b"true", b"\xff\xfe{\x00}\x00", b"\x1f\x8b\x08\x00")
    return random.choice((*texts, random.randbytes(random.randrange(200))))


_MUTATIONS: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    *map(_on_fields, (_replace, _replace, _remove, _retype, _optional, _optional, _tags)),
    _nest, _lengthen, _repeat_field, _number, _escape, _flip, _truncate, _insert, _double, _other,
)  # fmt: skip

"""Which JSON library reads and writes events: us an event, and how many times the first line's.

    python -m benchmarks.json_codecs

Read: from bytes to an object that is known to keep the contract. msgspec checks while it decodes; after orjson and the
standard library the same contract is checked by a plain loop over its fields; pydantic has a model of it (neither knows
what a dislike's scope or a feedback's kind needs besides). Written: the same bytes, by msgspec from an event, by the
others from a dictionary, which is what the SDK is given. All of them must find, and write, the same. The module is not
named `json`, or it would stand before the standard library's for a script of this folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, Literal

import msgspec
import orjson
import pydantic
from msgspec import inspect
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Bench
from benchmarks.serving import best_us
from benchmarks.workload import Workload
from streamer.events import EVENT_TYPES, Event, encode

EVENTS: Final = 500
Way = Callable[[Any], object]
Ways = dict[str, Way]
Check = Callable[[Any], bool]


def run(bench: Bench) -> None:
    """The figures of impressions, four fifths of all events, beside those of the other benchmarks."""
    for verb, measured in (("read", reading), ("written", writing)):
        taken = measured("impressions", typical("impressions"))
        first, *others = taken
        bench.figure(f"an impression {verb} by {first}", "us", taken[first])
        for way in others:
            bench.figure(f"an impression {verb} by {way}, to {first}", "x", taken[way] / taken[first])


def main() -> None:
    """Prints the table."""
    events = {kind: typical(kind) for kind in EVENT_TYPES}
    table = Table(title=f"us an event, best of many runs, {EVENTS} events of each kind")
    table.add_column("")
    for kind, own in events.items():
        table.add_column(f"{kind}\n{sum(map(len, map(encode, own))) // len(own)} B", justify="right")
    for verb, measured in (("read", reading), ("written", writing)):
        by_kind = [measured(kind, own) for kind, own in events.items()]
        first = next(iter(by_kind[0]))
        for way in by_kind[0]:
            table.add_row(f"{verb} by {way}", *(f"{us[way]:.2f} ({us[way] / us[first]:.1f} x)" for us in by_kind))
        table.add_section()
    Console(width=120).print(table)


def typical(kind: str) -> list[Event]:
    """Events of one kind as they come in the benchmarks' workload."""
    return list(islice((event for topic, event in Workload(200_000, 12_500).stream() if topic == kind), EVENTS))


def reading(kind: str, events: Sequence[Event]) -> dict[str, float]:
    """us by library, from bytes to a checked object."""
    struct = EVENT_TYPES[kind]
    checked, model = checker(struct), model_of(struct)
    ways: Ways = {
        "msgspec, typed": msgspec.json.Decoder(struct).decode,
        "orjson and own checks": lambda raw: checked(orjson.loads(raw)),
        "json and own checks": lambda raw: checked(json.loads(raw)),
        "pydantic": model.model_validate_json,
    }
    values = [encode(event) for event in events]
    for name, way in ways.items():
        for value, event in zip(values, events, strict=True):
            found = way(value)
            same = found == event if name != "pydantic" else _fields(found) == msgspec.structs.asdict(event)
            assert same, f"{name} read {found} from {value!r}"
        assert _refuses(way, b'{"user_id": "", "ts": 1, "content_id": "c"}'), f"{name} takes an empty user_id"
    return _measured(ways, values)


def writing(kind: str, events: Sequence[Event]) -> dict[str, float]:
    """us by library, to bytes."""
    fields = [orjson.loads(encode(event)) for event in events]
    compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
    ways: Ways = {
        "orjson, a dictionary": orjson.dumps,
        "msgspec, a dictionary": msgspec.json.Encoder().encode,
        "json, a dictionary": lambda value: compact.encode(value).encode(),
    }
    for name, way in ways.items():
        for value, event in zip(fields, events, strict=True):
            assert way(value) == encode(event), f"{name} wrote {way(value)!r} of {kind}"
    return _measured({"msgspec, an event": encode}, events) | _measured(ways, fields)


def _measured(ways: Ways, values: Sequence[object]) -> dict[str, float]:
    def each(way: Way) -> None:
        for value in values:
            way(value)

    return {name: best_us(partial(each, way), runs=50, calls=2) / len(values) for name, way in ways.items()}


def _refuses(way: Way, value: bytes) -> bool:
    try:
        way(value)
    except ValueError:
        return True
    return False


def _fields(model: Any) -> dict[str, object]:
    return {name: getattr(model, name) for name in model.model_fields_set | type(model).model_fields.keys()}


# --- the contract once more, as one would check it without msgspec ---------------------------------------------


def checker(struct: type[Event]) -> Callable[[dict[str, Any]], Event]:
    """Checks a dictionary against the struct's types and limits, and makes the struct of it."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    checks = {field.name: _check(field.type) for field in info.fields}
    required = [field.name for field in info.fields if field.required]

    def checked(value: dict[str, Any]) -> Event:
        for name in required:
            if name not in value:
                raise ValueError(f"{name} is missing")
        for name, each in value.items():
            check = checks.get(name)
            if check is not None and not check(each):
                raise ValueError(f"{name} cannot be {each!r}")
        if "tags" in value:
            value["tags"] = tuple(value["tags"])
        return struct(**value)

    return checked


def _check(kind: inspect.Type) -> Check:
    match kind:
        case inspect.UnionType(types=types):
            (other,) = (each for each in types if not isinstance(each, inspect.NoneType))
            check = _check(other)
            return lambda value: value is None or check(value)
        case inspect.StrType(min_length=low, max_length=high):
            least, most = low or 0, high or 1 << 30
            return lambda value: type(value) is str and least <= len(value) <= most
        case inspect.IntType(ge=low, le=high):
            return _number((int,), low, high)
        case inspect.FloatType(gt=above, ge=low, le=high):
            inside = _number((int, float), low, high)
            return inside if above is None else lambda value: inside(value) and value > above
        case inspect.LiteralType(values=values):
            return frozenset(values).__contains__
        case inspect.BoolType():
            return lambda value: type(value) is bool
        case inspect.VarTupleType(item_type=item):
            check = _check(item)
            return lambda value: type(value) is list and all(map(check, value))
    raise TypeError(f"no check of {kind}")


def _number(kinds: tuple[type, ...], low: float | None, high: float | None) -> Check:
    least, most = -1e300 if low is None else low, 1e300 if high is None else high
    return lambda value: type(value) in kinds and least <= value <= most


def model_of(struct: type[Event]) -> type[pydantic.BaseModel]:
    """The struct's contract as a pydantic model."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    fields: dict[str, Any] = {}
    for field in info.fields:
        default = ... if field.required else field.default
        fields[field.name] = (_annotation(field.type), default)
    return pydantic.create_model(struct.__name__, **fields)


def _annotation(kind: inspect.Type) -> Any:
    match kind:
        case inspect.UnionType(types=types):
            (other,) = (each for each in types if not isinstance(each, inspect.NoneType))
            return _annotation(other) | None
        case inspect.StrType(min_length=low, max_length=high):
            return pydantic.constr(strict=True, min_length=low, max_length=high)
        case inspect.IntType(ge=low, le=high):
            return pydantic.conint(strict=True, ge=low, le=high)
        case inspect.FloatType(gt=above, ge=low, le=high):
            return pydantic.confloat(strict=True, gt=above, ge=low, le=high)
        case inspect.LiteralType(values=values):
            return Literal[tuple(values)]
        case inspect.BoolType():
            return pydantic.StrictBool
        case inspect.VarTupleType(item_type=item):
            return tuple[_annotation(item), ...]
    raise TypeError(f"no annotation of {kind}")


if __name__ == "__main__":
    main()

"""What ordinary producers write differently and mean the same, brought to what the contract says (spec §1).

Clients write ``null`` where a field has no value, JavaScript and many JSON libraries write 2400 as ``2400.0``, browsers
report a visible share of 1.0083, and half an emoji in a field that nobody reads is no reason to lose an event. This is
looked at only where strict decoding has failed, so that it costs the others nothing.
"""

from __future__ import annotations

import json
from types import UnionType
from typing import Annotated, Final, Generic, NoReturn, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

MOST_OF_A_SHARE: Final = 1.01
"""Shares of 0–1 up to here are taken for 1: browsers round."""

_MOST_EXACT: Final = 2**53

T = TypeVar("T", bound=Struct)


class LenientDecoder(Generic[T]):
    """Decodes records of one kind that strict decoding has refused.

    - ``null`` is absent, for every field that has a default.
    - A whole number may be written as a float: 2400.0.
    - A share above 1 by a hair, up to 1.01, is 1.
    - Text that is no Unicode is passed over in fields that are not read.

    Args:
        kind: the struct of the records.

    >>> class Seen(Struct):
    ...     ms: int
    ...     share: Annotated[float, Meta(ge=0, le=1)] = 1.0
    >>> LenientDecoder(Seen).decode(b'{"ms": 2400.0, "share": null}')
    Seen(ms=2400, share=1.0)
    >>> LenientDecoder(Seen).decode(b'{"ms": 2400, "share": 1.0083}')
    Seen(ms=2400, share=1.0)
    """

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        fields = msgspec.structs.fields(kind)
        self._known = {field.encode_name for field in fields}
        self._optional = {field.encode_name for field in fields if not field.required}
        self._whole = {field.encode_name for field in fields if _bounds(field.type, int) is not None}
        self._shares = {
            field.encode_name
            for field in fields
            if (bounds := _bounds(field.type, float)) is not None and (bounds.ge, bounds.le) == (0, 1)
        }

    def decode(self, value: bytes) -> T:
        """The record in these bytes.

        Raises:
            msgspec.ValidationError: it is not one, read leniently either.
            msgspec.DecodeError: they are no JSON.
        """
        found = _loads(value)
        try:
            if not isinstance(found, dict):
                return msgspec.convert(found, self._kind)  # which says what it is instead
            record = msgspec.convert(self._meant(found), self._kind)
            msgspec.json.encode(record)
        except UnicodeEncodeError as error:
            raise msgspec.DecodeError(f"text that is no Unicode in a field that is read: {error}") from None
        return record

    def _meant(self, found: dict[str, object]) -> dict[str, object]:
        meant = {}
        for name in found.keys() & self._known:
            value = found[name]
            if value is None and name in self._optional:
                continue
            if isinstance(value, float):
                if name in self._whole and value.is_integer() and abs(value) <= _MOST_EXACT:
                    value = int(value)
                elif name in self._shares and 1 < value <= MOST_OF_A_SHARE:
                    value = 1.0
            meant[name] = value
        return meant


def _loads(value: bytes) -> object:
    """What is in these bytes; the standard library alone takes halves of surrogate pairs."""
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        if b"\\u" not in value:
            raise
    try:
        found: object = json.loads(value.decode(), parse_constant=_no_json)
    except ValueError as error:  # a number of a thousand digits, too
        raise msgspec.DecodeError(str(error)) from None
    return found


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _bounds(kind: object, number: type) -> Meta | None:
    """The bounds of a field that holds this kind of number, or may; None: it does not."""
    if kind is number:
        return Meta()
    if get_origin(kind) is Annotated:
        base, *metas = get_args(kind)
        if _bounds(base, number) is not None:
            return next((meta for meta in metas if isinstance(meta, Meta)), Meta())
        return None
    if get_origin(kind) is UnionType or "Union" in str(get_origin(kind)):
        return next((bounds for each in get_args(kind) if (bounds := _bounds(each, number)) is not None), None)
    return None

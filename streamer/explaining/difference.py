"""What became different between two documents of a user."""

from __future__ import annotations

from typing import NamedTuple

from streamer.scoring.document import Document, Entry

_About = tuple[str, str | int, tuple[tuple[str, str], ...]]
"""What an entry is about: its kind, value and context. There is one longest duration at most."""


class Difference(NamedTuple):
    """The entries of a list that are not as they were, each in the order of its document.

    Attributes:
        new: that were not there.
        changed: before and now, of those with another tier, multiplier or end; evidence alone may change any time.
        gone: that are no more.
    """

    new: list[Entry]
    changed: list[tuple[Entry, Entry]]
    gone: list[Entry]


def difference(before: Document | None, now: Document | None) -> Difference:
    """Compares two documents by what their entries are about; None: there is none."""
    were, are = _by_target(before), _by_target(now)
    both = [(were[about], entry) for about, entry in are.items() if about in were]
    return Difference(
        [entry for about, entry in are.items() if about not in were],
        [(was, entry) for was, entry in both if _effect(was) != _effect(entry)],
        [entry for about, entry in were.items() if about not in are],
    )


def _by_target(document: Document | None) -> dict[_About, Entry]:
    return {_about(entry): entry for entry in (() if document is None else document.entries)}


def _about(entry: Entry) -> _About:
    context = tuple(sorted((entry.context or {}).items()))
    return entry.kind, "" if entry.kind == "duration" else entry.value, context


def _effect(entry: Entry) -> tuple[object, ...]:
    return entry.tier, entry.multiplier, entry.expires_at


def may_show(before: Document | None, now: Document | None, ts: int) -> bool:
    """Whether a list can be what an event made of it: its entries do other than before, and it is no older.

    Args:
        before: the list before the event.
        now: the list at some time after.
        ts: the event's, ms.
    """
    return any(difference(before, now)) and (now is None or now.as_of >= ts)

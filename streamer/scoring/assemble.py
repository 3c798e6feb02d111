"""Puts a document together in the order of spec §9."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from streamer.scoring.document import SCHEMA, Avoid, Document, Entry, Kind

_KINDS: Final[tuple[Kind, ...]] = ("creator", "tag", "duration", "content")


def assemble(
    user_id: str,
    as_of: int,
    cohort: str | None,
    entries: Iterable[Entry],
    completion: dict[str, float],
    avoid_tiers: Collection[str],
    entries_max: int,
) -> Document:
    """The document of these entries.

    Args:
        user_id: whose.
        as_of: ts of the newest event counted, ms.
        cohort: the user's cohort, None if unknown.
        entries: in any order.
        completion: mean completion by media, 0–1.
        avoid_tiers: tiers whose values stand in ``avoid``.
        entries_max: entries of one kind kept besides the hard ones.
    """
    by_kind: dict[Kind, list[Entry]] = {kind: [] for kind in _KINDS}
    for entry in entries:
        by_kind[entry.kind].append(entry)
    kept: list[Entry] = []
    for kind in _KINDS:
        ordered = sorted(by_kind[kind], key=_order)
        hard = [entry for entry in ordered if entry.tier == "hard"]
        kept += hard + ordered[len(hard) : len(hard) + entries_max]
    return Document(SCHEMA, user_id, as_of, cohort, _avoid(kept, avoid_tiers), tuple(kept), completion)


def _order(entry: Entry) -> tuple[bool, int, float, str | int, list[tuple[str, str]]]:
    hard = entry.tier == "hard"
    context = sorted((entry.context or {}).items())
    return (not hard, -entry.since if hard else 0, entry.multiplier, entry.value, context)


def _avoid(entries: list[Entry], tiers: Collection[str]) -> Avoid:
    values: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    cap: int | None = None
    for entry in entries:
        if isinstance(entry.value, int):
            cap = entry.value
        elif entry.context is None and entry.tier in tiers and entry.value not in values[entry.kind]:
            values[entry.kind].append(entry.value)
    return Avoid(tuple(values["creator"]), tuple(values["tag"]), cap, tuple(values["content"]))

"""A document with fewer entries, for where there is no room for it whole."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from streamer.scoring.document import Avoid, Document, Entry

_TIERS: Final = ("hard", "strong", "soft")


def strongest_half(document: Document) -> Document:
    """The document with the stronger half of its entries: hard ones first, of them the newest, then by multiplier.

    ``avoid`` has what still stands in ``entries``; with one entry left there is none afterwards.
    """
    ranked = sorted(document.entries, key=_strength)
    kept = set(map(id, ranked[: len(ranked) // 2]))
    entries = tuple(entry for entry in document.entries if id(entry) in kept)
    names = {(entry.kind, entry.value) for entry in entries if entry.context is None}
    avoid = document.avoid
    return replace(
        document,
        entries=entries,
        avoid=Avoid(
            tuple(value for value in avoid.creators if ("creator", value) in names),
            tuple(value for value in avoid.tags if ("tag", value) in names),
            avoid.duration_max_seconds if ("duration", avoid.duration_max_seconds) in names else None,
            tuple(value for value in avoid.content_ids if ("content", value) in names),
        ),
    )


def _strength(entry: Entry) -> tuple[int, int, float]:
    return _TIERS.index(entry.tier), -entry.since if entry.tier == "hard" else 0, entry.multiplier

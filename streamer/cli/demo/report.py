"""What the demo shows at its end: one user's list, and whether it is right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from streamer.city.catalogue import Item
from streamer.city.city import City
from streamer.city.tastes import Taste
from streamer.engine.population.announcement import Announcement
from streamer.explaining.words import of
from streamer.population.defaults import ALL
from streamer.scoring.document import Document, Entry, decode

MOST_ROWS: Final = 12


def most_telling(documents: Mapping[str, Document], now_ms: int) -> Document | None:
    """The list to show: that with the most different kinds and reasons, then the shortest; None if all are empty."""
    return max(
        (document for document in documents.values() if document.entries),
        key=lambda document: (_variety(document, now_ms), -len(document.entries), document.user_id),
        default=None,
    )


def _variety(document: Document, now_ms: int) -> int:
    live = [entry for entry in document.entries if entry.expires_at is None or entry.expires_at > now_ms]
    told = {(entry.kind, entry.tier, entry.reasons) for entry in live}
    inferred = {(entry.kind, entry.tier) for entry in _inferred(document)}
    return len(told) + 2 * len(inferred)


def to_show(document: Document) -> list[Entry]:
    """At most 12 entries, of every kind and tier some, in the document's order."""
    by_group: dict[tuple[str, str], list[Entry]] = {}
    for entry in document.entries:
        by_group.setdefault((entry.kind, entry.tier), []).append(entry)
    shown: list[Entry] = []
    groups = list(by_group.values())
    while groups and len(shown) < MOST_ROWS:
        shown += [group.pop(0) for group in groups]
        groups = [group for group in groups if group]
    kept = {id(entry) for entry in shown[:MOST_ROWS]}
    return [entry for entry in document.entries if id(entry) in kept]


def verdict(document: Document, city: City) -> str:
    """How much of what the list infers about a user is true.

    Only tags and creators are compared that the user never named: what was said of them is no inference.
    """
    right, wrong = _compare(document, city.truth(document.user_id))
    return " and ".join(
        of(len(right[kind]), len(right[kind]) + len(wrong[kind]), f"inferred {kind}")
        for kind in ("tag", "creator")
        if right[kind] or wrong[kind]
    )


def overall(documents: Iterable[Document], city: City) -> tuple[int, int]:
    """Of all inferred strong tags and creators of the city: how many are truly disliked, and how many there are."""
    right = wrong = 0
    for document in documents:
        found, missed = _compare(document, city.truth(document.user_id), tier="strong")
        right += sum(map(len, found.values()))
        wrong += sum(map(len, missed.values()))
    return right, right + wrong


def _compare(
    document: Document, taste: Taste, tier: str | None = None
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    disliked = {"tag": taste.disliked_tags, "creator": taste.disliked_creators}
    right: dict[str, list[str]] = {"tag": [], "creator": []}
    wrong: dict[str, list[str]] = {"tag": [], "creator": []}
    for entry in _inferred(document):
        if tier in (None, entry.tier):
            value = str(entry.value)
            (right if value in disliked[entry.kind] else wrong)[entry.kind].append(value)
    return right, wrong


def _inferred(document: Document) -> list[Entry]:
    """Entries of tags and creators that the user never named."""
    named = {(entry.kind, entry.value) for entry in document.entries if entry.tier == "hard"}
    return [
        entry
        for entry in document.entries
        if entry.kind in ("tag", "creator") and (entry.kind, entry.value) not in named
    ]


def population_in_words(figures: Announcement) -> str:
    """What everybody adds up to, in a sentence."""
    known = figures.priors
    everybody = figures.lists.get(ALL.encode())
    spared = () if everybody is None else tuple(str(entry.value) for entry in decode(everybody).entries)
    newcomers = f"what newcomers are spared: {', '.join(spared)}" if spared else "nothing that all newcomers are spared"
    return (
        f"All users together start {known.start_rate:.0%} of what they examine and leave {known.abandonment:.0%} of "
        f"that early; {len(known.tags)} tags and {len(known.creators)} creators are disliked more or less than most; "
        f"{newcomers}."
    )


def not_listed(document: Document, items: Iterable[Item]) -> Iterator[Item]:
    """Items that nothing on the list matches."""
    listed = {(entry.kind, entry.value) for entry in document.entries}
    for item in items:
        keys = {("content", item.content_id), ("creator", item.creator_id), *(("tag", tag) for tag in item.tags)}
        if not keys & listed:
            yield item

"""The normal form of tags (spec §1)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

MAX_TAGS: Final = 16


@lru_cache(maxsize=16_384)
def normal_tag(tag: str) -> str:
    """The normal form of a tag: Unicode NFC, stripped, case-folded, and NFC again (spec §1).

    >>> normal_tag("  True-Crime ")
    'true-crime'
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", tag).strip().casefold())


def tags_that_count(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the tags, as sent, that normal forms are made of: of tens of thousands the others need not be kept.

    >>> tags_that_count(("News", " news", "", "Sport"))
    ('News', 'Sport')
    """
    found: dict[str, str] = {}
    for tag in tags:
        normal = normal_tag(tag)
        if normal and normal not in found:
            found[normal] = tag
            if len(found) == MAX_TAGS:
                break
    return tuple(found.values())


def normal_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Normal forms in order, empties and repeats dropped, the first 16 kept.

    >>> normal_tags(("News", " news", "", "Sport"))
    ('news', 'sport')
    """
    known = _normal_tags.get(tags)
    return _normal_tags.keep(tags) if known is None else known


class _NormalTags(dict[tuple[str, ...], tuple[str, ...]]):
    """Normal forms by tags as sent, begun anew when full; half as dear to look up as an lru_cache, for every event."""

    most_tags: Final = 4 * MAX_TAGS
    most_characters: Final = 8_000_000

    def __init__(self) -> None:
        super().__init__()
        self._room = self.most_characters

    def keep(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """The normal forms of tags that are not known yet."""
        normal = tuple(dict.fromkeys(n for t in tags if (n := normal_tag(t))))[:MAX_TAGS]
        if len(tags) > self.most_tags:
            return normal
        self._room -= 64 + sum(map(len, tags))
        if self._room < 0:
            self.clear()
            self._room = self.most_characters
        self[normal if normal == tags else tags] = normal  # few strings, shared by all, are compared sooner
        return normal


_normal_tags: Final = _NormalTags()

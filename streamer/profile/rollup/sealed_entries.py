"""Entries that follow from sealed counts alone, kept until those counts change.

Scores are taken as of a key's last evidence day, so an untouched key keeps its entry: time acts through expiry
alone (spec §6). Entries expire at the start of a day, so they are looked at again once a day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streamer.events import DAY_MS
from streamer.scoring.document import Entry

Key = tuple[str, str]


class SealedEntries:
    """The entries of one roll-up by (kind, value).

    Args:
        listed: the listed bits, which another sets.

    Attributes:
        doubtful: keys whose counts changed since their entries were made.
    """

    __slots__ = ("_day", "_entries", "_listed", "doubtful")

    def __init__(self, listed: Mapping[Key, int]) -> None:
        self.doubtful: set[Key] = set()
        self._listed = listed
        self._day = -1
        self._entries: dict[Key, tuple[Entry, ...]] = {}

    @property
    def watching(self) -> bool:
        """Whether any key is watched."""
        return bool(self._listed or self._entries)

    def watches(self, key: Key) -> bool:
        """Whether a key has an entry or is listed, so that any change to it may matter."""
        return key in self._listed or key in self._entries

    def entries(self, as_of: int, make: Callable[[str, str], tuple[Entry, ...]]) -> Mapping[Key, tuple[Entry, ...]]:
        """All entries that stand as of a time (ms); ``make`` gives those of a (kind, value)."""
        today = as_of // DAY_MS
        if today != self._day:
            self._day = today
            self.doubtful.update(self._entries)
            self.doubtful.update(self._listed)
        for kind, value in self.doubtful:
            made = make(kind, value)
            if made:
                self._entries[kind, value] = made
            else:
                self._entries.pop((kind, value), None)
        self.doubtful.clear()
        return self._entries

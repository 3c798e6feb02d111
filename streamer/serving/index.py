"""A document arranged for lookups: which of its entries an item meets, and what they come to at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, prod
from typing import Final

from streamer.events import DAY_MS
from streamer.scoring.document import Document, Entry, Kind
from streamer.serving.candidate import Candidate
from streamer.serving.decay import iso_date, multiplier_at, standing, start_of_day

_Table = dict[str | None, list[Entry]]


class Index:
    """The entries of one document by what they are about; shared by all lists made from the document.

    Raises:
        ValueError: if an evidence day is no date, or a duration no number.
    """

    __slots__ = ("cap_s", "contents", "creators", "document", "durations", "names", "tags")

    def __init__(self, document: Document | None) -> None:
        by_kind: dict[Kind, _Table] = {"creator": {}, "tag": {}, "duration": {}, "content": {}}
        for entry in document.entries if document is not None else ():
            if (last_day := entry.evidence.last_day) is not None:
                start_of_day(last_day)
            by_kind[entry.kind].setdefault(str(entry.value), []).append(entry)
        self.document: Final = document
        self.contents: Final = by_kind["content"]
        self.creators: Final = by_kind["creator"]
        self.tags: Final = by_kind["tag"]
        self.durations: Final = [(float(value or 0), entries) for value, entries in by_kind["duration"].items()]
        self.cap_s: Final = min((cap_s for cap_s, _ in self.durations), default=inf)
        self.names: Final = frozenset((*self.contents, *self.creators, *self.tags))
        """Every id and tag listed, of any kind: what is not among them is not listed at all."""

    def met_by(self, item: Candidate) -> list[list[Entry]]:
        """The entries on each target that the item meets, in any context, expired or not."""
        targets = [self.contents.get(item.content_id), self.creators.get(item.creator_id)]
        targets += [self.tags.get(tag) for tag in item.tags]
        if (duration_s := item.duration_s) is not None:
            targets += [entries for cap_s, entries in self.durations if duration_s > cap_s]
        return [entries for entries in targets if entries is not None]


class Moment:
    """An index at one time and in one context. Each target's factor is worked out when first asked for."""

    __slots__ = ("_contents", "_creators", "_durations", "_index", "_names", "_tags", "context", "day", "now_ms")

    def __init__(self, index: Index, now_ms: int, context: Mapping[str, str]) -> None:
        self._index = index
        self.now_ms: Final = now_ms
        self.day: Final = iso_date(now_ms // DAY_MS)
        self.context: Final = context
        self._names = index.names
        self._contents = _Factors(index.contents, now_ms, context)
        self._creators = _Factors(index.creators, now_ms, context)
        self._tags = _Factors(index.tags, now_ms, context)
        self._durations = [
            (cap_s, prod(m for _, m in standing(entries, now_ms, context))) for cap_s, entries in index.durations
        ]

    def elsewhere(self, context: Mapping[str, str]) -> Moment:
        """The same time, but for an item that would be shown in a context of its own."""
        return Moment(self._index, self.now_ms, {**self.context, **context})

    def product(self, item: Candidate) -> float:
        """The multipliers of what the item meets, multiplied, of its tags the least; 0 if and only if one is hard.

        Tags go together, so that each of several says much of what the others do.
        """
        names, tags = self._names, self._tags
        product = 1.0
        if (content_id := item.content_id) in names:
            product = self._contents[content_id]
        if (creator_id := item.creator_id) in names:
            product *= self._creators[creator_id]
        least = 1.0
        for tag in item.tags:
            if tag in names and tags[tag] < least:
                least = tags[tag]
        product *= least
        if self._durations and (duration_s := item.duration_s) is not None:
            for cap_s, factor in self._durations:
                if duration_s > cap_s:
                    product *= factor
        return product


class _Factors(dict[str | None, float]):
    """What all entries on a target come to, by target; 1 for what is not listed."""

    __slots__ = ("_context", "_now_ms", "_table")

    def __init__(self, table: _Table, now_ms: int, context: Mapping[str, str]) -> None:
        self._table = table
        self._now_ms = now_ms
        self._context = context

    def __missing__(self, value: str | None) -> float:
        entries = self._table.get(value)
        if entries is None:
            return 1.0
        if len(entries) == 1 and not entries[0].context:  # nearly always: no need for a list
            multiplier = multiplier_at(entries[0], self._now_ms)
            factor = 1.0 if multiplier is None else multiplier
        else:
            factor = prod(m for _, m in standing(entries, self._now_ms, self._context))
        self[value] = factor
        return factor

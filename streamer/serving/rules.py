"""What an avoid list does to candidates (spec §9, "Reader"): a document and the time in, factors out. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from streamer.scoring.document import Document, Entry
from streamer.serving.candidate import Candidate
from streamer.serving.decay import standing
from streamer.serving.discovery import is_discovery, one_in
from streamer.serving.index import Index, Moment
from streamer.serving.words import effect_in_words, reasons_in_words, target_in_words

LEAST_PENALTY: Final = 0.1
"""However many entries an item meets, a strong match can still win."""

Source = Literal["user", "cohort", "default", "none"]
_DEFAULT_IN_WORDS: Final[Mapping[Source, str]] = {
    "cohort": " (by their cohort's default list: nothing is known of the user)",
    "default": " (by everybody's default list: nothing is known of the user)",
}
_ANYWHERE: Final[Mapping[str, str]] = {}


class Match(Struct, frozen=True):
    """An entry that an item meets, and its multiplier at the time asked about."""

    entry: Entry
    multiplier: float

    def __str__(self) -> str:
        effect = effect_in_words(self.entry, self.multiplier)
        return f"{target_in_words(self.entry)}: {effect}, because {reasons_in_words(self.entry)}"


class Explanation(Struct, frozen=True):
    """Why an item has its penalty.

    Args:
        discovery: soft and strong matches were passed over today.
        source: whose list it was: a default one says nothing of this user, of whom nothing is known.
    """

    penalty: float
    discovery: bool
    matches: tuple[Match, ...]
    source: Source = "user"

    def __str__(self) -> str:
        whose = _DEFAULT_IN_WORDS.get(self.source, "")
        if not self.matches:
            return "not listed: x 1.00" + whose
        head = "excluded" if self.penalty == 0 else f"x {self.penalty:.2f}"
        passed = " (discovery: shown as if it were not listed)" if self.discovery and self.penalty else ""
        return "\n  ".join((head + passed + whose, *map(str, self.matches)))


class AvoidList:
    """One user's avoid list, ready to be asked; safe to share between threads.

    Args:
        document: the list; None: nothing is known, nothing is avoided.
        user_id: whose list it is, for discovery; None: the document's own.
        explore: the share of (user, content, day) for which soft and strong entries are passed over, 0–1; in effect
            one in a whole number.
        clock: gives ms since 1970 wherever ``now_ms`` is left out; readers give theirs.
        source: whose document this is: the user's, their cohort's, everybody's, or nobody's.
        index: the document already indexed, if it is.

    Raises:
        ValueError: if the document's evidence days are no dates, or explore is not a fraction.
    """

    __slots__ = ("_clock", "_index", "_moment", "_one_in", "source", "user_id")

    def __init__(
        self,
        document: Document | None,
        *,
        user_id: str | None = None,
        explore: float = 0.05,
        clock: Callable[[], int] | None = None,
        source: Source | None = None,
        index: Index | None = None,
    ) -> None:
        self._index = Index(document) if index is None else index
        known = self._index.document
        self.user_id = user_id if user_id is not None else known.user_id if known is not None else ""
        self.source: Source = source if source is not None else "none" if known is None else "user"
        self._one_in = one_in(explore)
        self._clock = clock
        self._moment: Moment | None = None

    @property
    def document(self) -> Document | None:
        """The document behind the list; None if there is none."""
        return self._index.document

    def __bool__(self) -> bool:
        """Whether anything is listed, expired or not."""
        return bool(self._index.names or self._index.durations)

    def penalty(
        self,
        item: Candidate,
        now_ms: int | None = None,
        *,
        context: Mapping[str, str] | None = None,
        explore: bool = True,
    ) -> float:
        """The factor for the item's relevance, not an amount to take off: 0 excludes, 1 leaves it as it is, or between.

        Args:
            now_ms: the time, ms since 1970; None: by the list's clock.
            context: where the request comes from, for example ``{"daypart": "morning", "device": "tv"}``; what the
                item says itself comes first.
            explore: False: without discovery, for example to explain or to test.
        """
        return self.penalties((item,), now_ms, context=context, explore=explore)[0]

    def penalties(
        self,
        items: Iterable[Candidate],
        now_ms: int | None = None,
        *,
        context: Mapping[str, str] | None = None,
        explore: bool = True,
    ) -> list[float]:
        """:meth:`penalty` of every item, in their order."""
        moment = self._moment_at(now_ms, context)
        names, unlisted, cap_s = self._index.names, self._index.names.isdisjoint, self._index.cap_s
        one_in = self._one_in if explore else 0
        # Most candidates meet nothing: they cost three lookups, and no call of ours.
        return [
            1.0
            if item.content_id not in names
            and item.creator_id not in names
            and unlisted(item.tags)
            and ((duration_s := item.duration_s) is None or duration_s <= cap_s)
            else self._penalty(item, moment, one_in)
            for item in items
        ]

    def filter(self, items: Iterable[Candidate], now_ms: int | None = None) -> list[Candidate]:
        """The items that no hard entry excludes, in their order."""
        items = list(items)
        penalties = self.penalties(items, now_ms, explore=False)
        return [item for item, penalty in zip(items, penalties, strict=True) if penalty > 0]

    def rerank(
        self,
        items: Iterable[Candidate],
        relevance: Iterable[float],
        now_ms: int | None = None,
        *,
        context: Mapping[str, str] | None = None,
        explore: bool = True,
    ) -> list[tuple[Candidate, float]]:
        """The items with their final scores, relevance times penalty, best first; excluded ones are left out.

        Equal scores keep their order.

        Args:
            relevance: the ranker's score of each item, ≥ 0.

        Raises:
            ValueError: if a relevance is negative or no number, or there are not as many as items.
        """
        items = list(items)
        penalties = self.penalties(items, now_ms, context=context, explore=explore)
        scored = []
        for item, score, penalty in zip(items, relevance, penalties, strict=True):
            if not score >= 0:
                raise ValueError(
                    f"relevance of {item.content_id!r} is {score}: it must be >= 0, or a penalty would reward;"
                    " turn log odds into probabilities first"
                )
            if penalty > 0:
                scored.append((item, score * penalty))
        scored.sort(key=_score, reverse=True)
        return scored

    def explain(
        self, item: Candidate, now_ms: int | None = None, *, context: Mapping[str, str] | None = None
    ) -> Explanation:
        """The entries that the item meets, what each is worth now, and what comes of them (discovery included)."""
        moment = self._moment_at(now_ms, context)
        here = moment if not item.context else moment.elsewhere(item.context)
        matches = [
            Match(entry, multiplier)
            for entries in self._index.met_by(item)
            for entry, multiplier in standing(entries, here.now_ms, here.context)
        ]
        return Explanation(
            penalty=self.penalty(item, moment.now_ms, context=context),
            discovery=bool(self._one_in)
            and bool(matches)
            and is_discovery(self.user_id, item.content_id, moment.day, self._one_in),
            matches=tuple(matches),
            source=self.source,
        )

    def _penalty(self, item: Candidate, moment: Moment, one_in: int) -> float:
        here = moment if not item.context else moment.elsewhere(item.context)
        product = here.product(item)
        if product == 0.0 or product == 1.0:
            return product
        if one_in and is_discovery(self.user_id, item.content_id, moment.day, one_in):
            return 1.0
        return max(LEAST_PENALTY, product)

    def _moment_at(self, now_ms: int | None, context: Mapping[str, str] | None) -> Moment:
        """The moment asked about: the one of the call before, if that asked about the same."""
        if now_ms is None:
            if self._clock is None:
                raise TypeError("this list was made without a clock: give now_ms, ms since 1970")
            now_ms = self._clock()
        context = context or _ANYWHERE
        moment = self._moment
        if moment is None or moment.now_ms != now_ms or moment.context != context:
            self._moment = moment = Moment(self._index, now_ms, context)
        return moment


def _score(scored: tuple[Candidate, float]) -> float:
    return scored[1]

"""What an entry says to somebody who has read nothing else: what, how strongly, why, until when, how to take it off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from streamer.events import DAY_MS
from streamer.explaining.difference import Difference
from streamer.explaining.words import probability
from streamer.scoring.document import Entry, Evidence, Kind, Reason, Tier
from streamer.scoring.score import sigmoid
from streamer.serving.decay import multiplier_at
from streamer.serving.words import reason_in_words

_HOUR_MS: Final = 3_600_000
_NOUNS: Final[dict[str, str]] = {"tag": "Tag", "creator": "Creator", "content": "Item"}
_DAYPARTS: Final = {"night": "at night", "morning": "in the morning", "afternoon": "in the afternoon"}
_SOURCES: Final[dict[Tier, str]] = {
    "hard": "They said no to it",
    "strong": "It follows from what they {0}, and it is likely.",
    "soft": "It follows from what they {0}: a first sign, not certain.",
}
_NO_SINGLE_NO: Final = "No single “no” is behind it that could be taken back."
_BY_ITSELF: Final[dict[Kind, str]] = {
    "tag": (
        "It comes off when they choose such items again as often as they choose others, in all or on three days of late"
    ),
    "creator": (
        "It comes off at once when they follow this creator, or when they choose such "
        "items again as often as they choose others"
    ),
    "content": "It comes off when they choose it: by liking it, say, or by staying with it",
    "duration": "It comes off when they stay with longer ones as well",
}


class Card(NamedTuple):
    """An entry, as it is shown.

    Attributes:
        entry: itself.
        title: what it is about.
        effect: what it does now.
        source: whether it was said or found out.
        why: each reason.
        figures: what the reasons rest on, each a sentence.
        until: when it ends.
        off: how it comes off sooner.
        said: whether there is a no to be taken back.
    """

    entry: Entry
    title: str
    effect: str
    source: str
    why: Sequence[str]
    figures: Sequence[str]
    until: str
    off: str
    said: bool


class Group(NamedTuple):
    """Cards of one strength."""

    tier: Tier
    title: str
    about: str
    cards: Sequence[Card]


_GROUPS: Final[tuple[tuple[Tier, str, str], ...]] = (
    ("hard", "Never shown", "They said no to these."),
    ("strong", "Shown much less", "What they did leaves little doubt."),
    ("soft", "Shown a little less", "First signs, which may be wrong. They fade soon."),
)


def groups(entries: Sequence[Entry], now_ms: int, own: bool = True) -> list[Group]:
    """The entries that still count, by strength; groups without any are left out.

    Args:
        entries: of a list.
        now_ms: the time, ms since 1970.
        own: whether it is the user's own list, and not one for all whom nothing is known of.
    """
    cards = [card for entry in entries if (card := card_of(entry, now_ms, own)) is not None]
    found = [
        Group(tier, title, about, [card for card in cards if card.entry.tier == tier]) for tier, title, about in _GROUPS
    ]
    return [group for group in found if group.cards]


def card_of(entry: Entry, now_ms: int, own: bool = True) -> Card | None:
    """What an entry says at a time; None: it has ended."""
    multiplier = multiplier_at(entry, now_ms)
    if multiplier is None:
        return None
    return Card(
        entry=entry,
        title=title_of(entry),
        effect=effect_of(entry, multiplier),
        source=_source(entry, own),
        why=[] if entry.tier == "hard" else [_reason(reason, entry.evidence) for reason in entry.reasons],
        figures=_figures(entry),
        until=_until(entry, now_ms),
        off=_off(entry, own),
        said=own and entry.tier == "hard",
    )


def title_of(entry: Entry) -> str:
    """What an entry is about.

    >>> title_of(Entry("tag", "news", {"daypart": "morning"}, "soft", 0.5, None, (), Evidence(), 0, None))
    'Tag “news” in the morning'
    """
    if entry.kind == "duration":
        return f"Anything longer than {length(int(entry.value))}"
    where = "".join(f" {_where(name, value)}" for name, value in (entry.context or {}).items())
    return f"{_NOUNS[entry.kind]} “{entry.value}”{where}"


def effect_of(entry: Entry, multiplier: float) -> str:
    """What an entry does now, by its multiplier."""
    return "left out" if entry.tier == "hard" else f"ranked at {multiplier:.0%} of what it would be"


def length(seconds: int) -> str:
    """A length of something to watch.

    >>> length(45), length(360), length(90)
    ('45 s', '6 min', '1 min 30 s')
    """
    minutes, rest = divmod(seconds, 60)
    return " ".join([*([f"{minutes} min"] if minutes else []), *([f"{rest} s"] if rest or not minutes else [])])


def day_in_words(ms: int) -> str:
    """The day of a time, UTC.

    >>> day_in_words(1_760_000_000_000)
    '9 October 2025'
    """
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{at.day} {at:%B %Y}"


def ahead(ms: int) -> str:
    """How long it is until something.

    >>> ahead(3 * DAY_MS), ahead(DAY_MS), ahead(7_200_000), ahead(60_000)
    ('in 3 days', 'in 24 hours', 'in 2 hours', 'within the hour')
    """
    if ms >= 2 * DAY_MS:
        return f"in {ms // DAY_MS} days"
    return f"in {ms // _HOUR_MS} hours" if ms >= 2 * _HOUR_MS else "within the hour"


def changes(found: Difference, now_ms: int) -> list[str]:
    """What is different on a list, a line each."""
    lines = [f"{title_of(entry)} is off the list." for entry in found.gone]
    for entry in (*found.new, *(now for _, now in found.changed)):
        multiplier = multiplier_at(entry, now_ms)
        if multiplier is not None:
            lines.append(f"{title_of(entry)}: {effect_of(entry, multiplier)}. {_until(entry, now_ms)}")
    return lines


def _source(entry: Entry, own: bool) -> str:
    if not own:
        return "This is not about them alone: it is what newcomers mostly pass over."
    if entry.tier == "hard":
        return f"{_SOURCES[entry.tier]}, on {day_in_words(entry.since)}."
    return _SOURCES[entry.tier].format("did and said" if "explicit" in entry.reasons else "did")


def _reason(reason: Reason, evidence: Evidence) -> str:
    return "they said no to it, or to items of it" if reason == "explicit" else reason_in_words(reason, evidence)


def _where(name: str, value: str) -> str:
    return _DAYPARTS.get(value, f"in the {value}") if name == "daypart" else f"on {name} {value}"


def _until(entry: Entry, now_ms: int) -> str:
    if entry.expires_at is None:
        return "It has no end: it stands until it is taken off."
    end = f"{day_in_words(entry.expires_at)}, {ahead(entry.expires_at - now_ms)}"
    if entry.tier == "hard":
        return f"It ends on {end}."
    return f"It ends on {end}, if nothing new is found. It grows weaker every day until then."


def _off(entry: Entry, own: bool) -> str:
    if not own:
        return "It goes as soon as enough is known of this user."
    if entry.tier == "hard":
        return "Take the “no” back. Other things they did may still count against it."
    end = "" if entry.expires_at is None else f"; and on {day_in_words(entry.expires_at)} by itself"
    return f"{_NO_SINGLE_NO} {_BY_ITSELF[entry.kind]}{end}."


def _figures(entry: Entry) -> list[str]:
    evidence, found = entry.evidence, []
    counts = [
        f"{verb} {_times(number)}"
        for verb, number in (
            ("seen", evidence.shown),
            ("passed over", evidence.ignored),
            ("begun", evidence.started),
            ("left early", evidence.abandoned),
            ("chosen", evidence.engaged),
        )
        if number or (verb == "chosen" and evidence.shown)
    ]
    if counts:
        found.append(f"{', '.join(counts).capitalize()}{_between(evidence)}.")
    if evidence.expected or evidence.observed:
        found.append(
            f"By their own habits they would have chosen such things {evidence.expected:.1f} times; they chose them "
            f"{evidence.observed:.1f} times. What is long ago counts for less."
        )
    if entry.log_odds is not None:
        found.append(f"So the chance that they dislike it is {probability(sigmoid(entry.log_odds))}.")
    return found


def _between(evidence: Evidence) -> str:
    if evidence.first_day is None or evidence.last_day is None:
        return ""
    first, last = (datetime.fromisoformat(day) for day in (evidence.first_day, evidence.last_day))
    if first == last:
        return f", on {first.day} {first:%B %Y}"
    return f", from {first.day} {first:%B} to {last.day} {last:%B %Y}"


def _times(number: int) -> str:
    words: dict[int, Literal["never", "once", "twice"]] = {0: "never", 1: "once", 2: "twice"}
    return words.get(number, f"{number:,} times")

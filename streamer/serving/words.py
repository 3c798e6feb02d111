"""Entries in words, for people who ask why."""

from __future__ import annotations

from typing import Final

from streamer.scoring.document import Entry, Evidence, Reason
from streamer.scoring.score import sigmoid

_REASONS: Final[dict[Reason, str]] = {
    "explicit": "they said so",
    "abandoned": "left early {0.abandoned} of {0.started} times",
    "one_and_done": "chosen on one day, passed over in {0.sessions} sessions since",
    "ignored": "ignored {0.ignored} of {0.shown} times it was seen, in {0.sessions} sessions",
    "returned": "bought and returned",
    "low_rating": "rated 2 or less",
    "too_long": "longer ones are left early",
    "cohort": "people like them pass it over",
    "below_own_rate": "chosen {0.observed:g} times where {0.expected:g} were to be expected of them",
}


def reason_in_words(reason: Reason, evidence: Evidence) -> str:
    """One reason with the figures behind it.

    >>> reason_in_words("ignored", Evidence(shown=40, ignored=38, sessions=9))
    'ignored 38 of 40 times it was seen, in 9 sessions'
    """
    return _REASONS[reason].format(evidence)


def reasons_in_words(entry: Entry) -> str:
    """All of an entry's reasons."""
    return "; ".join(reason_in_words(reason, entry.evidence) for reason in entry.reasons)


def evidence_in_words(entry: Entry) -> str:
    """The figures that an entry was scored from; empty if it rests on none.

    >>> evidence = Evidence(expected=5.0, observed=0.0, first_day="2025-09-01", last_day="2025-10-09")
    >>> evidence_in_words(Entry("tag", "news", None, "strong", 0.29, 0.3481, ("ignored",), evidence, 0, None))
    '5.0 engagements were expected, 0 came; disliked with a probability of 59% (log odds +0.35)'
    """
    if entry.log_odds is None:
        return ""
    evidence = entry.evidence
    parts = []
    if evidence.expected or evidence.observed:
        parts.append(f"{evidence.expected:.1f} engagements were expected, {evidence.observed:.2g} came")
    if evidence.explicit:
        side = "against" if evidence.explicit > 0 else "for"
        parts.append(f"what they said weighs {abs(evidence.explicit):.1f} {side} it")
    parts.append(f"disliked with a probability of {sigmoid(entry.log_odds):.0%} (log odds {entry.log_odds:+.2f})")
    return "; ".join(parts)


def effect_in_words(entry: Entry, multiplier: float | None) -> str:
    """What the entry does to the relevance of an item that it meets.

    >>> effect_in_words(Entry("tag", "news", None, "soft", 0.5, None, (), Evidence(), 0, None), 0.5)
    'x 0.50'

    Args:
        entry: of whatever tier.
        multiplier: as of the time asked about (:func:`streamer.serving.decay.multiplier_at`); None: it has expired.
    """
    if multiplier is None:
        return "expired"
    return "excluded" if entry.tier == "hard" else f"x {multiplier:.2f}"


def target_in_words(entry: Entry) -> str:
    """What an entry is about, for example ``tag true-crime (daypart morning)``."""
    if entry.kind == "duration":
        return f"longer than {entry.value} s"
    where = ", ".join(f"{name} {value}" for name, value in (entry.context or {}).items())
    return f"{entry.kind} {entry.value}" + (f" ({where})" if where else "")

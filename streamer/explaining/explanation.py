"""Why something is on a user's list, or what is missing for it: worked out from the profile alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, Literal

from msgspec import Struct

from streamer.events import DAY_MS, normal_tag
from streamer.explaining.contexts import contexts_in_words, missing_cap, plays_in_words
from streamer.explaining.words import moment, probability
from streamer.profile import Profile
from streamer.profile.explicit.records import RecordKey
from streamer.profile.explicit.standing import Standing
from streamer.profile.view.view import contexts_in, days_left_above, days_of, is_cap_explained, plays_in
from streamer.scoring import contents, creators, entries, score
from streamer.scoring.document import Entry
from streamer.scoring.entries import Days, Scored
from streamer.scoring.taken_back import ENGAGED_DAYS, engaged_since
from streamer.signals.explicit import DISLIKE_FAMILY

ExplainedKind = Literal["tag", "creator", "content", "duration"]
KINDS: Final[tuple[ExplainedKind, ...]] = ("tag", "creator", "content", "duration")


class KeyExplanation(Struct, frozen=True):
    """What is known of one key of one user.

    Attributes:
        kind: of the key.
        value: the key.
        days: its counts by day.
        scored: its score; None if there is nothing to score, and for contents.
        entries: the entries it has.
        said: what the user stated about it, in words, oldest first.
        missing: why it has no implicit entry, in words; empty if it has one (those in a context aside).
        details: of a tag how it does in each context, of the duration the plays by length, in words.
    """

    kind: ExplainedKind
    value: str
    days: Days
    scored: Scored | None
    entries: tuple[Entry, ...]
    said: tuple[str, ...]
    missing: tuple[str, ...]
    details: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.days or self.entries or self.said or self.details)


def explain_key(profile: Profile, kind: ExplainedKind, value: str) -> KeyExplanation:
    """Why one key is listed, or what it lacks; the duration's ``value`` does not matter: a user has one cap at most."""
    if kind == "duration":
        return _explain_duration(profile)
    days = days_of(profile, kind, value)
    document = profile.document()
    found = () if document is None else tuple(e for e in document.entries if (e.kind, e.value) == (kind, value))
    scored = None if kind == "content" else profile.rules.scorer.score(kind, value, days)
    missing: tuple[str, ...] = ()
    if all(entry.tier == "hard" for entry in found if entry.context is None):
        if kind == "content":
            missing = tuple(_content(value, days, profile.newest))
        else:
            missing = tuple(_key(profile, kind, value, days, scored))
    details = (
        tuple(contexts_in_words(value, contexts_in(profile, value), scored, found, profile.rules.scorer))
        if kind == "tag"
        else ()
    )
    return KeyExplanation(kind, value, days, scored, found, tuple(_said(profile, kind, value)), missing, details)


def explain_value(profile: Profile, kinds: Sequence[ExplainedKind], value: str) -> list[KeyExplanation]:
    """What is known of a value as each of these kinds; if nothing is, then as the first."""
    found = [explain_key(profile, kind, normal_tag(value) if kind == "tag" else value) for kind in kinds]
    return [each for each in found if each.known] or found[:1]


def _explain_duration(profile: Profile) -> KeyExplanation:
    plays = plays_in(profile)
    document = profile.document()
    found = () if document is None else tuple(entry for entry in document.entries if entry.kind == "duration")
    value = str(found[0].value) if found else "any"
    missing = (
        ()
        if found
        else tuple(missing_cap(plays, partial(days_left_above, profile), partial(is_cap_explained, profile)))
    )
    return KeyExplanation("duration", value, (), None, found, (), missing, tuple(plays_in_words(plays)))


def _key(profile: Profile, kind: ExplainedKind, value: str, days: Days, scored: Scored | None) -> Iterator[str]:
    """What a tag or creator lacks for a soft or strong entry."""
    if kind == "creator" and value in Standing(profile.records, profile.sessions).followed():
        yield "they follow this creator: so it gets no soft or strong entry"
    if kind == "tag" and _named_and_taken_back(profile, value, days):
        yield (
            f"they named it, but since then have engaged with it on {ENGAGED_DAYS} days or more and as much as was "
            "expected, which takes that back"
        )
    if not days:
        yield "nothing of it was really seen, played or rated of late, and nothing was said about it"
        return
    if scored is None:
        yield "it was seen, but not long or often enough to expect an engagement"
        return
    if scored.taken_back:
        yield "it is engaged with as much as was expected, in all or since something was said against it"
    least = entries.LISTED_EXPECTED[scored.kind]
    if scored.expected < least and scored.explicit < entries.LISTED_EXPLICIT:
        yield (
            f"too little evidence: {scored.expected:.2f} choices were to be expected by their habits so far, and it "
            f"takes {least:.2f}; or what they said against it must weigh {entries.LISTED_EXPLICIT:.2f}, and it weighs "
            f"{scored.explicit:.2f}"
        )
    if scored.log_odds < score.LISTED:
        kept = profile.listed.get((kind, value), -1) > profile.newest
        yield (
            f"not disliked likely enough: with a probability of {probability(score.sigmoid(scored.log_odds))}, "
            f"and it takes {score.sigmoid(score.LISTED):.0%}"
            + (f" ({score.sigmoid(score.KEPT):.0%} to stay)" if kept else "")
        )
    elif 0 < scored.expires_at <= profile.newest:
        yield f"it was listed, but that expired on {entries.iso_day(scored.expires_at // DAY_MS)}"
    if kind == "creator":
        yield from _one_and_done(days)
        yield from _left(days)


def _named_and_taken_back(profile: Profile, tag: str, days: Days) -> bool:
    named = Standing(profile.records, profile.sessions).hard_entry(RecordKey("tag", tag, DISLIKE_FAMILY))
    if named is None or named.until is None or not named.live(profile.newest):
        return False
    return engaged_since(days, named.since // DAY_MS)


def _one_and_done(days: Days) -> Iterator[str]:
    engaged = [day for day, cell in days if cell.engaged]
    if len(engaged) != 1 or creators.one_and_done(days) is not None:
        return
    later = [cell for day, cell in days if day > engaged[0]]
    yield (
        f"not one-and-done: since the one day they chose it, {sum(cell.e for cell in later) / 1e6:.2f} of "
        f"{creators.ONE_AND_DONE_EXPECTED / 1e6:.0f} engagements were expected, over "
        f"{sum(cell.sessions for cell in later)} of {creators.ONE_AND_DONE_SESSIONS} sessions"
    )


def _left(days: Days) -> Iterator[str]:
    left = creators.leavings(days)
    if left.times and creators.left_again(days) is None:
        yield f"their items were left early {left.times} times, of {creators.LEFT} in a row that lower a creator"


def _content(value: str, days: Days, as_of: int) -> Iterator[str]:
    """What a content lacks for an entry."""
    engaged = max((day for day, cell in days if cell.engaged), default=-1)
    times = contents.in_vain(days).times
    abandoned = max((day for day, cell in days if cell.abandoned), default=-1)
    since = "" if engaged < 0 else f" since they engaged with it on {entries.iso_day(engaged)}"
    if times < contents.LISTED_IN_VAIN:
        yield f"shown in vain {times} of the {contents.LISTED_IN_VAIN} times needed{since}"
    if abandoned < 0:
        yield "never left early"
    elif abandoned <= engaged:
        yield f"left early on {entries.iso_day(abandoned)}, but engaged with that day or later"
    enough = times >= contents.LISTED_IN_VAIN or abandoned > engaged
    if enough and contents.content_entry(value, days, as_of) is None:
        yield f"what there was has expired: such entries last {creators.CONTENT_ENTRY_DAYS} days"


def _said(profile: Profile, kind: ExplainedKind, value: str) -> Iterator[str]:
    """What the user stated about the key itself."""
    standing = Standing(profile.records, profile.sessions)
    families = {key.family for key in _record_keys(profile) if (key.scope, key.target) == (kind, value)}
    told: list[tuple[int, str]] = []
    for family in families:
        known = standing.known(RecordKey(kind, value, family))
        if known is None:
            continue
        told += [(ts, action) for action, ts in known.acts.acted.items()]
        told += [(ts, "purchase") for ts in known.acts.purchases.values()]
        told += [(ts, "return") for ts in known.acts.returns.values()]
        if known.acts.rating_at >= 0:
            told.append((known.acts.rating_at, f"rating {known.acts.rating}"))
        if known.undo >= 0:
            what = "all dislikes" if family == DISLIKE_FAMILY else family
            told.append((known.undo, f"undo of {what}"))
    for ts, what in sorted(told):
        yield f"{moment(ts)}: {what}"


def _record_keys(profile: Profile) -> set[RecordKey]:
    keys = set(profile.records)
    for session in profile.sessions:
        keys |= set(session.records)
    return keys

"""The oracle, spec §2–§4: how a user's events form sessions and interactions, and what these say.

Part of the oracle (see ``oracle.py``): plain and slow on purpose, written from docs/spec.md alone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from streamer.events import DAY_MS, Dislike, Event, Feedback, Impression, Media, Play, normal_tags
from streamer.settings import Settings

Context = tuple[tuple[str, str], ...]
"""Where something happened, so far as it is counted: (dimension, value), for example ("daypart", "morning")."""

NEVER = -1
"""A time before all others, for "there was none"."""

APPLAUSE = ("like", "love", "save", "share", "comment")
"""Positive feedback that stands until undone; follow, rating and purchase have rules of their own."""


@dataclass(frozen=True)
class Ratings:
    """How many ratings a user gave, and their sum (undecayed): what a further rating is measured by (§4)."""

    count: int = 0
    total: int = 0

    def plus(self, values: Sequence[int]) -> Ratings:
        return Ratings(self.count + len(values), self.total + sum(values))

    def deviation(self, value: int) -> float:
        """r': the rating against the user's mean, once there are three."""
        return value - self.total / self.count if self.count >= 3 else value - 3.0

    def weight(self, value: int) -> float:
        """The rating's unified weight."""
        if self.count >= 3:
            return min(0.9, max(-1.2, 0.45 * self.deviation(value)))
        return {5: 0.90, 4: 0.65, 3: 0.0, 2: -0.60, 1: -1.20}[value]

    def positive(self, value: int) -> bool:
        return value >= 4 and self.deviation(value) >= 0


@dataclass(frozen=True)
class Interaction:
    """All that happened to one content in one session, merged (§2)."""

    content_id: str
    first: int
    attention: int | None  # thousandths; None: no impression passed the gate
    showings: int  # distinct impressions that passed, at most 8
    clicked: bool
    started: bool
    ended: bool
    answered: bool  # any play, dislike or feedback
    played_s: float | None
    position_s: float | None
    scroll_depth: float | None
    tags: tuple[str, ...]
    creator: str | None
    media: Media
    duration_s: float | None
    applauded: bool  # positive feedback other than a rating
    rating: int | None  # the newest, unless undone
    returned: bool
    context: Context

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Tags in sorted order, then the creator."""
        creator = () if self.creator is None else (("creator", self.creator),)
        return (*(("tag", tag) for tag in sorted(self.tags)), *creator)


@dataclass(frozen=True)
class Session:
    """Events of one session id (or of none) on one day, no further apart than the gap (§2)."""

    session_id: str | None
    events: tuple[Event, ...]
    telling: tuple[Event, ...]  # those that count for more than their time
    start: int
    last: int
    interactions: dict[str, Interaction]

    @property
    def day(self) -> int:
        return self.last // DAY_MS

    @property
    def seal_order(self) -> tuple[int, bool, str, int]:
        return (self.last, self.session_id is None, self.session_id or "", self.start)

    @property
    def ratings(self) -> list[int]:
        """The standing newest rating of each interaction."""
        return [i.rating for i in self.interactions.values() if i.rating is not None]

    def takes(self, event: Event, gap_ms: int) -> bool:
        """Whether the event falls in this session."""
        return (
            event.session_id == self.session_id
            and event.ts // DAY_MS == self.day
            and self.start - gap_ms <= event.ts <= self.last + gap_ms
        )


@dataclass(frozen=True)
class Outcome:
    """What an interaction says (§3, §4), as far as is known while its session is open or once it is closed."""

    valid: bool
    started: bool
    abandoned: bool
    satisfied: bool
    engaged: bool
    ignored: bool
    returned: bool
    low_rating: bool
    resolved: bool
    completion: float | None


def sessions_of(events: Iterable[Event], settings: Settings, mute: Collection[Event] = ()) -> list[Session]:
    """The sessions that these events form, in seal order.

    Args:
        events: of one user, each once.
        settings: the deployment's.
        mute: those of them of which an erasure has left nothing but their time.
    """
    by_id: dict[str | None, list[Event]] = {}
    for event in events:
        by_id.setdefault(event.session_id, []).append(event)
    sessions = []
    for session_id, own in by_id.items():
        own.sort(key=lambda event: event.ts)
        run: list[Event] = []
        for event in own:
            if run and (
                event.ts - run[-1].ts > settings.session_gap * 1000 or event.ts // DAY_MS != run[-1].ts // DAY_MS
            ):
                sessions.append(_session(session_id, run, settings, mute))
                run = []
            run.append(event)
        sessions.append(_session(session_id, run, settings, mute))
    return sorted(sessions, key=lambda session: session.seal_order)


def _session(session_id: str | None, events: list[Event], settings: Settings, mute: Collection[Event]) -> Session:
    telling = [event for event in events if event not in mute]
    by_content: dict[str, list[Event]] = {}
    for event in telling:
        if event.content_id is not None:
            by_content.setdefault(event.content_id, []).append(event)
    earliest = sorted(by_content, key=lambda content_id: (by_content[content_id][0].ts, content_id))
    follows = [event for event in telling if isinstance(event, Feedback) and event.family == "follow"]
    kept = {c: interaction(c, by_content[c], settings, follows) for c in earliest[: settings.session_items]}
    return Session(session_id, tuple(events), tuple(telling), events[0].ts, events[-1].ts, kept)


def interaction(
    content_id: str, events: Sequence[Event], settings: Settings, follows: Sequence[Feedback] = ()
) -> Interaction:
    """Merges the events of one session that name one content.

    Args:
        content_id: which.
        events: those that name it.
        settings: the deployment's.
        follows: all follows of the session and their undos, for whom a content was followed may be undone elsewhere.
    """
    first = min(e.ts for e in events)
    gated = [e for e in events if isinstance(e, Impression) and passes_gate(e, settings)]
    plays = [e for e in events if isinstance(e, Play)]
    feedback = [e for e in events if isinstance(e, Feedback)]

    def newest_of(kind: str) -> int:
        return max((e.ts for e in feedback if e.kind == kind), default=NEVER)

    def undone(kind: str) -> int:
        return max((e.ts for e in feedback if e.kind == "undo" and e.of == kind), default=NEVER)

    ratings = [(e.ts, e.value) for e in feedback if e.kind == "rating" and e.value is not None]
    rated_at, rating = max(ratings, default=(NEVER, 0))
    returns = [e for e in feedback if e.kind == "return" and e.ts > undone("return")]
    purchases = [e for e in feedback if e.kind == "purchase" and e.ts > undone("purchase")]
    bought = any(not taken_back(purchase, returns) for purchase in purchases)
    return Interaction(
        content_id=content_id,
        first=first,
        attention=max((attention(e.position, settings, e.surface) for e in gated), default=None),
        showings=min(8, len({("id", e.event_id) if e.event_id is not None else ("ts", e.ts) for e in gated})),
        clicked=any(e.kind == "click" for e in feedback),
        started=bool(plays),
        ended=any(e.ended for e in plays),
        answered=any(not isinstance(e, Impression) for e in events),
        played_s=max((e.played_s for e in plays if e.played_s is not None), default=None),
        position_s=max((e.position_s for e in plays if e.position_s is not None), default=None),
        scroll_depth=max((e.scroll_depth for e in plays if e.scroll_depth is not None), default=None),
        tags=newest_tags(events),
        creator=newest_creator(events),
        media=max(((e.ts, e.media) for e in events if e.media is not None), default=(NEVER, "video"))[1],
        duration_s=max(((e.ts, e.duration_s) for e in events if e.duration_s is not None), default=(NEVER, None))[1],
        applauded=bought
        or any(newest_of(kind) > undone(kind) for kind in APPLAUSE)
        or any(e.kind == "follow" and e.ts > unfollowed(follows, e.creator_id) for e in feedback),
        rating=rating if rated_at > undone("rating") else None,
        returned=bool(returns),
        context=context_of([e for e in events if e.ts == first], settings),
    )


def unfollowed(follows: Iterable[Feedback], creator_id: str | None) -> int:
    """When the follow of a creator was last undone."""
    return max((e.ts for e in follows if e.kind == "undo" and e.creator_id == creator_id), default=NEVER)


def context_of(events: Sequence[Event], settings: Settings) -> Context:
    """The daypart and the device of events of one ts: of each the smaller, absent first."""
    device = min(e.device or "" for e in events)
    found = {"daypart": min(daypart(e) for e in events), "device": device}
    return tuple(
        (name, found[name]) for name in ("daypart", "device") if found[name] and name in settings.context_dimensions
    )


def daypart(event: Event) -> str:
    """The part of the local day."""
    hour = (event.ts + event.tz_offset_min * 60_000) // 3_600_000 % 24
    return ("night", "morning", "afternoon", "evening")[hour // 6]


def newest_tags(events: Iterable[Event]) -> tuple[str, ...]:
    """The tags of the newest event that carries any; ties: the greater."""
    carried = ((e.ts, normal_tags(e.tags)) for e in events)
    return max(((ts, tags) for ts, tags in carried if tags), default=(NEVER, ()))[1]


def newest_creator(events: Iterable[Event]) -> str | None:
    """The creator of the newest event that carries one; ties: the greater."""
    return max(((e.ts, e.creator_id) for e in events if e.creator_id is not None), default=(NEVER, None))[1]


def taken_back(purchase: Feedback, returns: Iterable[Feedback]) -> bool:
    """Whether one of these standing returns takes the purchase back: by order_id, or by time if one lacks it."""
    for returned in returns:
        if purchase.order_id is not None and returned.order_id is not None:
            if purchase.order_id == returned.order_id:
                return True
        elif returned.ts >= purchase.ts:
            return True
    return False


def passes_gate(impression: Impression, settings: Settings) -> bool:
    """Whether the impression was really seen (§3)."""
    if impression.visible_ratio < settings.viewable_ratio:
        return False
    if impression.visible_ms is None:
        return settings.trust_unverified
    if impression.surface in settings.surface_viewable_ms:
        return impression.visible_ms >= settings.surface_viewable_ms[impression.surface]
    is_video = impression.media in (None, "video")
    return impression.visible_ms >= settings.viewable_ms * (2 if is_video else 1)


def attention(position: int | None, settings: Settings, surface: str | None = None) -> int:
    """θ in thousandths."""
    if surface in settings.surface_attention:
        anywhere = attention(position, settings)
        return math.floor(anywhere * settings.surface_attention[surface] + 0.5)
    if position is None:
        return 1000
    if settings.attention_table:
        share = settings.attention_table[min(position, len(settings.attention_table) - 1)]
    else:
        share = max(0.1, (1 + position) ** -settings.attention_eta)
    return math.floor(share * 1000 + 0.5)


def completion(i: Interaction) -> float | None:
    """c: the share of the item that was consumed; None: not computable."""
    if not i.started or i.media == "product":
        return None
    if i.media == "article":
        return None if i.scroll_depth is None else min(1.0, i.scroll_depth)
    consumed = consumed_s(i)
    if consumed is None or i.duration_s is None:
        return None
    return min(1.0, consumed / i.duration_s)


def consumed_s(i: Interaction) -> float | None:
    """Seconds of a video or audio that were consumed."""
    parts = (i.played_s, i.position_s) if i.media == "audio" else (i.played_s,)
    return max((part for part in parts if part is not None), default=None)


def left_early(i: Interaction, settings: Settings) -> bool:
    """Whether a play that ended here was broken off."""
    if i.media == "product":
        return False
    if i.media == "article":
        return i.scroll_depth is not None and i.scroll_depth < 0.25 and (i.played_s is None or i.played_s < 15)
    consumed = consumed_s(i)
    if consumed is None:
        return False
    if settings.abandon_rule == "flat":
        return consumed < settings.abandon_max_s
    if i.duration_s is None:
        return consumed < 30
    return consumed < min(settings.abandon_max_s, 2 * math.sqrt(i.duration_s))


def outcome(i: Interaction, session: Session, closed: bool, ratings: Ratings, settings: Settings) -> Outcome:
    """What the interaction says.

    Args:
        closed: whether its session is closed.
        ratings: those of R and of the interaction's session.
    """
    valid = i.attention is not None and session.last - session.start >= settings.min_session * 1000
    c = completion(i)
    positive = i.applauded or (i.rating is not None and ratings.positive(i.rating))
    ended = i.started and (i.ended or closed)
    abandoned = ended and not positive and (c is None or c < 0.80) and left_early(i, settings)
    satisfied = ended and not abandoned and (c is None or c >= 0.10)
    engaged = satisfied or positive or (i.clicked and not i.started)
    ignored = valid and closed and not i.answered
    return Outcome(
        valid=valid,
        started=i.started,
        abandoned=abandoned,
        satisfied=satisfied,
        engaged=engaged,
        ignored=ignored,
        returned=i.returned,
        low_rating=i.rating is not None and i.rating <= 2,
        resolved=ignored or ended or engaged,
        completion=c,
    )


def is_explicit(event: Event) -> bool:
    """Whether the event makes an explicit record: dislikes and all feedback but clicks."""
    return isinstance(event, Dislike) or (isinstance(event, Feedback) and event.family != "click")

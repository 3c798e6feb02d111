"""Labels: what a sealed session says of its items, as training examples (topic ``labels``, off by default).

One record per session, so that a model sees what was chosen together with what was passed over beside it. Items that
were not really seen and not acted on are left out: they are no example of anything (I4).
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import Struct

from streamer.events import Media
from streamer.profile.baseline import Baseline
from streamer.profile.contribution import session_ratings
from streamer.profile.positions import PositionedSession
from streamer.profile.rules import Rules
from streamer.profile.session import Session
from streamer.signals.completion import Band, band, replays, watch_score
from streamer.signals.feedback import Present, present, total, weights
from streamer.signals.interaction import NOTHING_SAID, Interaction
from streamer.signals.outcome import Outcome
from streamer.signals.rounding import places4

SCHEMA: Final = 1
EXAMPLES: Final = 200
"""Most examples of one record; a longer session is told in several, so that any broker takes them (I6)."""

Reading = Literal["engaged", "abandoned", "left", "ignored"]


class Example(Struct, frozen=True, kw_only=True):
    """One item in one session: what was shown, what was done, and what that weighs.

    Attributes:
        content_id, creator_id, tags, media, duration_s: the item, by its newest events.
        first: ts of its first event in the session, ms.
        daypart, device: its context, of that event.
        position: where the impression stood that ``propensity`` was taken from, 0 = first; null: not told.
        propensity: probability that the item was examined, 0–1; null: it was no valid exposure.
        clicked, started: whether it was.
        completion: share consumed, 0–1; null: unknown.
        band: the name of the completion.
        watch_score: completion, plus a half if it was played again.
        outcome: the reading of spec §4; null: none of them (an answer alone, such as a dislike).
        signals: what was present, and what each weighs.
        weight: the sum of ``signals``: the unified weight. Its sign is the preference.
        confidence: 1 + hkv_alpha·|weight|.
        ips_weight: inverse propensity weight of a click; null: not clicked, or no valid exposure.
    """

    content_id: str
    creator_id: str | None
    tags: tuple[str, ...]
    media: Media
    duration_s: float | None
    first: int
    daypart: str
    device: str | None
    position: int | None
    propensity: float | None
    clicked: bool
    started: bool
    completion: float | None
    band: Band | None
    watch_score: float | None
    outcome: Reading | None
    signals: dict[str, float]
    weight: float
    confidence: float
    ips_weight: float | None


class Label(Struct, frozen=True, kw_only=True):
    """The examples of one sealed session, earliest first.

    (``user_id``, ``session_id``, ``start``, ``part``) names a record: one that comes again, after a crash, is the
    same. ``session_id`` is null for sessions told apart by inactivity alone. ``start`` and ``last`` (ms) are the ts
    of the session's first and last event. ``part`` counts from 0 to ``parts`` − 1.
    """

    schema: int
    user_id: str
    session_id: str | None
    start: int
    last: int
    cohort: str | None
    part: int
    parts: int
    examples: tuple[Example, ...]

    @property
    def name(self) -> str:
        """What tells it from the user's other labels: start, part and, if there is one, session id.

        >>> Label(schema=1, user_id="u", session_id="s", start=5, last=9, cohort=None, part=0, parts=1,
        ...       examples=()).name
        '5 0 s'
        """
        name = f"{self.start} {self.part}"
        return name if self.session_id is None else f"{name} {self.session_id}"


def labels(user_id: str, session: Session, baseline: Baseline, rules: Rules) -> list[Label]:
    """The labels of a session as it seals; none if nothing in it was seen or acted on.

    Args:
        user_id: whose session it is.
        session: the session.
        baseline: R before the seal; of it only the user's ratings count.
        rules: the deployment's constants.
    """
    items = session.counted(rules)
    ratings, feedback = session_ratings(session, items, baseline.rollup), session.feedback()
    long_enough = session.long_enough(rules)
    examples: list[Example] = []
    for item in sorted(items, key=lambda item: (item.first, item.content_id)):
        said = feedback.get(item.content_id, NOTHING_SAID)
        outcome = rules.outcomes.read(item, said, long_enough, True, *ratings)
        if outcome.exposed or item.started or item.responded:
            position = _position(item, session, rules) if outcome.exposed else None
            examples.append(_example(item, outcome, position, present(item, outcome, said, *ratings), rules))
    parts = [tuple(examples[at : at + EXAMPLES]) for at in range(0, len(examples), EXAMPLES)]
    return [
        Label(
            schema=SCHEMA,
            user_id=user_id,
            session_id=session.session_id,
            start=session.start,
            last=session.last,
            cohort=session.cohort,
            part=number,
            parts=len(parts),
            examples=part,
        )
        for number, part in enumerate(parts)
    ]


def encode(label: Label) -> bytes:
    """The label's bytes: UTF-8 JSON, keys in the order of the struct, no spaces."""
    return _encoder.encode(label)


def _example(item: Interaction, outcome: Outcome, position: int | None, found: Present, rules: Rules) -> Example:
    signals = weights(found, rules.training.refusals)
    weight = total(signals)
    propensity = item.attention / 1000 if outcome.exposed else None
    c = outcome.completion
    replayed = 0 if item.playbacks is None else replays(item.playbacks.values(), item.duration_s)
    return Example(
        content_id=item.content_id,
        creator_id=item.creator,
        tags=item.tags,
        media=outcome.media,
        duration_s=item.duration_s,
        first=item.first,
        daypart=item.daypart,
        device=item.device,
        position=position,
        propensity=propensity,
        clicked=item.clicked,
        started=item.started,
        completion=None if c is None else places4(c),
        band=None if c is None else band(c),
        watch_score=None if c is None else places4(watch_score(c, replayed)),
        outcome=_reading(outcome),
        signals={name: places4(value) for name, value in signals.items()},
        weight=places4(weight),
        confidence=places4(rules.training.confidence(weight)),
        ips_weight=None if propensity is None or not item.clicked else places4(rules.training.ips(propensity)),
    )


def _reading(outcome: Outcome) -> Reading | None:
    if outcome.engaged:
        return "engaged"
    if outcome.abandoned:
        return "abandoned"
    if outcome.started:
        return "left"
    return "ignored" if outcome.ignored else None


def _position(item: Interaction, session: Session, rules: Rules) -> int | None:
    """Where the most attended impression stood; None if that one did not tell."""
    position = session.position(item.content_id) if isinstance(session, PositionedSession) else None
    return position if position is not None and rules.attention.may_be_at(position, item.attention) else None


_encoder: Final = msgspec.json.Encoder()

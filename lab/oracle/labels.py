"""The oracle, spec §4: what every item of a sealed session weighs in its label.

Part of the oracle (see ``oracle.py``): plain and slow on purpose, written from docs/spec.md alone.
"""

from __future__ import annotations

from lab.oracle.sessions import NEVER, Interaction, Ratings, Session, completion, outcome, taken_back, unfollowed
from streamer.events import Dislike, Event, Feedback, Play
from streamer.settings import Settings

STATED = {"like": 0.70, "love": 0.90, "save": 0.70, "share": 0.70, "comment": 0.10}


def label_weights(session: Session, ratings: Ratings, settings: Settings) -> dict[str, float]:
    """The unified weight of each example of a session as it seals, by content id.

    Args:
        session: a sealed session.
        ratings: those of R before the seal.
        settings: the deployment's.
    """
    known = ratings.plus(session.ratings)
    found = {}
    for content_id, i in session.interactions.items():
        read = outcome(i, session, True, known, settings)
        if read.valid or i.answered:
            named = [event for event in session.events if event.content_id == content_id]
            found[content_id] = (
                0.01 * read.valid
                + 0.10 * i.clicked
                + _watched(i, named)
                + _said(session, named)
                + (0.0 if i.rating is None else known.weight(i.rating))
                + settings.weight_abandoned * read.abandoned
                + settings.weight_ignored * read.ignored
            )
    return found


def _watched(i: Interaction, named: list[Event]) -> float:
    c = completion(i)
    played: dict[str, float] = {}
    for event in named:
        if isinstance(event, Play) and event.played_s is not None:
            played[event.playback_id] = max(played.get(event.playback_id, 0.0), event.played_s)
    whole = 0 if i.duration_s is None else sum(each / i.duration_s >= 0.80 for each in played.values())
    watched = 0.0 if c is None or c < 0.50 else 0.60 if c >= 0.80 else 0.30
    return watched + 1.20 * (whole > 1)


def _said(session: Session, named: list[Event]) -> float:
    feedback = [event for event in named if isinstance(event, Feedback)]

    def stands(event: Feedback) -> bool:
        return event.ts > max((e.ts for e in feedback if e.kind == "undo" and e.of == event.kind), default=NEVER)

    kinds = {event.kind for event in feedback if stands(event)}
    weight = sum(STATED[kind] for kind in kinds & STATED.keys())
    follows = [event for event in session.events if isinstance(event, Feedback)]
    follows = [event for event in follows if event.family == "follow"]
    weight += 0.70 * any(e.kind == "follow" and e.ts > unfollowed(follows, e.creator_id) for e in feedback)
    returns = [event for event in feedback if event.kind == "return" and stands(event)]
    bought = [event for event in feedback if event.kind == "purchase" and stands(event)]
    orders = {(event.order_id or event.ts) for event in bought if not taken_back(event, returns)}
    weight += {0: 0.0, 1: 1.00}.get(len(orders), 2.00) - 1.00 * bool(returns)
    of_content = [event for event in named if isinstance(event, Dislike) and event.scope == "content"]
    undone = max((event.ts for event in of_content if event.action == "undo"), default=NEVER)
    return weight - 1.50 * any(event.action != "undo" and event.ts > undone for event in of_content)

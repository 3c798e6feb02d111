"""What a user can do with the item at hand, as the events that the stream would have of it.

What is added to a history is what a worker's label would say of these events: the rules of the stream read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, get_args

from streamer.events import Dislike, Event, Feedback, Impression, Play
from streamer.learning.responsiveness.state import Item, State
from streamer.learning.retriever.histories import Met, action_of
from streamer.profile import Profile, Rules
from streamer.signals.abandonment import ARTICLE_S, UNKNOWN_DURATION_S, Abandonment
from streamer.signals.exposure import VIDEO_FACTOR

Action = Literal["nothing", "engaged", "ignored", "left", "abandoned", "disliked", "creator disliked"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
"""From none to the strongest, and one that says yes, for comparison.

``nothing``: the item is not shown. ``engaged``: consumed whole, of a product clicked. ``ignored``: it was seen, and not
acted on. ``left``: begun, and left too late for an abandonment and too soon to have been wanted, as long items are.
``abandoned``: left early. ``disliked``: the content; ``creator disliked``: its creator.
"""
CONTROL: Final[Action] = "engaged"
"""What others are compared with: models change what they show after anything."""
_DEPTH: Final = 0.05
_WHOLE_S: Final = 300.0
"""Taken for the length of what tells none."""


def after(state: State, item: Item, action: Action, rules: Rules) -> State | None:
    """The state in which a user has done this with an item just now.

    Args:
        state: before; it stays as it is.
        item: at hand.
        action: what is done.
        rules: by which it is read; labels must be on.

    Returns:
        None: this cannot be done with this item, as of one without a creator the creator cannot be disliked, and a
        short video cannot be left late and yet soon.
    """
    if action == "nothing":
        return state.with_more((), ())
    if action == "creator disliked" and item.creator_id is None:
        return None
    events = _events(state.user_id, state.now_ms, item, action, rules)
    outcome, met = _read(state.user_id, item.content_id, events, rules)
    if action in ("engaged", "ignored", "left", "abandoned") and outcome != action:
        return None
    return state.with_more(met, events)


def _events(user_id: str, ts: int, item: Item, action: Action, rules: Rules) -> list[Event]:
    """A visit of as long as a session must last for its exposures to count."""
    seen_ms, ends = VIDEO_FACTOR * rules.settings.viewable_ms, ts + rules.min_session_ms + 1
    shown = [
        Impression(user_id=user_id, ts=at, position=0, visible_ms=seen_ms, **item.carried) for at in (ts, ends)
    ]  # seen all the while
    if action == "engaged":
        return [*shown, _engagement(user_id, ends, item)]
    if action in ("left", "abandoned"):
        return [*shown, _play(user_id, ends, item, action == "left", Abandonment(rules.settings))]
    if action == "disliked":
        return [*shown, Dislike(user_id=user_id, ts=ends, action="dislike", **item.carried)]
    if action == "creator disliked":
        return [*shown, Dislike(user_id=user_id, ts=ends, action="dislike", scope="creator", **item.carried)]
    return list(shown)


def _engagement(user_id: str, ts: int, item: Item) -> Event:
    if item.media == "product":
        return Feedback(user_id=user_id, ts=ts, kind="click", **item.carried)
    depth = 1.0 if item.media == "article" else None
    played_s = _WHOLE_S if item.duration_s is None else item.duration_s
    return Play(user_id=user_id, ts=ts, played_s=played_s, scroll_depth=depth, **item.carried)


def _play(user_id: str, ts: int, item: Item, is_late: bool, rule: Abandonment) -> Play:
    """A play that ends before what counts as an abandonment does, or just after."""
    if item.media == "article":
        cut, depth = ARTICLE_S, _DEPTH
    else:
        cut, depth = UNKNOWN_DURATION_S if item.duration_s is None else rule.cut(item.duration_s), None
    played_s = cut + 1 if is_late else cut / 2
    return Play(user_id=user_id, ts=ts, played_s=played_s, scroll_depth=depth, **item.carried)


def _read(user_id: str, content_id: str, events: Sequence[Event], rules: Rules) -> tuple[str | None, list[Met]]:
    """The outcome that a label would tell of the item, and what histories would have of it."""
    profile = Profile(user_id, rules)
    for event in events:
        profile.apply(event, event.ts)
    profile.advance(events[-1].ts + rules.gap_ms + rules.grace_ms + 1)
    for label in profile.take_labels():
        for example in label.examples:
            if example.content_id == content_id:
                action = action_of(example.outcome, example.signals)
                met = [] if action == "ignored" else [Met(content_id, action, example.weight)]
                return example.outcome, met
    return None, []

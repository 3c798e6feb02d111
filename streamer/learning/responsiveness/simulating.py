"""The simulation: for each user and action, what is shown with it against what is shown without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from streamer.learning.responsiveness.actions import ACTIONS, CONTROL, Action, after
from streamer.learning.responsiveness.intervals import Estimate, estimate
from streamer.learning.responsiveness.rolling import MEASURES, Vectors, likeness_of, likenesses, roll
from streamer.learning.responsiveness.state import Asked, Item, State
from streamer.profile import Rules

Floats = npt.NDArray[np.float64]


class Response(Struct, frozen=True):
    """How one measure answers to one action.

    Attributes:
        before: its mean without the action.
        change: its mean with the action, less that; below 0: less of the same is shown.
        beyond: its mean with the action, less that with an engagement with the same item; None: nobody did both.
            What any event would do, a "no" or not, is taken out of it.
        by_list: the change in each of the next lists.
    """

    before: Estimate
    change: Estimate
    beyond: Estimate | None
    by_list: tuple[Estimate, ...]

    @property
    def relative(self) -> float | None:
        """The change as a share of what was before; None: that was 0."""
        return self.change.value / self.before.value if self.before.value else None


class Simulated(Struct, frozen=True):
    """A recommender's answers, by action and measure; what could not be told of anybody is left out."""

    recommender: str
    responses: dict[Action, dict[str, Response]]


def simulate(
    recommenders: Mapping[str, Asked],
    states: Sequence[State],
    items: Mapping[str, Item],
    rules: Rules,
    *,
    vectors: Vectors | None = None,
    lists: int = 5,
    k: int = 10,
    seed: int = 0,
    report: Callable[[], None] = lambda: None,
) -> list[Simulated]:
    """Lets every user do each action with the item that the recommender would show them first.

    Args:
        recommenders: by name.
        states: of users, one each.
        items: by content id.
        rules: by which actions are read; labels must be on.
        vectors: of items, to tell similarity; None: it is left out.
        lists: how many next lists are looked at.
        k: items of each.
        seed: of the intervals.
        report: called after every user of every recommender.
    """
    likes = likenesses(vectors)
    found = []
    for name, recommender in recommenders.items():
        told: dict[tuple[Action, str], dict[int, tuple[Floats, Floats]]] = {}
        for number, state in enumerate(states):
            for at_hand, action, before, then in _rolls(recommender, state, items, rules, lists, k):
                for measure, like in likes.items():
                    without, with_it = (likeness_of(each, at_hand, items, like) for each in (before, then))
                    if without is not None and with_it is not None:
                        told.setdefault((action, measure), {})[number] = without, with_it
            report()
        responses = {
            action: {
                measure: _response(told[action, measure], told.get((CONTROL, measure), {}), seed)
                for measure in MEASURES
                if (action, measure) in told
            }
            for action in ACTIONS
        }
        found.append(Simulated(name, responses))
    return found


def _rolls(
    recommender: Asked, state: State, items: Mapping[str, Item], rules: Rules, lists: int, k: int
) -> Iterable[tuple[Item, Action, list[list[str]], list[list[str]]]]:
    """The item at hand, each action that can be done with it, and the lists without and with that."""
    first = recommender.recommend(state, 1)
    if not first:
        return
    at_hand = items.get(first[0]) or Item(first[0])
    before = roll(recommender, state, at_hand.content_id, lists, k)
    for action in ACTIONS:
        then = after(state, at_hand, action, rules)
        if then is not None:
            yield at_hand, action, before, roll(recommender, then, at_hand.content_id, lists, k)


def _response(
    told: Mapping[int, tuple[Floats, Floats]], control: Mapping[int, tuple[Floats, Floats]], seed: int
) -> Response:
    """Of what each user was shown without and with the action, and of that with the control."""
    before, then = (np.array(each) for each in zip(*told.values(), strict=True))
    changes = then - before
    found = [estimate(values, seed) for values in (before.mean(axis=1), changes.mean(axis=1), *changes.T)]
    known = [each for each in found if each is not None]
    beyond = np.array([told[user][1].mean() - control[user][1].mean() for user in told if user in control])
    return Response(known[0], known[1], estimate(beyond, seed), tuple(known[2:]))

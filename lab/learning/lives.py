"""What contenders learn from and are judged by: users' events, cut in two by time, as the worker reads each part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lab.evaluation.crowd import Life, rates
from streamer.events import Event
from streamer.learning.retriever.histories import (
    ACTIONS,
    TAGS_OF_AN_ITEM,
    Floats,
    Histories,
    Ints,
    Items,
    Met,
    action_of,
)
from streamer.profile import Profile, Rules, lived
from streamer.profile.labels import Example
from streamer.serving.candidate import Candidate
from streamer.serving.rules import AvoidList
from streamer.settings import Settings

Bools = npt.NDArray[np.bool_]


class Truth(NamedTuple):
    """Of every item of a catalogue, by index, whether one user would really rather not be shown it, or likes it."""

    unwanted: Bools
    wanted: Bools


class Person(NamedTuple):
    """One user of a source.

    Attributes:
        user_id: their id.
        before, after: events before and from the split on, ts ascending.
        truth: after the split, if it is known.
    """

    user_id: str
    before: Sequence[Event]
    after: Sequence[Event]
    truth: Truth | None = None


class Source(NamedTuple):
    """People and the whole catalogue that they are recommended from."""

    people: Sequence[Person]
    items: Sequence[Candidate]


class Case(NamedTuple):
    """What one user's lists are made of and judged by. Items are indices of the catalogue.

    Attributes:
        user_id: whose.
        state: the history before the split.
        met: items in it, which are not recommended again.
        refused_before: those of them whose weights add up to less than 0.
        wanted, refused: items met after the split for the first time: those of weight above 0, and those below.
        disliked: those of the refused that the user said so of; the others were abandoned.
        penalties: (items,), what the avoid list makes of each item's relevance, read as soon as all sessions before the
            split have sealed; that of no item is 0.
        truth: if it is known; (items,) as well.
    """

    user_id: str
    state: Sequence[Met]
    met: frozenset[int]
    refused_before: frozenset[int]
    wanted: frozenset[int]
    refused: frozenset[int]
    disliked: frozenset[int]
    penalties: Floats
    truth: Truth | None


class Study(NamedTuple):
    """Histories before the split to learn from, and the cases of all users, both in the order of the users' ids.

    ``hkv_alpha``: the setting, for ALS.
    """

    histories: Histories
    cases: Sequence[Case]
    hkv_alpha: float


def study_of(source: Source, settings: Settings, report: Callable[[], None] = lambda: None) -> Study:
    """Reads all lives as a worker does.

    Lists go by rates of the other half of the users (spec §10), as in ``lab/evaluation``.

    Args:
        settings: of the deployment.
        report: called after each user.
    """
    people = sorted(source.people, key=lambda person: person.user_id)
    items = catalogue_of(source.items)
    index = {name: number for number, name in enumerate(items.content_ids) if name}
    constants = Rules(settings)  # strangers count in halves, too: places are those of all people
    lives = (Life(each.user_id, each.before, _sealed_ms(each.before, constants)) for each in people)
    even, odd = rates(lives, settings)
    told: list[list[Example]] = []
    cases: list[Case] = []
    for place, person in enumerate(people):
        rules = Rules(settings.model_copy(update={"labels": True}), (odd, even)[place % 2])
        learned, penalties = _before_split(person, rules, source.items)
        told.append(learned)
        state = [_met(each) for each in learned]
        met = _sums(learned, index)
        then = _later(person, rules)
        later = {item: weight for item, weight in _sums(then, index).items() if item not in met}
        refused = frozenset(item for item, weight in later.items() if weight < 0)
        cases.append(
            Case(
                person.user_id,
                state,
                frozenset(met),
                frozenset(item for item, weight in met.items() if weight < 0),
                frozenset(item for item, weight in later.items() if weight > 0),
                refused,
                refused & {index[each.content_id] for each in then if _met(each).action == "disliked"},
                penalties,
                person.truth,
            )
        )
        report()
    return Study(_histories(items, [each.user_id for each in people], told, index), cases, settings.hkv_alpha)


def _before_split(person: Person, rules: Rules, items: Sequence[Candidate]) -> tuple[list[Example], Floats]:
    profile = _read(person.user_id, person.before, rules)
    now_ms = _sealed_ms(person.before, rules)
    served = AvoidList(profile.document() if person.before else None, user_id=person.user_id)
    penalties = np.array([0.0, *served.penalties(items, now_ms)], np.float32)
    return _acted_on(profile), penalties


def _later(person: Person, rules: Rules) -> list[Example]:
    return _acted_on(_read(person.user_id, person.after, rules))


def _sums(examples: Iterable[Example], index: dict[str, int]) -> dict[int, float]:
    """The weights of every item in it, added up."""
    sums: dict[int, float] = {}
    for example in examples:
        item = index[example.content_id]
        sums[item] = sums.get(item, 0.0) + example.weight
    return sums


def _read(user_id: str, events: Sequence[Event], rules: Rules) -> Profile:
    profile = lived(user_id, events, rules)
    profile.advance(_sealed_ms(events, rules))
    return profile


def _sealed_ms(events: Sequence[Event], rules: Rules) -> int:
    """When the last session of these events has sealed."""
    return (events[-1].ts if events else 0) + rules.gap_ms + rules.grace_ms + 1


def _acted_on(profile: Profile) -> list[Example]:
    """The examples of all sessions but for what was only ignored, as a history has them (``histories.py``)."""
    examples = chain.from_iterable(label.examples for label in profile.take_labels())
    found = [each for each in examples if action_of(each.outcome, each.signals) != "ignored"]
    return sorted(found, key=lambda each: each.first)


def _met(example: Example) -> Met:
    return Met(example.content_id, action_of(example.outcome, example.signals), example.weight)


def catalogue_of(candidates: Iterable[Candidate]) -> Items:
    """A whole catalogue, those included that nobody acted on: they can be recommended, too."""
    creators: dict[str, int] = {"": 0}
    tags: dict[str, int] = {"": 0}
    ids, creator_of, tags_of = [""], [0], [[0] * TAGS_OF_AN_ITEM]
    for each in candidates:
        ids.append(each.content_id)
        creator_of.append(creators.setdefault(each.creator_id or "", len(creators)))
        known = [tags.setdefault(tag, len(tags)) for tag in each.tags][:TAGS_OF_AN_ITEM]
        tags_of.append(known + [0] * (TAGS_OF_AN_ITEM - len(known)))
    return Items(tuple(ids), tuple(creators), tuple(tags), np.array(creator_of, np.int32), np.array(tags_of, np.int32))


def _histories(items: Items, users: list[str], told: list[list[Example]], index: dict[str, int]) -> Histories:
    rows = list(chain.from_iterable(told))
    item: Ints = np.array([index[each.content_id] for each in rows], np.int32)
    action: Ints = np.array([ACTIONS.index(action_of(each.outcome, each.signals)) for each in rows], np.int32)
    return Histories(
        items,
        tuple(users),
        np.cumsum([0, *map(len, told)]),
        item,
        action,
        np.array([each.weight for each in rows], np.float32),
        np.array([each.first for each in rows], np.int64),
    )

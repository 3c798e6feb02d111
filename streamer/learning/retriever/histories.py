"""What users met, in the order in which they met it, from exported examples.

Items that were ignored are no part of a history: there are many times more of them than of all else.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streamer.errors import LearningError
from streamer.learning.examples.folder import tables_in

ACTIONS: Final = ("", "engaged", "praised", "left", "abandoned", "answered", "disliked", "returned")
"""Action types; the first is that of no action."""
COLUMNS: Final = ("user_id", "first", "content_id", "creator_id", "tags", "outcome", "signals", "weight")
TAGS_OF_AN_ITEM: Final = 8
_PRAISE: Final = {"like", "love", "save", "share", "follow", "comment", "purchase"}

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


class Met(NamedTuple):
    """One interaction of a history.

    Attributes:
        content_id: with what.
        action: one of :data:`ACTIONS`.
        weight: its unified weight: above 0 it was wanted, below 0 refused.
    """

    content_id: str
    action: str
    weight: float


def action_of(outcome: str | None, signals: Iterable[str]) -> str:
    """The action type of an example: the strongest of what was said, else how it ended.

    >>> action_of("engaged", ["impression", "like"]), action_of("abandoned", ["dislike"]), action_of("left", [])
    ('praised', 'disliked', 'left')
    """
    names = set(signals)
    if "dislike" in names:
        return "disliked"
    if "return" in names:
        return "returned"
    if names & _PRAISE:
        return "praised"
    return outcome or "answered"


class Items(NamedTuple):
    """The catalogue: of each item its creator and tags. Index 0 of each is none.

    Attributes:
        content_ids, creator_ids, tags: by index.
        creator_of: (items,), an index of ``creator_ids``.
        tags_of: (items, 8), indices of ``tags``, 0 where there are fewer.
    """

    content_ids: tuple[str, ...]
    creator_ids: tuple[str, ...]
    tags: tuple[str, ...]
    creator_of: Ints
    tags_of: Ints


class Histories(NamedTuple):
    """What users met.

    Attributes:
        items: everything that anybody acted on.
        users: whose histories they are, sorted.
        begins: (users + 1,), where each user's history begins in the next four, earliest first.
        item, action: (interactions,), indices of ``items.content_ids`` and :data:`ACTIONS`.
        weight: (interactions,), unified weights.
        ts: (interactions,), ms since 1970.
    """

    items: Items
    users: tuple[str, ...]
    begins: npt.NDArray[np.int64]
    item: Ints
    action: Ints
    weight: Floats
    ts: npt.NDArray[np.int64]

    def of(self, user: int) -> list[Met]:
        """A user's history, by the user's index."""
        span = slice(self.begins[user], self.begins[user + 1])
        named = zip(self.item[span].tolist(), self.action[span].tolist(), self.weight[span].tolist(), strict=True)
        return [Met(self.items.content_ids[item], ACTIONS[action], weight) for item, action, weight in named]


def read(folder: Path) -> Histories:
    """The histories in a folder that ``streamer labels export`` made. Memory: some 300 bytes an interaction.

    Raises:
        ExportError: the folder is no export.
        LearningError: there are fewer than two items in it to learn from.
    """
    return histories_of(tables_in(folder, COLUMNS))


def histories_of(tables: Iterable[pa.Table]) -> Histories:
    """The histories that tables of :data:`COLUMNS` tell; raises as :func:`read`."""
    users, items = _Numbers(), _Catalogue()
    rows: list[tuple[int, int, int, int, float]] = []
    for table in tables:
        columns = (table[name].to_pylist() for name in COLUMNS)
        for user, first, content, creator, tags, outcome, signals, weight in zip(*columns, strict=True):
            action = action_of(outcome, (name for name, _ in signals))
            if action != "ignored":
                item = items.add(content, creator, tags, first)
                rows.append((users.of(user), first, item, ACTIONS.index(action), weight))
    if len({row[2] for row in rows}) < 2:
        raise LearningError(
            "the examples have fewer than two items that anybody acted on: there is nothing to learn. See what is in "
            "them with  streamer labels stats FOLDER"
        )
    names = sorted(users.numbers)
    rank = {users.numbers[name]: place for place, name in enumerate(names)}
    rows.sort(key=lambda row: (rank[row[0]], row[1], row[2]))
    found = np.array([rank[row[0]] for row in rows])
    return Histories(
        items.items(),
        tuple(names),
        np.searchsorted(found, np.arange(len(names) + 1)),
        np.array([row[2] for row in rows], np.int32),
        np.array([row[3] for row in rows], np.int32),
        np.array([row[4] for row in rows], np.float32),
        np.array([row[1] for row in rows], np.int64),
    )


class _Numbers:
    """Numbers for names, in the order in which they come, from ``first`` on."""

    def __init__(self, first: int = 0) -> None:
        self.numbers: dict[str, int] = {}
        self._first = first

    def of(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers) + self._first)


class _Catalogue:
    """Items as they come; of each the newest creator and tags count."""

    def __init__(self) -> None:
        self._contents, self._creators, self._tags = _Numbers(1), _Numbers(1), _Numbers(1)
        self._keys: dict[int, tuple[int, int, tuple[int, ...]]] = {}

    def add(self, content: str, creator: str | None, tags: Iterable[str], ts: int) -> int:
        item = self._contents.of(content)
        if item not in self._keys or ts >= self._keys[item][0]:
            known = tuple(self._tags.of(tag) for tag in tags)[:TAGS_OF_AN_ITEM]
            self._keys[item] = (ts, 0 if creator is None else self._creators.of(creator), known)
        return item

    def items(self) -> Items:
        count = len(self._keys) + 1
        creators, tags = np.zeros(count, np.int32), np.zeros((count, TAGS_OF_AN_ITEM), np.int32)
        for item, (_, creator, known) in self._keys.items():
            creators[item] = creator
            tags[item, : len(known)] = known
        contents, of_creators, of_tags = (("", *each.numbers) for each in (self._contents, self._creators, self._tags))
        return Items(contents, of_creators, of_tags, creators, tags)

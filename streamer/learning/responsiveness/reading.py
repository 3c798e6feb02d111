"""Users to simulate, from a folder of exported examples: their states, and the items that there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from streamer.errors import LearningError
from streamer.learning.examples.folder import tables_in
from streamer.learning.responsiveness.retelling import Retelling, Seen
from streamer.learning.responsiveness.state import Item, State
from streamer.learning.retriever.histories import Met, action_of
from streamer.settings import Settings

_ITEM: Final = ("content_id", "creator_id", "tags", "media", "duration_s", "first")
_COUNTED: Final = ("user_id", *_ITEM, "outcome", "signals", "weight")
_SEEN: Final = (
    *_COUNTED, "session_id", "last", "device", "position", "propensity", "clicked", "started", "completion"
)  # fmt: skip


class People(NamedTuple):
    """What a folder tells.

    Attributes:
        items: by content id, as their newest examples have them.
        wanted: how often each was wanted (weight above 0); all items.
        users: how many there are that acted on anything.
        refused: how many interactions were refused (weight below 0), what was only ignored apart.
        states: of the users drawn, in the order of their ids.
    """

    items: dict[str, Item]
    wanted: Counter[str]
    users: int
    refused: int
    states: list[State]


def read(folder: Path, settings: Settings, users: int, seed: int) -> People:
    """Draws users from a folder that ``streamer labels export`` made.

    Memory: some 500 bytes an item, 100 a user, and 1,000 an example of those drawn.

    Args:
        folder: the export.
        settings: the deployment's, for what seen means and when sessions are over.
        users: how many to draw at most.
        seed: of the draw.

    Raises:
        ExportError: the folder is no export.
        LearningError: nobody in it acted on anything.
    """
    counted = _Counted()
    for table in tables_in(folder, _COUNTED):
        counted.add(table)
    if not counted.users:
        raise LearningError(
            f"nobody in {folder} acted on anything, so there is no history to begin from: see what is in it with  "
            "streamer labels stats FOLDER"
        )
    names = sorted(counted.users)
    drawn = sorted(Random(seed).sample(names, min(users, len(names))))
    by_user: dict[str, list[tuple[Seen, float]]] = {name: [] for name in drawn}
    their_names = pa.array(drawn)
    for table in tables_in(folder, _SEEN):
        _take(table.filter(pc.is_in(table["user_id"], their_names)), counted.items, by_user)
    retelling = Retelling(settings)
    states = [_state(name, rows, retelling, settings) for name, rows in by_user.items()]
    return People(counted.items, counted.wanted, len(names), counted.refused, states)


class _Counted:
    """Items and users, counted table by table."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.wanted: Counter[str] = Counter()
        self.users: set[str] = set()
        self.refused = 0
        self._newest: dict[str, int] = {}

    def add(self, table: pa.Table) -> None:
        columns = (table[name].to_pylist() for name in _COUNTED)
        for user, content, creator, tags, media, duration_s, first, outcome, signals, weight in zip(
            *columns, strict=True
        ):
            if first >= self._newest.get(content, first):
                self._newest[content] = first
                self.items[content] = Item(content, creator, tuple(tags), media, duration_s)
            self.wanted[content] += weight > 0
            if action_of(outcome, (name for name, _ in signals)) != "ignored":
                self.users.add(user)
                self.refused += weight < 0


def _take(table: pa.Table, items: dict[str, Item], by_user: dict[str, list[tuple[Seen, float]]]) -> None:
    for row in table.to_pylist():
        seen = Seen(
            row["user_id"], row["session_id"], items[row["content_id"]], row["first"], row["last"], row["device"],
            row["position"], row["propensity"] is not None, row["clicked"], row["started"], row["completion"],
            row["outcome"], dict(row["signals"]),
        )  # fmt: skip
        by_user[seen.user_id].append((seen, row["weight"]))


def _state(user_id: str, rows: Iterable[tuple[Seen, float]], retelling: Retelling, settings: Settings) -> State:
    """The user's state once their last session has sealed."""
    ordered = sorted(rows, key=lambda row: (row[0].first, row[0].item.content_id))
    met = [
        Met(seen.item.content_id, action, weight)
        for seen, weight in ordered
        if (action := action_of(seen.outcome, seen.signals)) != "ignored"
    ]
    last = max(seen.last for seen, _ in ordered)
    sealed_ms = last + 1000 * (settings.session_gap + settings.grace) + 1
    return State(user_id, tuple(met), tuple(retelling.events(seen for seen, _ in ordered)), sealed_ms)

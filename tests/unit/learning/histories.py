"""Histories for tests, told in short."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from streamer.learning.examples.rows import Told, table
from streamer.learning.retriever.histories import Histories, histories_of
from streamer.learning.retriever.options import Options
from tests.unit.learning.examples import DAY_0, example, label

SMALL: Final = Options(
    width=16, blocks=1, heads=1, length=8, dropout=0.0, steps=100, batch=16, targets=64, learning_rate=0.01
)

KINDS: Final[dict[str, tuple[str | None, dict[str, float]]]] = {
    "+": ("engaged", {"watch": 0.6}),
    "-": (None, {"dislike": -1.5}),
    "a": ("abandoned", {"abandoned": -0.4}),
    "i": ("ignored", {"impression": 0.01, "ignored": -0.02}),
}


def told(users: dict[str, str], creators: dict[str, str] | None = None) -> Histories:
    """Histories of users, each of words such as ``+a`` (wanted a), ``-b`` (disliked b), ``ac`` (abandoned c)."""
    found = []
    for user, words in users.items():
        for n, word in enumerate(words.split()):
            outcome, signals = KINDS[word[0]]
            creator = (creators or {}).get(word[1:])
            item = example(
                word[1:], outcome=outcome, signals=signals, weight=sum(signals.values()), first=DAY_0 + n * 1000,
                creator_id=creator, tags=(),
            )  # fmt: skip
            found.append(Told(label(user, DAY_0 + n * 1000, item), len(found)))
    return histories_of([table(found)])


def names(histories: Histories, numbers: Iterable[int]) -> list[str]:
    return [histories.items.content_ids[number] for number in numbers]

"""The recommenders that the command simulates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from streamer.errors import LearningError
from streamer.learning.responsiveness.avoiding import AvoidListed, Popular
from streamer.learning.responsiveness.embedding import vectors_of
from streamer.learning.responsiveness.reading import People
from streamer.learning.responsiveness.rolling import Vectors
from streamer.learning.responsiveness.state import Asked, Item
from streamer.learning.retriever.checkpoint import load
from streamer.learning.retriever.histories import Items
from streamer.learning.retriever.proposing import RetrieverRecommender
from streamer.profile import Rules


class Contenders(NamedTuple):
    """Recommenders by name, the items that they may show, and vectors of these; None: there is no model."""

    recommenders: dict[str, Asked]
    items: Mapping[str, Item]
    vectors: Vectors | None


def contenders(people: People, rules: Rules, checkpoint: Path | None) -> Contenders:
    """The avoid list alone, over what is popular; and with a checkpoint its model, alone and with the avoid list.

    Raises:
        CheckpointError: there is no such checkpoint, it is damaged, or of another version.
        LearningError: its model knows nothing of what these users met.
    """
    popular = AvoidListed(Popular(people.wanted), people.items, rules)
    if checkpoint is None:
        return Contenders({"popularity + avoid list": popular}, people.items, None)
    trained = load(checkpoint)
    known = _items_of(trained.items)
    if known.keys().isdisjoint(people.items):
        raise LearningError(
            f"the model in {checkpoint} knows none of the {len(people.items):,} items in these examples: train it on "
            "them with  streamer train FOLDER"
        )
    items = known | people.items
    model = RetrieverRecommender(trained)
    listed: dict[str, Asked] = {
        "popularity + avoid list": popular,
        f"retriever ({trained.options.ablation})": model,
        f"retriever ({trained.options.ablation}) + avoid list": AvoidListed(model, items, rules),
    }
    return Contenders(listed, items, vectors_of(trained))


def _items_of(items: Items) -> dict[str, Item]:
    """A model's catalogue; media and length are not in it."""
    creators, tags = items.creator_of.tolist(), items.tags_of.tolist()
    return {
        name: Item(
            name, items.creator_ids[creator] if creator else None, tuple(items.tags[tag] for tag in of_item if tag)
        )
        for name, creator, of_item in zip(items.content_ids, creators, tags, strict=True)
        if name
    }

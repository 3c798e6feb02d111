"""Learns what is made of a trained retriever's logits afterwards (``correction.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec.structs import replace

from streamer.learning.retriever.affinities import user_of
from streamer.learning.retriever.checkpoint import Trained
from streamer.learning.retriever.correction import correction, sample
from streamer.learning.retriever.histories import Floats, Histories, Met
from streamer.learning.retriever.options import CORRECTED, Ablation
from streamer.learning.retriever.proposing import RetrieverRecommender

_AT_ONCE: Final = 100
"""Histories scored at one go."""


def corrected(trained: Trained, histories: Histories, ablation: Ablation) -> Trained:
    """The same retriever as another ablation, with a correction if that has one.

    Args:
        trained: without negative feedback.
        histories: that it was trained on.
    """
    plain = Trained(trained.retriever, replace(trained.options, ablation=ablation), trained.items, trained.step)
    if ablation not in CORRECTED:
        return plain
    chosen = sample(histories, trained.options.seed)
    users = user_of(histories)[chosen].tolist()
    whole = {user: histories.of(user) for user in set(users)}
    before = (chosen - histories.begins[users]).tolist()
    states = [whole[user][:count] for user, count in zip(users, before, strict=True)]
    logits = scored(RetrieverRecommender(plain), states, [None] * len(states))
    plain.correction = correction(histories, chosen, logits, ablation == "apart")
    return plain


def scored(recommender: RetrieverRecommender, states: Sequence[Sequence[Met]], users: Sequence[str | None]) -> Floats:
    """(states, items) logits of any number of histories, compiled for one."""
    spare = -len(states) % _AT_ONCE
    all_states, all_users = [*states, *[[]] * spare], [*users, *[None] * spare]
    spans = [slice(at, at + _AT_ONCE) for at in range(0, len(all_states), _AT_ONCE)]
    parts = [recommender.scores_of(all_states[span], all_users[span]) for span in spans]
    found: Floats = np.concatenate(parts)[: len(states)]
    return found

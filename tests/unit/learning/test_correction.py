"""What is not to be recommended, learned apart: what it does to lists, and that it is kept."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from streamer.learning.retriever import checkpoint
from streamer.learning.retriever.checkpoint import Trained
from streamer.learning.retriever.correcting import corrected
from streamer.learning.retriever.histories import Histories, Met
from streamer.learning.retriever.options import CORRECTED, Ablation
from streamer.learning.retriever.proposing import RetrieverRecommender
from streamer.learning.retriever.training import train
from tests.unit.learning.histories import SMALL, told

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]


@cache
def histories() -> Histories:
    """Everybody wants what is by g; every second user wants what is by b, and the others refuse it."""
    rng = Random(0)
    said = {f"u{n:02}": {"g": "+", "b": "+" if n % 2 else "-"} for n in range(20)}
    words = {user: [f"{of[creator]}{creator}{rng.randrange(8)}" for creator in "gbgbgbgb"] for user, of in said.items()}
    for each in words.values():
        rng.shuffle(each)
    everything = " ".join(f"+{creator}{n}" for creator in "gb" for n in range(8))
    by = {f"{creator}{n}": creator for creator in "gb" for n in range(8)}
    return told({user: " ".join(each) for user, each in words.items()} | {"w": everything}, by)


@cache
def plain() -> Trained:
    return train(histories(), replace(SMALL, ablation="none"))


@cache
def trained(ablation: Ablation) -> Trained:
    return corrected(plain(), histories(), ablation)


def share_of_b(of: Trained, user_id: str | None) -> float:
    scores = RetrieverRecommender(of).scores([Met("g1", "engaged", 0.6)], user_id)
    p = np.exp(scores - scores.max())
    return float(p[[name.startswith("b") for name in of.items.content_ids]].sum() / p.sum())


def test_apart_shows_less_of_a_creator_to_the_very_user_who_refused_their_items() -> None:
    refuses, wants = share_of_b(trained("apart"), "u00"), share_of_b(trained("apart"), "u01")
    assert refuses < 0.5 * wants
    assert share_of_b(trained("none"), "u00") == share_of_b(trained("none"), "u01")


def test_taste_is_told_by_what_was_wanted_alone() -> None:
    told_apart = [share_of_b(trained("taste"), user_id) for user_id in ("u00", "u01", None)]
    assert len(set(told_apart)) == 1


def test_a_user_who_was_not_learned_from_is_a_stranger() -> None:
    assert share_of_b(trained("apart"), "nobody") == share_of_b(trained("apart"), None)


@pytest.mark.parametrize("ablation", sorted(CORRECTED))
def test_training_gives_the_retriever_of_none_and_the_same_correction(ablation: Ablation, tmp_path: Path) -> None:
    whole = train(histories(), replace(SMALL, ablation=ablation), tmp_path / "model.npz")
    for model in (whole, checkpoint.load(tmp_path / "model.npz")):
        for user_id in ("u00", "u01", "nobody"):
            history = [Met("g1", "engaged", 0.6), Met("b2", "disliked", -1.5)]
            both = [RetrieverRecommender(each).scores(history, user_id) for each in (model, trained(ablation))]
            np.testing.assert_allclose(*both, rtol=1e-5)


def stored(tmp_path: Path, ablation: Ablation) -> tuple[Path, dict[str, Any]]:
    file = tmp_path / "model.npz"
    checkpoint.save(file, trained(ablation))
    with np.load(file) as opened:
        return file, dict(opened)


def test_a_checkpoint_of_before_there_were_corrections_is_read(tmp_path: Path) -> None:
    file, arrays = stored(tmp_path, "none")
    head = msgspec.json.decode(arrays["head"].tobytes())
    del head["users"]
    np.savez(file, **(arrays | {"head": np.frombuffer(msgspec.json.encode(head), np.uint8)}))
    assert checkpoint.load(file).correction is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pulls", np.zeros(3, np.float32)),
        ("h_base", np.full(17, np.nan, np.float32)),
        ("h_bias", np.zeros(1, np.float32)),
        ("h_pair", np.array([-1, 5])),
        ("h_pair", np.zeros((2, 2), np.int64)),
        ("h_own", None),
    ],
)
def test_a_correction_that_does_not_fit_is_no_checkpoint(tmp_path: Path, name: str, content: Any) -> None:
    file, arrays = stored(tmp_path, "apart")
    arrays |= {name: content}
    np.savez(file, **{key: array for key, array in arrays.items() if array is not None})
    with pytest.raises(checkpoint.CheckpointError, match="is no checkpoint, or damaged"):
        checkpoint.load(file)

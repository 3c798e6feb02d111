"""The retriever: what it learns from histories, what it does with a "no", and what stops its training."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from msgspec.structs import replace

from streamer.errors import SettingsError, TrainingDiverged
from streamer.learning.retriever import checkpoint, training
from streamer.learning.retriever.checkpoint import Trained
from streamer.learning.retriever.histories import Histories, Met
from streamer.learning.retriever.model import Retriever
from streamer.learning.retriever.options import Ablation, Options
from streamer.learning.retriever.proposing import RetrieverRecommender
from streamer.learning.retriever.training import Progress, train
from tests.unit.learning.histories import SMALL, told

pytestmark = pytest.mark.timeout(900)  # compiling takes long on a machine that others use, too
CREATORS = {f"b{n}": "bad" for n in range(6)}


def drawn(rng: Random, said: str, length: int) -> list[str]:
    """A history: what begins with g is wanted, of what begins with b this is said."""
    return [f"+g{rng.randrange(12)}" if rng.random() < 0.6 else f"{said}b{rng.randrange(6)}" for _ in range(length)]


@cache
def divided() -> Histories:
    """Everybody wants what begins with g; half want b, too, and half dislike it."""
    rng = Random(0)
    return told({f"u{n:02}": " ".join(drawn(rng, "+-"[n % 2], 8)) for n in range(60)}, CREATORS)


@cache
def trained(ablation: Ablation, **more: int) -> RetrieverRecommender:
    return RetrieverRecommender(train(divided(), replace(SMALL, ablation=ablation, **more)))


def met(*words: str) -> list[Met]:
    return [Met(word[1:], *(("engaged", 0.6) if word[0] == "+" else ("disliked", -1.5))) for word in words]


def p_of_b(of: RetrieverRecommender, *words: str) -> float:
    return sum(of.probability(met(*words), f"b{n}") for n in range(6))


# --- the model ------------------------------------------------------------------------------------------------------


def model() -> Retriever:
    found = Retriever(divided().items, SMALL)
    found.learn(False)
    return found


def test_a_state_depends_on_what_came_before_it_alone() -> None:
    retriever = model()
    items, actions = jnp.array([[1, 2, 3, 4, 0, 0, 0, 0]]), jnp.array([[1, 1, 6, 1, 0, 0, 0, 0]])
    states = retriever.states(items, actions)
    changed = retriever.states(items.at[0, 2:].set(5), actions.at[0, 2:].set(1))
    np.testing.assert_allclose(states[0, :3], changed[0, :3], atol=1e-6)
    assert not np.allclose(states[0, 3], changed[0, 3], atol=1e-4)


def test_an_action_changes_the_state() -> None:
    retriever, items = model(), jnp.array([[1, 0, 0, 0, 0, 0, 0, 0]])
    liked, disliked = (retriever.states(items, jnp.array([[action] + [0] * 7]))[0, 1] for action in (1, 6))
    assert not np.allclose(liked, disliked, atol=1e-4)


def test_items_by_one_creator_share_a_part_and_none_is_nothing() -> None:
    retriever, items = model(), divided().items
    b0, b1, g0 = (items.content_ids.index(name) for name in ("b0", "b1", "g0"))
    shared = retriever.vectors(jnp.array([b0, b1, g0, 0])) - retriever.item(jnp.array([b0, b1, g0, 0]))
    np.testing.assert_allclose(shared[0], shared[1], atol=1e-6)
    np.testing.assert_allclose(shared[2], 0, atol=1e-6)
    assert float(jnp.abs(retriever.vectors(jnp.array([0]))).max()) == 0


# --- what it learns ---------------------------------------------------------------------------------------------------


def test_it_learns_what_comes_after_what() -> None:
    chains = {f"u{n}": "+a +b +c" if n % 2 else "+x +y +z" for n in range(16)}
    losses: list[Progress] = []
    proposing = RetrieverRecommender(train(told(chains), SMALL, report=losses.append))
    assert losses[-1].loss < losses[0].loss / 2
    assert [losses[0].step, losses[-1].step] == [1, SMALL.steps]
    for first, then in (("a", "b"), ("x", "y")):
        assert proposing.recommend([Met(first, "engaged", 0.6)], 1) == [then]


SEEING: dict[str, dict[str, Any]] = {
    "input": {"ablation": "input"},
    "both": {"ablation": "both"},
    "both, sampled": {"ablation": "both", "full_below": 1, "sampled": 64},
}


@pytest.mark.parametrize("how", SEEING)
def test_a_model_that_sees_a_no_halves_what_was_refused_in_the_mean_of_seeds_and_new_histories(how: str) -> None:
    rng = Random(7)
    p = {"+": 0.0, "-": 0.0}
    for said in p:
        histories = [drawn(rng, said, 6) for _ in range(30)]
        for seed in range(3):
            p[said] += sum(p_of_b(trained(seed=seed, **SEEING[how]), *words) for words in histories)
    assert p["-"] < 0.5 * p["+"]


@pytest.mark.parametrize("ablation", ["none", "loss", "contrast"])
def test_a_model_that_does_not_see_it_does_not(ablation: Ablation) -> None:
    assert p_of_b(trained(ablation), "+g1", "-b1") == pytest.approx(p_of_b(trained(ablation), "+g1"), rel=1e-5)


def test_exclusion_takes_a_disliked_creator_off_the_list_and_nobody_else() -> None:
    proposing = trained("exclusion")
    after_no = proposing.recommend(met("+g1", "-b1"), 100)
    assert sorted(after_no) == sorted(f"g{n}" for n in range(12) if n != 1)
    assert {f"b{n}" for n in range(6)} <= set(proposing.recommend(met("+g1"), 100))


@pytest.mark.parametrize("ablation", ["both", "contrast"])
def test_the_same_seed_gives_the_same_model(ablation: Ablation) -> None:
    options = replace(SMALL, ablation=ablation)
    history, before = met("+g1", "-b1"), trained(ablation)
    again, other = (RetrieverRecommender(train(divided(), replace(options, seed=seed))) for seed in (0, 1))
    assert np.array_equal(before.scores(history), again.scores(history))
    assert not np.array_equal(before.scores(history), other.scores(history))


# --- lists --------------------------------------------------------------------------------------------------------


def test_a_list_has_nothing_that_was_met_no_repeats_and_at_most_k() -> None:
    history = met("+g1", "-b1", "+unknown")
    listed = trained("both").recommend(history, 5)
    assert len(set(listed)) == len(listed) == 5
    assert not set(listed) & {"g1", "b1", "unknown", ""}
    assert len(trained("both").recommend(history, 1000)) == 16


def test_strangers_and_users_who_refused_everything_get_lists_too() -> None:
    assert len(trained("both").recommend([], 3)) == 3
    assert len(trained("loss").recommend(met("-g1", "-g2"), 3)) == 3


def test_of_a_long_history_the_newest_count() -> None:
    old = [f"+g{n % 12}" for n in range(20)]
    newest = ["+b1", "-b2", "+g3", "+g4", "+g5", "+g6", "+g7", "+g8"]
    scores = [trained("both").scores(met(*words)) for words in (newest, old + newest)]
    np.testing.assert_allclose(*scores, rtol=1e-5)


# --- checkpoints ------------------------------------------------------------------------------------------------


def test_a_checkpoint_gives_the_same_scores_again(tmp_path: Path) -> None:
    file = tmp_path / "models" / "retriever.npz"
    model = train(divided(), SMALL, file)
    again = checkpoint.load(file)
    assert (again.step, again.options) == (SMALL.steps, model.options)
    assert again.items.content_ids == model.items.content_ids
    history = met("+g1", "-b1")
    scores = [RetrieverRecommender(each).scores(history) for each in (model, again)]
    assert np.array_equal(*scores)
    assert [each.name for each in file.parent.iterdir()] == ["retriever.npz"]


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "retriever.npz"
    monkeypatch.setattr(checkpoint, "VERSION", 2)
    checkpoint.save(file, Trained(Retriever(divided().items, SMALL), SMALL, divided().items, 1))
    monkeypatch.undo()
    with pytest.raises(checkpoint.CheckpointError, match="of version 2, this Streamer's is 1: train anew"):
        checkpoint.load(file)


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "absent", "folder"])
def test_a_damaged_or_missing_checkpoint_is_told(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "retriever.npz"
    checkpoint.save(file, Trained(Retriever(divided().items, SMALL), SMALL, divided().items, 1))
    whole = file.read_bytes()
    file.unlink()
    if damage == "folder":
        file.mkdir()
    elif damage != "absent":
        file.write_bytes({"cut": whole[: len(whole) // 2], "garbage": b"garbage", "empty": b""}[damage])
    with pytest.raises(checkpoint.CheckpointError, match="train"):
        checkpoint.load(file)


# --- what stops training -------------------------------------------------------------------------------------------


def test_numbers_that_end_stop_training_and_the_last_good_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "STEPS_OF_A_CHECKPOINT", 1)
    file = tmp_path / "retriever.npz"
    with pytest.raises(TrainingDiverged) as told_so:
        train(divided(), replace(SMALL, learning_rate=1e30), file)
    good = checkpoint.load(file)
    assert f"the checkpoint of step {good.step} stays in {file}" in str(told_so.value)
    assert "try a lower learning rate" in str(told_so.value)
    assert np.isfinite(RetrieverRecommender(good).scores(met("+g1"))[1:]).all()


def test_options_that_cannot_work_are_all_named() -> None:
    wrong = Options(width=5, heads=2, steps=0, dropout=1.0, learning_rate=0.0, ablation="all")  # type: ignore[arg-type]
    with pytest.raises(SettingsError) as told_so:
        wrong.check()
    assert [problem.split(":")[0] for problem in told_so.value.problems] == [
        "steps", "ablation", "width", "dropout", "learning_rate"
    ]  # fmt: skip

"""The retriever: what it learns from histories, what it does with a "no", and what stops its training."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from flax import nnx
from jax import Array
from msgspec.structs import replace

from lab.learning.lives import Case
from lab.learning.measures import judge, top
from streamer.errors import SettingsError, TrainingDiverged
from streamer.learning.retriever import checkpoint, training
from streamer.learning.retriever.checkpoint import Trained
from streamer.learning.retriever.histories import Histories, Met
from streamer.learning.retriever.model import Retriever
from streamer.learning.retriever.options import Ablation, Options
from streamer.learning.retriever.proposing import RetrieverRecommender
from streamer.learning.retriever.training import Progress, train
from streamer.learning.retriever.windows import Batch, batches
from tests.unit.learning.histories import SMALL, told

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]  # compiling takes long on a machine that others use, too
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
def _trained(ablation: Ablation, seed: int, **more: int) -> RetrieverRecommender:
    return RetrieverRecommender(train(divided(), replace(SMALL, ablation=ablation, seed=seed, **more)))


def trained(ablation: Ablation, seed: int = 0, **more: int) -> RetrieverRecommender:
    return _trained(ablation, seed, **more)


def met(*words: str) -> list[Met]:
    return [Met(word[1:], *(("engaged", 0.6) if word[0] == "+" else ("disliked", -1.5))) for word in words]


def p_of_b(of: RetrieverRecommender, histories: Sequence[Sequence[str]]) -> float:
    """Of all that begins with b together; the mean of histories."""
    scores = of.scores_of([met(*words) for words in histories])
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    is_b = [name.startswith("b") for name in divided().items.content_ids]
    return float(np.mean(p[:, is_b].sum(axis=1) / p.sum(axis=1)))


@cache
def new_histories(said: str) -> list[list[str]]:
    rng = Random(f"new {said}")
    return [drawn(rng, said, 6) for _ in range(100)]


def mean_p_of_b(said: str, **how: Any) -> float:
    """Of two seeds and a hundred new histories of users who say this of b."""
    return float(np.mean([p_of_b(trained(seed=seed, **how), new_histories(said)) for seed in range(2)]))


# --- the model ------------------------------------------------------------------------------------------------------


@cache
def model() -> Retriever:
    found = Retriever(divided().items, SMALL)
    found.learn(False)
    return found


@nnx.jit
def states_of(retriever: Retriever, items: Array, actions: Array) -> Array:
    return retriever.states(items, actions)


@nnx.jit
def vectors_of(retriever: Retriever, items: Array) -> tuple[Array, Array]:
    """Whole vectors, and the items' own part of them."""
    return retriever.vectors(items), retriever.item(items)


def test_a_state_depends_on_what_came_before_it_alone() -> None:
    retriever = model()
    items, actions = jnp.array([[1, 2, 3, 4, 0, 0, 0, 0]]), jnp.array([[1, 1, 6, 1, 0, 0, 0, 0]])
    states = states_of(retriever, items, actions)
    changed = states_of(retriever, items.at[0, 2:].set(5), actions.at[0, 2:].set(1))
    np.testing.assert_allclose(states[0, :3], changed[0, :3], atol=1e-6)
    assert not np.allclose(states[0, 3], changed[0, 3], atol=1e-4)


def test_an_action_changes_the_state() -> None:
    retriever, items = model(), jnp.array([[1, 0, 0, 0, 0, 0, 0, 0]])
    liked, disliked = (states_of(retriever, items, jnp.array([[action] + [0] * 7]))[0, 1] for action in (1, 6))
    assert not np.allclose(liked, disliked, atol=1e-4)


def test_items_by_one_creator_share_a_part_and_none_is_nothing() -> None:
    named = divided().items.content_ids
    whole, own = map(np.asarray, vectors_of(model(), jnp.array([named.index(name) for name in ("b0", "b1", "g0", "")])))
    shared = whole - own
    np.testing.assert_allclose(shared[0], shared[1], atol=1e-6)
    assert np.abs(shared[0]).max() > 0
    np.testing.assert_allclose(shared[2], 0, atol=1e-6)
    assert np.abs(whole[3]).max() == 0


# --- what it learns ---------------------------------------------------------------------------------------------------


def test_it_learns_what_comes_after_what() -> None:
    chains = {f"u{n:02}": "+g0 +g1 +g2" if n % 2 else "+g3 +b0 +b1" for n in range(16)}
    rest = {"v": " ".join(f"+{name}" for name in divided().items.content_ids if name)}  # as many items: compiled once
    losses: list[Progress] = []
    proposing = RetrieverRecommender(train(told(chains | rest, CREATORS), SMALL, report=losses.append))
    assert losses[-1].loss < losses[0].loss / 2
    assert [losses[0].step, losses[-1].step] == [1, SMALL.steps]
    for first, then in (("g0", "g1"), ("g3", "b0")):
        assert proposing.recommend([Met(first, "engaged", 0.6)], 1) == [then]


SEEING: dict[str, dict[str, Any]] = {
    "input": {"ablation": "input"},
    "both": {"ablation": "both"},
    "both, sampled": {"ablation": "both", "full_below": 1, "sampled": 64},
}


@pytest.mark.parametrize("how", SEEING)
def test_a_model_that_sees_a_no_halves_what_was_refused_in_the_mean_of_seeds_and_new_histories(how: str) -> None:
    assert mean_p_of_b("-", **SEEING[how]) < 0.5 * mean_p_of_b("+", **SEEING[how])


def ndcgs(of: RetrieverRecommender) -> list[float]:
    """Of items wanted later, by 100 new users of both kinds; of each six interactions before, eight after."""
    rng = Random("later")
    lives = [(drawn(rng, said, 6), drawn(rng, said, 8)) for said in "+-" for _ in range(50)]
    index = {name: number for number, name in enumerate(divided().items.content_ids)}
    found = []
    for (before, after), scores in zip(lives, of.scores_of([met(*before) for before, _ in lives]), strict=True):
        known = frozenset(index[word[1:]] for word in before)
        wanted = frozenset(index[word[1:]] for word in after if word[0] == "+") - known
        none: frozenset[int] = frozenset()
        case = Case("u", [], known, none, wanted, none, none, np.ones(len(index), np.float32), None)
        ndcg = judge(case, top(np.exp(scores), known), [frozenset()] * len(index))["ndcg"]
        found += [ndcg.amount] * int(ndcg.of)
    return found


def test_the_loss_alone_lowers_what_is_refused_by_a_third_and_loses_nothing_of_what_is_wanted() -> None:
    assert mean_p_of_b("-", ablation="loss") < 0.67 * mean_p_of_b("-", ablation="none")
    assert mean_p_of_b("+", ablation="loss") > 0.85 * mean_p_of_b("+", ablation="none")
    ndcg = {how: np.mean([ndcgs(trained(how, seed=seed)) for seed in range(2)]) for how in ("none", "loss")}
    assert ndcg["loss"] > 0.98 * ndcg["none"]


def test_against_all_others_a_refusal_teaches_less() -> None:
    assert mean_p_of_b("-", ablation="loss") < 0.67 * mean_p_of_b("-", ablation="loss", refused_among=0)


@pytest.mark.parametrize("ablation", ["none", "loss", "contrast"])
def test_a_model_that_does_not_see_it_does_not(ablation: Ablation) -> None:
    with_no, without = (trained(ablation).scores(met(*words)) for words in (("+g1", "-b1"), ("+g1",)))
    np.testing.assert_allclose(with_no, without, rtol=1e-5)


def test_exclusion_takes_a_disliked_creator_off_the_list_and_nobody_else() -> None:
    proposing = trained("exclusion")
    after_no = proposing.recommend(met("+g1", "-b1"), 100)
    assert sorted(after_no) == sorted(f"g{n}" for n in range(12) if n != 1)
    assert {f"b{n}" for n in range(6)} <= set(proposing.recommend(met("+g1"), 100))


def test_the_same_seed_gives_the_same_model() -> None:
    history = met("+g1", "-b1")
    again = RetrieverRecommender(train(divided(), replace(SMALL, ablation="both")))
    assert np.array_equal(trained("both", seed=0).scores(history), again.scores(history))


def test_another_seed_gives_another_model() -> None:
    history = met("+g1", "-b1")
    assert not np.array_equal(*(trained("both", seed=seed).scores(history) for seed in (0, 1)))


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


ZEROS = np.zeros(19)
STRANGE: dict[str, dict[str, Any]] = {
    "words instead of numbers": {"p0": np.full((4, 16), "a")},
    "dates instead of numbers": {"p0": np.zeros((4, 16), "M8[s]")},
    "numbers that are none": {"p0": np.full((5, 16), np.nan, np.float32)},
    "creators that there are not": {"creator_of": np.full(19, 7)},
    "creators of other items": {"creator_of": np.zeros(3, np.int32)},
    "tags in one row": {"tags_of": np.zeros(19, np.int32)},
    "options that cannot work": {"head": {"heads": 0, "width": 0}},
    "a seed that is none": {"head": {"seed": 2**80}},
    "a head of numbers": {"head": ZEROS},
}


@pytest.mark.parametrize("strange", STRANGE)
def test_a_checkpoint_of_strange_content_is_told_as_one_in_one_line(tmp_path: Path, strange: str) -> None:
    file = tmp_path / "retriever.npz"
    checkpoint.save(file, Trained(Retriever(divided().items, SMALL), SMALL, divided().items, 1))
    with np.load(file) as stored:
        arrays = dict(stored)
    for name, content in STRANGE[strange].items():
        if isinstance(content, dict):
            head = msgspec.json.decode(arrays[name].tobytes())
            head["options"] |= content
            arrays[name] = np.frombuffer(msgspec.json.encode(head), np.uint8)
        else:
            arrays[name] = content
    np.savez(file, **arrays)
    with pytest.raises(checkpoint.CheckpointError, match=r"^.* is no checkpoint, or damaged \(.*\): train anew$"):
        checkpoint.load(file)


@pytest.mark.parametrize("foreign", ["array", "no arrays", "damaged compression"])
def test_a_file_of_another_program_is_no_checkpoint(tmp_path: Path, foreign: str) -> None:
    file = tmp_path / "retriever.npz"
    if foreign == "array":
        with file.open("wb") as out:
            np.save(out, ZEROS)
    else:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("head" if foreign == "no arrays" else "head.npy", b"\x93NUMPY" + b"a" * 5000)
        if foreign == "damaged compression":
            damaged = bytearray(file.read_bytes())
            damaged[45:60] = bytes(15)
            file.write_bytes(damaged)
    with pytest.raises(checkpoint.CheckpointError, match=r"is no checkpoint, or damaged .*: train anew"):
        checkpoint.load(file)


# --- what stops training -------------------------------------------------------------------------------------------


def test_numbers_that_end_stop_training_and_the_last_good_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(*arguments: Any) -> Iterator[Batch]:
        for number, batch in enumerate(batches(*arguments)):
            yield batch if number < 3 else batch._replace(weight=batch.weight * np.inf)

    monkeypatch.setattr(training, "STEPS_OF_A_CHECKPOINT", 1)
    monkeypatch.setattr(training, "batches", breaking)
    file = tmp_path / "retriever.npz"
    with pytest.raises(TrainingDiverged) as told_so:
        train(divided(), SMALL, file)
    good = checkpoint.load(file)
    assert good.step == 2  # that of 3 was never seen to be good
    assert f"at step 4 the loss is inf and its gradient nan; the checkpoint of step 2 stays in {file}" in str(
        told_so.value
    )
    assert "try a lower learning rate" in str(told_so.value)
    assert np.isfinite(RetrieverRecommender(good).scores(met("+g1"))[1:]).all()


def test_options_that_cannot_work_are_all_named() -> None:
    wrong = Options(width=5, heads=2, steps=0, dropout=1.0, learning_rate=0.0, seed=-1)
    wrong = replace(wrong, ablation="all")
    with pytest.raises(SettingsError) as told_so:
        wrong.check()
    assert [problem.split(":")[0] for problem in told_so.value.problems] == [
        "steps", "ablation", "width", "dropout", "seed", "learning_rate"
    ]  # fmt: skip

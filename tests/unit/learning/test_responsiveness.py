"""Counterfactual simulation: a dislike changes more than a skip, a skip more than nothing, and that nothing at all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest

from streamer.errors import CheckpointError, LearningError
from streamer.events import DAY_MS, Dislike
from streamer.learning.responsiveness import report
from streamer.learning.responsiveness.actions import ACTIONS, Action, after
from streamer.learning.responsiveness.avoiding import AvoidListed, Popular
from streamer.learning.responsiveness.contenders import contenders
from streamer.learning.responsiveness.embedding import vectors_of
from streamer.learning.responsiveness.intervals import Estimate, estimate
from streamer.learning.responsiveness.reading import People
from streamer.learning.responsiveness.rolling import likeness_of, likenesses, roll
from streamer.learning.responsiveness.simulating import Simulated, simulate
from streamer.learning.responsiveness.state import Item, State
from streamer.learning.responsiveness.words import rows_of
from streamer.learning.retriever import checkpoint
from streamer.learning.retriever.checkpoint import Trained
from streamer.learning.retriever.histories import Met
from streamer.learning.retriever.proposing import RetrieverRecommender
from streamer.learning.retriever.training import train
from tests.unit.learning.examples import DAY_0
from tests.unit.learning.histories import SMALL, told
from tests.unit.learning.world import ITEMS, POPULAR, RULES, listed, user

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]  # compiling takes long on a machine that others use, too


def change(of: Simulated, action: Action, measure: str = "creator") -> float:
    return of.responses[action][measure].change.value


# --- the avoid list alone -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def by_lists() -> Simulated:
    return simulate({"list": listed()}, [user(n, n) for n in range(20)], ITEMS, RULES, lists=3, k=5)[0]


def test_by_the_avoid_list_a_dislike_changes_more_than_a_skip_and_nothing_changes_nothing(by_lists: Simulated) -> None:
    assert change(by_lists, "creator disliked") < change(by_lists, "disliked") < change(by_lists, "ignored") < 0
    for found in by_lists.responses["nothing"].values():
        assert found.change == Estimate(0.0, 0.0, 0.0, 20)
        assert all(each == Estimate(0.0, 0.0, 0.0, 20) for each in found.by_list)


def test_a_creator_who_is_disliked_vanishes_from_all_next_lists(by_lists: Simulated) -> None:
    found = by_lists.responses["creator disliked"]["creator"]
    assert found.before.value > 0
    assert found.change.value == pytest.approx(-found.before.value)


@pytest.mark.parametrize("scope", ["content", "creator", "tag"])
def test_the_avoid_list_alone_removes_all_that_is_excluded_and_nothing_else(scope: str) -> None:
    about = {"scope": scope, "content_id": "a1", "creator_id": "b", "tag": "tag-2", "tags": ("tag-1",)}
    said = Dislike(user_id="u0", ts=DAY_0 + 19 * DAY_MS, action="block", **about)  # type: ignore[arg-type]
    state = user(0, 0).with_more((), (said,))
    gone = {
        name
        for name, item in ITEMS.items()
        if {"content": name == "a1", "creator": item.creator_id == "b", "tag": "tag-2" in item.tags}[scope]
    }
    assert set(listed().recommend(state, 100)) == ITEMS.keys() - gone
    assert set(listed().recommend(user(0, 0), 100)) == set(ITEMS)


def test_a_list_that_exclusions_would_leave_short_is_filled_from_further_down() -> None:
    many = {f"x{n:04}": Item(f"x{n:04}", "x" if n < 600 else "y") for n in range(800)}
    of_many = AvoidListed(Popular({name: 1000 - n for n, name in enumerate(many)}), many, RULES)
    said = Dislike(user_id="u", ts=DAY_0, action="block", scope="creator", creator_id="x")
    assert of_many.recommend(State("u", (), (said,), DAY_0 + 1000), 3) == ["x0600", "x0601", "x0602"]


def test_a_later_question_and_then_an_earlier_one_get_the_lists_of_their_times() -> None:
    hidden = Dislike(user_id="u", ts=DAY_0, action="hide", content_id="a0")
    state, of_one = State("u", (), (hidden,), DAY_0 + 1000), listed()
    later = state.at(DAY_0 + 31 * DAY_MS)
    assert [of_one.recommend(each, 1) for each in (state, later, state)] == [["b0"], ["a0"], ["b0"]]


# --- a model -------------------------------------------------------------------------------------------------------

CREATORS = {f"{creator}{n}": creator for creator in "bg" for n in range(8)}
ARTICLES = {name: Item(name, creator, (), "article") for name, creator in CREATORS.items()}


@pytest.fixture(scope="module")
def model() -> Trained:
    """Some want what begins with b, some half of the time, and those who dislike it never."""
    rng = Random(0)
    users = {}
    for n in range(90):
        said = ("+", "a", "-")[n % 3]
        words = []
        for _ in range(8):
            kind = rng.choice(("+", "a")) if said == "a" else said
            is_good = rng.random() < 0.5
            words.append(f"+g{rng.randrange(8)}" if is_good else f"{kind}b{rng.randrange(8)}")
        users[f"u{n:02}"] = " ".join(words)
    return train(told(users, CREATORS), msgspec.structs.replace(SMALL, steps=300))


def wanting_b() -> list[State]:
    rng = Random(1)
    made = []
    for n in range(40):
        met = tuple(Met(f"{rng.choice('bbg')}{rng.randrange(4)}", "engaged", 0.6) for _ in range(4))
        made.append(State(f"n{n}", met, (), DAY_0))
    return made


def test_by_a_model_a_dislike_changes_more_than_leaving_at_once_and_nothing_changes_nothing(model: Trained) -> None:
    recommender = RetrieverRecommender(model)
    states = [state for state in wanting_b() if recommender.recommend(state, 1)[0].startswith("b")]
    assert len(states) >= 10
    found = simulate({"model": recommender}, states, ARTICLES, RULES, vectors=vectors_of(model), lists=2, k=3)[0]
    for measure in ("creator", "similarity"):
        assert change(found, "disliked", measure) < change(found, "abandoned", measure) < 0
        beyond = {action: found.responses[action][measure].beyond for action in ("disliked", "abandoned", "engaged")}
        assert all(each is not None for each in beyond.values())
        assert beyond["disliked"].value < beyond["abandoned"].value < 0  # type: ignore[union-attr]
        assert beyond["disliked"].high < 0  # type: ignore[union-attr]
        assert beyond["engaged"] == Estimate(0.0, 0.0, 0.0, len(states))
        assert found.responses["nothing"][measure].change == Estimate(0.0, 0.0, 0.0, len(states))
        assert found.responses["ignored"][measure].change.value == 0  # histories do not have it
    assert "tags" not in found.responses["disliked"]  # these items have none


def test_a_model_with_the_avoid_list_shows_nothing_of_a_disliked_creator(model: Trained) -> None:
    both = AvoidListed(RetrieverRecommender(model), ARTICLES, RULES)
    state = after(wanting_b()[0], ARTICLES["b0"], "creator disliked", RULES)
    assert state is not None
    assert not any(name.startswith("b") for name in both.recommend(state, 100))


def test_vectors_have_length_1_and_an_item_is_like_itself(model: Trained) -> None:
    vectors = vectors_of(model)
    assert set(vectors) == set(CREATORS)
    np.testing.assert_allclose([np.linalg.norm(each) for each in vectors.values()], 1, rtol=1e-5)
    like = likenesses(vectors)["similarity"]
    assert like(ARTICLES["b0"], ARTICLES["b0"]) == pytest.approx(1)
    assert like(ARTICLES["b0"], Item("unseen")) is None


def test_a_model_of_other_items_or_another_version_is_refused(model: Trained, tmp_path: Path) -> None:
    file = tmp_path / "retriever.npz"
    checkpoint.save(file, model)
    people = People({"else": Item("else")}, Counter(), 1, 0, [])
    with pytest.raises(LearningError, match="knows none of the 1 items in these examples: train it on them"):
        contenders(people, RULES, file)
    file.write_bytes(b"garbage")
    with pytest.raises(CheckpointError, match="train anew"):
        contenders(people, RULES, file)
    with pytest.raises(CheckpointError, match="streamer train FOLDER"):
        contenders(people, RULES, tmp_path / "none.npz")


# --- actions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "met"),
    [
        ("nothing", []),
        ("engaged", [("engaged", 0.61)]),
        ("ignored", []),
        ("left", [("left", 0.01)]),
        ("abandoned", [("abandoned", -0.39)]),
        ("disliked", [("disliked", -1.49)]),
        ("creator disliked", [("answered", 0.01)]),
    ],
)
def test_an_action_is_to_histories_what_the_rules_read_in_its_events(
    action: Action, met: list[tuple[str, float]]
) -> None:
    before = user(0, 3)
    state = after(before, ITEMS["a0"], action, RULES)
    assert state is not None
    assert [(each.action, each.weight) for each in state.met[len(before.met) :]] == met
    assert (len(state.events) > len(before.events)) == (action != "nothing")
    assert state.now_ms == before.now_ms


def test_what_cannot_be_done_with_an_item_is_not_done() -> None:
    short, product = Item("v", "a", (), "video", 30.0), Item("p", None, (), "product")
    found = {
        item.content_id: {action for action in ACTIONS if after(user(0, 0), item, action, RULES) is None}
        for item in (short, product, Item("long", "a", (), "audio", 3600.0))
    }
    assert found == {"v": {"left"}, "p": {"left", "abandoned", "creator disliked"}, "long": set()}


@pytest.mark.parametrize(
    "item", [Item("v"), Item("p", media="product"), Item("a", media="article"), Item("l", "a", (), "audio", 3600.0)]
)
def test_anything_can_be_engaged_with_ignored_and_disliked(item: Item) -> None:
    for action, said in (("engaged", ["engaged"]), ("ignored", []), ("disliked", ["disliked"])):
        state = after(user(0, 0), item, action, RULES)  # type: ignore[arg-type]
        assert state is not None
        assert [each.action for each in state.met[len(user(0, 0).met) :]] == said


# --- lists and figures -----------------------------------------------------------------------------------------------


def test_what_was_shown_is_not_shown_again() -> None:
    lists = roll(POPULAR, State("u", (), (), DAY_0), "a0", 3, 4)
    assert lists == [["b0", "c0", "d0", "a1"], ["b1", "c1", "d1", "a2"], ["b2", "c2", "d2", "a3"]]
    assert [len(each) for each in roll(POPULAR, State("u", (), (), DAY_0), "a0", 3, 30)] == [30, 9, 0]


def test_likeness_is_told_list_by_list_and_only_where_it_can_be() -> None:
    like = likenesses(None)
    assert set(like) == {"creator", "tags"}
    found = likeness_of([["a1", "b0"], ["b1", "c1"], []], ITEMS["a0"], ITEMS, like["creator"])
    assert found is not None
    assert found.tolist() == [0.5, 0, 0]
    assert likeness_of([["a1"]], Item("bare"), ITEMS, like["creator"]) is None


def test_intervals_are_of_users_and_the_same_for_the_same_seed() -> None:
    values = np.array([0.0, 1.0] * 50)
    found = estimate(values, 3)
    assert found is not None
    assert found == estimate(values, 3)
    assert (found.value, found.users) == (0.5, 100)
    assert 0.35 < found.low < 0.45 < 0.55 < found.high < 0.65
    assert estimate(np.zeros(9), 0) == Estimate(0, 0, 0, 9)
    assert estimate(np.array([0.25]), 0) == Estimate(0.25, 0.25, 0.25, 1)
    assert estimate(np.array([]), 0) is None


def test_the_page_holds_every_figure_of_the_table_and_its_plots(by_lists: Simulated, tmp_path: Path) -> None:
    file = tmp_path / "pages" / "out.html"
    report.write(report.Report("streamer responsiveness <x>", 0, 20, 3, 5, ("take care",), (by_lists,)), file)
    page = file.read_text()
    rows = list(rows_of(by_lists))
    assert len(rows) == 2 * len(ACTIONS)
    assert all(f"<td>{cell}</td>" in page for row in rows for cell in row)
    assert page.count("data:image/svg+xml;base64,") == 4
    assert "streamer responsiveness &lt;x&gt;" in page
    assert "take care" in page
    with pytest.raises(LearningError, match="cannot be written"):
        report.write(report.Report("x", 0, 1, 1, 1, (), (by_lists,)), tmp_path)

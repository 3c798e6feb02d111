"""Histories from examples, and windows of them as each ablation has it."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from streamer.errors import LearningError
from streamer.learning.examples.rows import Told, table
from streamer.learning.retriever.histories import Met, histories_of
from streamer.learning.retriever.options import ABLATIONS, Ablation
from streamer.learning.retriever.windows import batches, windows_of
from tests.unit.learning.examples import DAY_0, example, label
from tests.unit.learning.histories import SMALL, names, told


def test_a_history_is_what_was_acted_on_in_order_and_not_what_was_ignored() -> None:
    found = told({"v": "+x", "u": "+a ib -c aa"})
    assert found.users == ("u", "v")
    assert [(met.content_id, met.action) for met in found.of(0)] == [
        ("a", "engaged"), ("c", "disliked"), ("a", "abandoned")
    ]  # fmt: skip
    assert [met.weight for met in found.of(0)] == pytest.approx([0.6, -1.5, -0.4])
    assert found.of(1) == [Met("x", "engaged", pytest.approx(0.6))]
    assert "b" not in found.items.content_ids


def test_an_item_has_the_newest_creator_and_tags() -> None:
    def at(ms: int, **fields: object) -> Told:
        return Told(label("u", DAY_0, example("c", first=DAY_0 + ms, **fields), part=ms), ms)

    other = Told(label("u", DAY_0, example("d", creator_id=None, tags=()), part=9), 9)
    found = histories_of([table([at(2, creator_id="new", tags=("y", "z")), at(1, creator_id="old"), other])]).items
    c, d = found.content_ids.index("c"), found.content_ids.index("d")
    assert found.creator_ids[found.creator_of[c]] == "new"
    assert [found.tags[tag] for tag in found.tags_of[c] if tag] == ["y", "z"]
    assert (found.creator_of[d], found.tags_of[d].sum()) == (0, 0)


@pytest.mark.parametrize("users", [{}, {"u": "+a"}, {"u": "ia ib"}])
def test_nothing_to_learn_from_is_said(users: dict[str, str]) -> None:
    with pytest.raises(LearningError, match="nothing to learn"):
        told(users)


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_users_who_refused_everything_alone_are_nothing_to_learn_from(ablation: Ablation) -> None:
    with pytest.raises(LearningError, match="nobody wanted anything"):
        windows_of(told({"u": "-a -b"}), replace(SMALL, ablation=ablation))


@pytest.mark.parametrize(
    ("ablation", "seen", "foreseen"),
    [
        ("none", "a c", {"a": 0, "c": 1}),
        ("exclusion", "a c", {"a": 0, "c": 1}),
        ("taste", "a c", {"a": 0, "c": 1}),
        ("apart", "a c", {"a": 0, "c": 1}),
        ("input", "a b c d", {"a": 0, "c": 2}),
        ("loss", "a c", {"a": 0, "b": 1, "c": 1, "d": 2}),
        ("both", "a b c d", {"a": 0, "b": 1, "c": 2, "d": 3}),
    ],
)
def test_an_ablation_decides_what_is_seen_and_what_is_foreseen(
    ablation: Ablation, seen: str, foreseen: dict[str, int]
) -> None:
    histories = told({"u": "+a -b +c ad"})
    windows = windows_of(histories, replace(SMALL, ablation=ablation))
    assert names(histories, windows.seen.item[0]) == seen.split() + [""] * (SMALL.length - len(seen.split()))
    told_of = np.flatnonzero(windows.weight[0])
    targets = names(histories, windows.target[0][told_of])
    assert dict(zip(targets, windows.after[0][told_of].tolist(), strict=True)) == foreseen


def test_of_a_contrast_each_kind_of_target_comes_after_both_kinds_of_history() -> None:
    histories = told({"u": "+a -b +c ad"})
    windows = windows_of(histories, replace(SMALL, ablation="contrast"))
    assert names(histories, windows.seen.item[0][:3]) == ["a", "c", ""]
    assert names(histories, windows.refused.item[0][:3]) == ["b", "d", ""]
    assert windows.after[0][:4].tolist() == [0, 1, 1, 2]
    assert windows.after_refused[0][:4].tolist() == [0, 0, 1, 1]


def test_a_long_history_is_cut_to_windows_of_which_the_newest_is_full() -> None:
    histories = told({"u": " ".join(f"+c{n}" for n in range(20))})
    windows = windows_of(histories, SMALL)
    lengths = (windows.target > 0).sum(axis=1).tolist()
    assert lengths == [8, 8, 4]
    assert names(histories, windows.target[0]) == [f"c{n}" for n in range(12, 20)]


def test_a_batch_is_of_fixed_size_and_its_targets_are_those_of_its_windows() -> None:
    histories = told({f"u{n}": "+a -b +c" for n in range(3)})
    windows = windows_of(histories, SMALL)
    batch = next(batches(windows, SMALL, np.random.default_rng(0)))
    assert (batch.item.shape, batch.target.shape) == ((16, 8), (64,))
    found = zip(*(each.tolist() for each in (batch.target, batch.after, batch.weight)), strict=True)
    a, b, c = (histories.items.content_ids.index(name) for name in "abc")
    assert {(target, after) for target, after, weight in found if weight} == {(a, 0), (b, 1), (c, 2)}
    assert int((batch.weight != 0).sum()) == 48

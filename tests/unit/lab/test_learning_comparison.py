"""What is compared with what: every contender with the first one, in everything."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from lab.evaluation.tables import Section
from lab.learning import comparison
from lab.learning.contenders import Ranked
from lab.learning.lives import Person, Source, Study, study_of
from lab.learning.report import Found, LearningReport, sections
from streamer.events import DAY_MS, Dislike, Play
from streamer.learning.retriever.options import Options
from streamer.serving.candidate import Candidate
from streamer.settings import Settings

START = 20_000 * DAY_MS


class Silent:
    """Shows nothing."""

    def start(self, what: str, total: int) -> None: ...
    def done(self, amount: int) -> None: ...


def study() -> Study:
    """Two users who later want the first of three items and refuse the second."""
    people = []
    for user_id in ("u", "v"):
        wants = Play(user_id=user_id, ts=START, content_id="a", duration_s=60.0, played_s=60.0, playback_id="1")
        refuses = Dislike(user_id=user_id, ts=START + 60_000, action="dislike", content_id="b")
        people.append(Person(user_id, [], [wants, refuses]))
    return study_of(Source(people, [Candidate(name, None, (), 60.0) for name in "abc"]), Settings())


def found(monkeypatch: pytest.MonkeyPatch, contenders: dict[str, list[float] | None]) -> Found:
    """A comparison of contenders that say these probabilities of all items, or only rank the first item first."""

    def ranked(*_: object) -> Iterator[Ranked]:
        for name, said in contenders.items():
            row = np.array([said or [0, 0.6, 0.3, 0.1]] * 2, np.float32)
            yield Ranked(name, row, None if said is None else row)

    monkeypatch.setattr(comparison, "ranked", ranked)
    return comparison.compare("toy", "toy", [study], list(contenders), [1], Options(), Silent())


def tables(of: Found) -> Section:
    report = LearningReport("1", "learning", (1,), 2, 500, 0.0, {}, (of,))
    (section,) = sections(report)
    return section


def test_probabilities_and_ndcg_are_divided_by_those_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    of = found(monkeypatch, {"none": [0, 0.4, 0.4, 0.2], "popularity": None, "loss": [0, 0.2, 0.1, 0.7]})
    assert of.group is not None
    rows = {row.label: row for row in of.group.rows}
    ratios = {name: figure.value for name, figure in rows["loss"].figures.items() if name.startswith("ratio.")}
    assert ratios == pytest.approx(
        {"ratio.ndcg": 1 / np.log2(3), "ratio.refused": 0.25, "ratio.disliked": 0.25, "ratio.wanted": 0.5}
    )
    assert tables(of).tables[-1].title == "divided by those of none"


def test_where_the_first_says_no_probability_nothing_is_divided_by_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    of = found(monkeypatch, {"popularity": None, "loss": [0, 0.2, 0.1, 0.7], "both": [0, 0.4, 0.2, 0.4]})
    assert of.group is not None
    assert not [name for row in of.group.rows for name in row.figures if name.startswith(("ratio.", "log."))]
    assert [table.title for table in tables(of).tables] == ["figures", "less those of popularity, user by user"]

"""Sets of real impressions and stated tastes, on tiny files of their format."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from lab.evaluation.bootstrap import Share
from lab.evaluation.contenders import contenders
from lab.evaluation.evaluate import on_set
from lab.evaluation.joining import Key
from lab.evaluation.measures import auc, average_precision
from lab.evaluation.rules import Listed, Rule
from lab.evaluation.sets import kuairand_pure, lifts, mindreader, nemig, stated
from lab.evaluation.sets.expectation import Expectation
from lab.evaluation.sets.halves import in_half
from lab.evaluation.sets.history import History, judge
from lab.evaluation.sets.history import Test as Met
from streamer.errors import DataSetError
from streamer.events import Dislike, Feedback, Impression, Play
from streamer.profile import Rules
from streamer.replay.datasets.rows import read_rows
from streamer.settings import Settings
from tests.unit.lab.test_evaluation_sets import Silent

RULES_OF = Rules(Settings())
MAY = kuairand_pure.SPLIT_MS


def write(folder: Path, name: str, *lines: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))


class Fixed(Rule):
    """Dislikes a, says nothing of other keys."""

    name = "fixed"
    what = "for tests"
    calibrated = True
    neutral = -3.0

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        return {("tag", "a"): -1.2}

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        return {("tag", "a"): Listed("soft", 0.4)}


def met(content: str, tag: str, unwanted: bool, group: str = "") -> Met:
    return Met(content, (("tag", tag),), unwanted, group)


def test_items_are_compared_within_one_surface_or_page() -> None:
    # the unwanted a of surface 1 beats its b; across surfaces it would also be held against the wanted a of surface 2
    tests = [met("1", "a", True, "1"), met("2", "b", False, "1"), met("3", "a", False, "2")]
    shares = judge(Fixed("u", RULES_OF), tests, now_ms=0)
    assert shares["item.auc"] == shares["tag.auc"] == Share(1.0, 1)
    assert judge(Fixed("u", RULES_OF), tests[1:], now_ms=0)["item.auc"] == Share(0.0, 0)


def test_a_surface_an_appeal_and_an_own_rate_are_what_is_expected() -> None:
    # surface x: half of eight are wanted. The others never want "bad" (0 of 3 where 1.5 are usual: 5 ÷ 6.5), and the
    # user wanted all three others (3 + 5 where they were expected to, 1.5 + 5, as nobody else has met those)
    own = [met("bad", "a", True, "x"), *(met(f"own{n}", "b", False, "x") for n in range(3))]
    others = [[met("bad", "a", True, "x"), met(f"o{n}", "b", n > 1, "x")] for n in range(2)] + [
        [met("bad", "a", True, "x"), met("o2", "b", True, "x")]
    ]
    rate = 5 / 10
    expected = Expectation([own, *others]).of_user(own).of([0])
    appeal = (0 + 5) / (3 * rate + 5)
    assert expected == [pytest.approx(rate * appeal * (3 + 5) / (3 * rate + 5))]


def test_lifts_are_wanted_over_expected_by_what_was_said() -> None:
    shown = Impression(user_id="u", ts=1, content_id="1", visible_ms=2_000)
    clicked = Feedback(user_id="u", ts=2, content_id="2", kind="click")
    unseen = Impression(user_id="u", ts=3, content_id="3", visible_ms=100)
    tests = (met("1", "a", True), met("2", "b", False), met("3", "b", False))
    history = History("u", (shown, shown, clicked, unseen), tests)
    found = lifts.of_user(Fixed("u", RULES_OF), history, 10, Expectation([tests]).of_user(tests), RULES_OF)
    of_tag, lowered, again = (found[each] for each in ((lifts.LOG_ODDS, 7), (lifts.MULTIPLIER, 2), (lifts.IN_VAIN, 1)))
    assert of_tag.items == lowered.items == again.items == 1
    assert (of_tag.told, lowered.told, again.told) == (-1.2, 0.4, 2)
    assert of_tag.wanted == 0
    assert of_tag.expected > 0.5
    (lift,) = [each for each in lifts.of_all([found, found], 20, 1) if each.of == lifts.MULTIPLIER]
    assert (lift.low, lift.high, lift.items, lift.later.value) == (0.3, 0.5, 2, 0)


def test_ranking_of_pairs_is_that_of_one_list_and_weights_repeat_them() -> None:
    scores, disliked = np.array([3.0, 2.0, 2.0, 1.0, 0.0]), np.array([True, False, True, False, True])
    plain = stated.ranking(scores, disliked, np.ones((1, 5)))
    assert plain.auc[0] == auc([3, 2, 0], [2, 1])
    twice = np.array([[2.0, 1.0, 0.0, 1.0, 1.0]])
    weighted = stated.ranking(scores, disliked, twice)
    assert weighted.auc[0] == auc([3, 3, 0], [2, 1])
    assert weighted.precision[0] == average_precision([3, 3, 2, 1, 0], [True, True, False, False, True])


def test_kuairand_pure_is_cut_on_the_first_of_may_and_a_non_click_was_in_view_as_long_as_it_played(
    tmp_path: Path,
) -> None:
    head = "user_id,video_id,time_ms,tab,is_click,long_view,play_time_ms,duration_ms,is_like,is_follow,is_comment,"
    write(
        tmp_path,
        "impressions.csv.gz",
        head + "is_forward,is_hate",
        f"7,1,{MAY - 3000},1,0,0,1200,9000,0,0,0,0,1",
        f"7,2,{MAY - 2000},0,0,0,0,9000,0,0,0,0,0",
        f"7,3,{MAY - 1000},1,1,0,4000,9000,1,0,0,1,0",
        f"7,1,{MAY},1,1,0,4000,9000,0,0,0,0,0",
        f"8,1,{MAY - 9},1,1,0,4000,9000,0,0,0,0,0",
    )
    write(tmp_path, "before.csv.gz", "user_id,last_time_ms,shown,long_viewed,liked", f"7,{MAY - 90_000},2 3,3,2")
    write(tmp_path, "videos.csv.gz", "video_id,author_id,duration_ms,tag", "1,x,9000.0,4,", "2,y,,", "3,x,9000,4")
    with pytest.raises(DataSetError, match=r"videos.csv.gz, line 2: 5 cells"):
        list(kuairand_pure.clicks(tmp_path))
    write(tmp_path, "videos.csv.gz", "video_id,author_id,duration_ms,tag", '1,x,9000.0,"4,5"', "2,y,,", "3,x,9000,4")
    (history,) = kuairand_pure.clicks(tmp_path)  # the other user was shown nothing in May
    assert history.tests == (Met("1", (("tag", "tag 4"), ("tag", "tag 5"), ("creator", "x")), False, "1"),)
    assert [test.unwanted for each in kuairand_pure.long_views(tmp_path) for test in each.tests] == [True]
    in_view = [event.visible_ms for event in history.before if isinstance(event, Impression)]
    assert in_view == [2_000, 2_000, 1_200, 2_000, 4_000]
    assert [event.ts for event in history.before[:2]] == [MAY - 150_000, MAY - 150_000]
    kinds = [type(event) for event in history.before]
    assert kinds.count(Play) == 2
    assert kinds.count(Dislike) == 1
    said = [event.kind for event in history.before if isinstance(event, Feedback)]
    assert said == ["like", "like", "share"]


def test_nemig_s_last_page_is_the_test_and_its_headlines_are_one_group(tmp_path: Path) -> None:
    pages = [f"{n},U1,a b,{' '.join(f'n{n}{k}-{int(k == 2)}' for k in range(3))}" for n in range(3, 0, -1)]
    write(tmp_path, "impressions.csv.gz", "impression_id,user_id,clicked_before,shown", *pages)
    news = [f"n{n}{k},t{k},left,Neutral,eu|un" for n in range(1, 4) for k in range(3)]
    write(tmp_path, "news.csv.gz", "news_id,subtopic,politics,sentiment,entities", *news)
    (history,) = nemig.histories(tmp_path)
    assert [(test.content_id, test.unwanted) for test in history.tests] == [
        ("n30", True),
        ("n31", True),
        ("n32", False),
    ]
    assert history.tests[0].keys == tuple(("tag", tag) for tag in ("topic t0", "side left", "eu", "un"))
    shown = [event.content_id for event in history.before if isinstance(event, Impression)]
    clicked = [event.content_id for event in history.before if isinstance(event, Feedback)]
    assert shown == ["n10", "n11", "n12", "n20", "n21", "n22"]
    assert clicked == ["a", "b", "n12", "n22"]


def mindreader_files(folder: Path) -> None:
    write(folder, "films.csv.gz", "idx,title,genres", "0,A,1|2", "1,B,3", "2,C,")
    films = [f"{user},{film},{int(film != 1)}" for user in range(4) for film in range(3)]
    write(folder, "film_opinions.csv.gz", "u_idx,i_idx,rate", *films)
    write(folder, "genre_opinions.csv.gz", "u_idx,g_idx,rate", "0,3,0", "0,1,1", "1,3,0", "2,2,1", "3,3,1")


def test_mindreader_s_films_are_what_rules_see_and_genres_are_what_is_asked(tmp_path: Path) -> None:
    mindreader_files(tmp_path)
    first, *_ = said = list(mindreader.opinions(tmp_path))
    assert [type(event) for event in first.before] == [Feedback, Dislike, Feedback]
    assert first.before[0].tags == ("genre 1", "genre 2")
    assert first.tests == (Met("", (("tag", "genre 3"),), True), Met("", (("tag", "genre 1"),), False))
    assert len(said) == 4
    rated = next(mindreader.ratings(tmp_path, mindreader.SITTING_MS))
    assert [event.value for event in rated.before if isinstance(event, Feedback)] == [5, 1, 5]
    assert rated.before[1].ts - rated.before[0].ts == mindreader.SITTING_MS


def test_stated_tags_are_ranked_over_all_users(tmp_path: Path) -> None:
    mindreader_files(tmp_path / "mindreader")
    report = on_set("mindreader", tmp_path, 10, 1, contenders(["alone", "chance"], Settings()), RULES_OF, Silent())
    assert report.group is not None
    alone, chance = report.group.rows
    # everybody disliked the film of genre 3 alone; of three who stated it two dislike it: 5 of 6 pairs, one tied
    assert alone.figures["stated.auc"].value == pytest.approx((2 + 2 * 1.5) / 6, abs=0.17)
    assert chance.figures["stated.auc"].value == 0.5
    assert "prior.auc" not in alone.figures


def test_halves_share_all_users_out_and_stay() -> None:
    users = [f"u{n}" for n in range(200)]
    first, second = ({user for user in users if in_half(user, half)} for half in ("first", "second"))
    assert first | second == set(users)
    assert not first & second
    assert 60 < len(first) < 140


def test_a_gzip_file_that_is_cut_off_is_an_error_that_says_so(tmp_path: Path) -> None:
    write(tmp_path, "x.csv.gz", "a,b", *("1,2" for _ in range(2_000)))
    whole = (tmp_path / "x.csv.gz").read_bytes()
    (tmp_path / "x.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataSetError, match="cut off"):
        list(read_rows(tmp_path / "x.csv.gz", ("a",)))
    (tmp_path / "x.csv.gz").write_bytes(b"plain")
    with pytest.raises(DataSetError, match="no gzip file"):
        list(read_rows(tmp_path / "x.csv.gz", ("a",)))

"""Public data sets cut in two by time, on tiny files of their format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.evaluation.bootstrap import Share
from lab.evaluation.contenders import contenders
from lab.evaluation.evaluate import on_set
from lab.evaluation.joining import Key
from lab.evaluation.rules import Listed, Rule
from lab.evaluation.sets import SETS, kuairand, movielens, open_bandit
from lab.evaluation.sets.history import Test as Met
from lab.evaluation.sets.history import judge
from lab.evaluation.sets.study import study
from streamer.events import Dislike, Feedback, Impression, Play
from streamer.profile import Rules
from streamer.settings import Settings

RULES_OF = Rules(Settings())
KUAIRAND = "user_id\tvideo_id\ttime_ms\tplay_time_ms\tduration_ms\tis_comment\tis_forward\tlabel\n"


class Silent:
    """Nobody watches."""

    def start(self, what: str, total: int) -> None: ...

    def done(self, amount: int) -> None: ...


class Fixed(Rule):
    """Dislikes a most, then b."""

    name = "fixed"
    what = "for tests"

    def scores(self, now_ms: int) -> Mapping[Key, float]:
        return {("tag", "a"): 2.0, ("tag", "b"): 1.0}

    def listed(self, now_ms: int) -> Mapping[Key, Listed]:
        return {("tag", "a"): Listed("strong", 0.5)}


def met(tags: str, unwanted: bool, n: int = 0) -> Met:
    return Met(f"{tags}{n}", tuple(("tag", tag) for tag in tags), unwanted)


def test_what_follows_the_split_is_held_against_scores_and_list() -> None:
    tests = [met("a", True), met("bc", True), met("b", False), met("c", False)]
    shares = judge(Fixed("u", RULES_OF), tests, now_ms=0)
    # unwanted score 2 and .5, wanted 1 and 0: 3 of 4 pairs are right
    assert shares["item.auc"] == Share(0.75, 1)
    assert shares["hit.unwanted"] == Share(0.5, 1)
    assert shares["hit.wanted"] == Share(0.0, 1)
    assert shares["hit.net"] == Share(0.5, 1)


def test_keys_are_disliked_if_their_items_are_unwanted_more_often_than_the_others() -> None:
    tests = [met("a", n < 3, n) for n in range(4)] + [met("b", n < 1, n) for n in range(4)] + [met("c", True)]
    # a: 3 of 4 against 2 of 5, b: 1 of 4 against 4 of 5, c: met once, not enough
    assert judge(Fixed("u", RULES_OF), tests, now_ms=0)["key.auc"] == Share(1.0, 1)
    assert judge(Fixed("u", RULES_OF), tests[:4], now_ms=0)["key.auc"] == Share(0.0, 0)


def test_kuairand_is_cut_after_seven_tenths_and_its_lengths_are_tags(tmp_path: Path) -> None:
    lines = [f"7\tv{n}\t{1000 * n + 1_600_000_000_000}\t3000\t{30_000 + n}\t0\t0\t{n % 2}\n" for n in range(10)]
    (tmp_path / "processed_standard_kcore_15.csv").write_text(KUAIRAND + "".join(lines))
    (stated,), (silent,) = list(kuairand.stated(tmp_path)), list(kuairand.silent(tmp_path))
    assert [test.unwanted for test in stated.tests] == [False, True, False]
    assert stated.tests[0].keys == (("tag", "length <= 45 s"),)
    assert {type(event) for event in stated.before} == {Play, Dislike, Feedback}
    assert {type(event) for event in silent.before} == {Play}
    assert stated.before[0].tags == ("length <= 30 s",)
    assert stated.tests == silent.tests
    assert max(event.ts for event in stated.before) == 1_600_000_006_000


def test_movielens_has_genres_film_tags_and_directors_and_leaves_middling_ratings_out(tmp_path: Path) -> None:
    folder, films = tmp_path / "ml-latest-small", tmp_path / "ranklens-movies"
    folder.mkdir()
    films.mkdir()
    ratings = [(0.5, 1), (5, 2), (3, 3), (4, 4), (1, 5), (3, 6), (5, 7), (3, 8), (2, 9), (4, 10)]
    rows = "".join(f"1,{1 + t % 2},{stars},{t}\n" for stars, t in ratings)
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + rows)
    (folder / "movies.csv").write_text("movieId,title,genres\n1,A,Comedy|Drama\n2,B,Horror\n")
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n1,1,862\n2,2,863\n")
    film = '[{"tmdbId":862,"tags":["pixar"],"director":{"id":5,"name":"J"},"runtime":81}]'
    (films / "movies.json").write_text(film)
    (history,) = movielens.histories(tmp_path)
    assert len(history.before) == 7
    assert [(test.content_id, test.unwanted) for test in history.tests] == [("2", True), ("1", False)]
    assert history.tests[1].keys == (("tag", "comedy"), ("tag", "drama"), ("tag", "pixar"), ("creator", "J (tmdb 5)"))


def test_open_bandit_uses_the_random_log_and_clicks_are_wanted(tmp_path: Path) -> None:
    folder = tmp_path / "random" / "men"
    folder.mkdir(parents=True)
    head = "timestamp,item_id,position,click,user_feature_0,user_feature_1,user_feature_2,user_feature_3\n"
    rows = [f"2019-11-24 00:0{n}:00+00:00,{n % 2},1,{n % 2},a,b,c,d\n" for n in range(10)]
    (folder / "men.csv").write_text(head + "".join(rows))
    features = "item_id,item_feature_1,item_feature_2,item_feature_3\n0,x,y,z\n1,p,q,r\n"
    (folder / "item_context.csv").write_text(features)
    (history,) = open_bandit.histories(tmp_path)
    assert [test.unwanted for test in history.tests] == [False, True, False]
    assert sum(isinstance(event, Impression) for event in history.before) == 7
    assert len(history.tests[0].keys) == 3


@pytest.mark.parametrize("name", list(SETS))
def test_a_set_that_is_not_there_is_passed_over_with_a_message_that_says_so(name: str, tmp_path: Path) -> None:
    found = contenders(["chance"], Settings())
    missing = on_set(name, tmp_path, 10, 1, found, RULES_OF, Silent())
    assert missing.group is None
    assert missing.missing is not None
    assert str(tmp_path) in missing.missing
    unnamed = on_set(name, None, 10, 1, found, RULES_OF, Silent())
    assert "--data" in (unnamed.missing or "")


def test_users_of_a_set_count_alike_however_long_their_history(tmp_path: Path) -> None:
    lines = [
        f"{user}\tv{n}\t{1000 * n + 1_600_000_000_000}\t3000\t{(20_000, 99_000)[n % 2]}\t0\t0\t{n % 2}\n"
        for user, length in ((1, 10), (2, 60))
        for n in range(length)
    ]
    (tmp_path / "processed_standard_kcore_15.csv").write_text(KUAIRAND + "".join(lines))
    histories = list(kuairand.stated(tmp_path))
    group = study("x", histories, contenders(["explicit", "chance"], Settings()), RULES_OF, 50, 1).group
    explicit, chance = group.rows
    assert explicit.figures["item.auc"].value == 1  # short ones are hated, long ones liked, always
    assert explicit.figures["item.auc"].users == 2
    assert chance.figures["item.auc"].value == 0.5

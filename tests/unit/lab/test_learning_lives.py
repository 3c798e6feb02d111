"""Lives cut in two: what is learned from, what is judged by, and the list in between, as worker and reader make it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from lab.learning.lives import Person, Source, study_of
from lab.learning.sets import MAY_MS, SETS
from lab.learning.sources import world
from streamer.errors import DataSetError
from streamer.events import DAY_MS, Dislike, Event, Impression, Play
from streamer.serving.candidate import Candidate
from streamer.settings import Settings

FIXTURES = Path(__file__).parents[2] / "fixtures"
START = 20_000 * DAY_MS
ITEMS = [Candidate(name, f"by-{name}", ("x",), 60.0) for name in "abcde"]


def play(content_id: str, minute: int, played_s: float) -> Event:
    ts = START + minute * 60_000
    return Play(
        user_id="u", ts=ts, content_id=content_id, creator_id=f"by-{content_id}", tags=("x",), duration_s=60.0,
        playback_id=str(ts), played_s=played_s,
    )  # fmt: skip


def no(content_id: str, minute: int) -> Event:
    return Dislike(user_id="u", ts=START + minute * 60_000, action="block", content_id=content_id)


def seen(content_id: str, minute: int) -> Event:
    return Impression(user_id="u", ts=START + minute * 60_000, content_id=content_id, visible_ms=5000)


def test_a_study_has_histories_before_the_split_and_what_was_new_after_it() -> None:
    before = [play("a", 0, 60), seen("c", 1), no("b", 2)]
    after = [play("a", 600, 60), play("c", 601, 60), no("d", 602), play("e", 603, 1)]
    study = study_of(Source([Person("u", before, after)], ITEMS), Settings())
    (case,) = study.cases
    assert [(met.content_id, met.action) for met in case.state] == [("a", "engaged"), ("b", "disliked")]
    a, b, c, d, e = range(1, 6)
    assert (case.met, case.refused_before, case.wanted, case.refused) == ({a, b}, {b}, {c}, {d, e})
    assert case.disliked == {d}  # e was abandoned
    assert case.penalties.tolist() == [0, 1, 0, 1, 1, 1]  # blocked, and no item at all
    assert study.histories.item.tolist() == [a, b]
    assert [met[:2] for met in study.histories.of(0)] == [met[:2] for met in case.state]


def test_strangers_have_no_history_and_an_empty_list() -> None:
    study = study_of(Source([Person("u", [], [play("a", 0, 60)])], ITEMS), Settings())
    (case,) = study.cases
    assert (list(case.state), case.wanted) == ([], {1})
    assert case.penalties.tolist() == [0, 1, 1, 1, 1, 1]


def test_lists_and_histories_have_the_newest_session_however_long_it_stays_open() -> None:
    before = [play("a", 0, 60), no("b", 2)]
    patient = Settings(session_gap=43_200, grace=86_400)
    (case,) = study_of(Source([Person("u", before, [])], ITEMS), patient).cases
    assert [met.content_id for met in case.state] == ["a", "b"]
    assert case.penalties.tolist() == [0, 1, 0, 1, 1, 1]


def divided(number: int) -> Person:
    """Everybody is shown gore and cats; at even numbers they dislike four items of gore, at odd ones nothing."""
    user_id, events = f"u{number:02}", list[Event]()
    for n in range(10):
        ts, content_id, tags = START + n * 60_000, f"{n}", (("gore", "cats")[n % 2],)
        events.append(Impression(user_id=user_id, ts=ts, content_id=content_id, tags=tags, visible_ms=5000))
        if number % 2 == 0 and n in (0, 2, 4, 6):
            events.append(Dislike(user_id=user_id, ts=ts + 1, action="dislike", content_id=content_id, tags=tags))
    return Person(user_id, events, [])


def test_a_stranger_among_people_puts_nobody_into_the_other_half() -> None:
    items = [Candidate(f"{n}", None, (("gore", "cats")[n % 2],), 60.0) for n in range(12)]
    people = [divided(n) for n in range(1, 100)]
    stranger, silent = (Person("u00", before, []) for before in ([], [seen("11", 0)]))
    all_count = Settings(population_share=1)
    beside_stranger, beside_silent = (
        study_of(Source([first, *people], items), all_count).cases[1:] for first in (stranger, silent)
    )
    assert 0 < beside_silent[1].penalties[11] < 1
    for one, other in zip(beside_stranger, beside_silent, strict=True):
        assert one.penalties.tolist() == other.penalties.tolist()


def test_a_worlds_people_are_cut_on_one_day_and_their_truth_is_of_its_catalogue() -> None:
    found = world("feed", 3, 1)
    split_ms = max(each.before[-1].ts for each in found.people if each.before)
    assert split_ms < min(each.after[0].ts for each in found.people if each.after)
    assert len(found.items) == 2000
    truth = found.people[0].truth
    assert truth is not None
    assert (len(truth.unwanted), bool(truth.unwanted[0])) == (2001, False)
    assert not (truth.unwanted & truth.wanted).any()
    assert 0 < np.mean(truth.unwanted) < 0.6


def pure(folder: Path) -> Path:
    """A folder like that of KuaiRand-Pure, of two users."""
    files = {
        "videos": "video_id,author_id,video_type,upload_dt,duration_ms,music_id,tag\n"
        '0,9,NORMAL,2022-04-10,20000.0,1,"39,2"\n1,8,NORMAL,2022-04-10,20000.0,1,2\n2,7,NORMAL,2022-04-10,,1,\n',
        "impressions": "user_id,video_id,time_ms,tab,is_click,long_view,play_time_ms,duration_ms,is_like,is_follow,"
        "is_comment,is_forward,is_hate\n"
        f"4,0,{MAY_MS - 9_000_000},1,1,1,20000,20000,1,0,0,0,0\n"
        f"4,1,{MAY_MS + 9_000_000},1,1,0,100,20000,0,0,0,0,1\n"
        f"5,1,{MAY_MS + 9_000_000},1,1,0,100,20000,0,0,0,0,0\n",
        "before": f"user_id,history_len,last_time_ms,shown,long_viewed,liked\n4,2,{MAY_MS - 90_000_000},0 2,2,\n",
    }
    (folder / "kuairand-pure").mkdir(parents=True)
    for name, text in files.items():
        with gzip.open(folder / "kuairand-pure" / f"{name}.csv.gz", "wt", encoding="utf-8") as file:
            file.write(text)
    return folder


def test_kuairand_pure_is_cut_on_the_first_of_may_and_begins_with_what_was_viewed_long_before(tmp_path: Path) -> None:
    source = SETS["kuairand-pure"].source(pure(tmp_path), 10)
    (person,) = source.people  # the other user has nothing before
    kinds = [(type(each).__name__, getattr(each, "content_id", None)) for each in person.before]
    assert kinds == [("Play", "2"), ("Impression", "0"), ("Play", "0"), ("Feedback", "0")]
    assert [each.ts for each in person.before] == sorted(each.ts for each in person.before)
    (case,) = study_of(source, Settings()).cases
    assert ({met.content_id for met in case.state}, len(case.refused)) == ({"2", "0"}, 1)


def test_movielens_is_cut_by_each_users_own_ratings(tmp_path: Path) -> None:
    for ours, theirs in (("movielens", "ml-latest-small"), ("ranklens-movies", "ranklens-movies")):
        (tmp_path / theirs).symlink_to(FIXTURES / ours)
    source = SETS["movielens"].source(tmp_path, 10)
    assert source.people
    for person in source.people:
        assert person.before[-1].ts < person.after[0].ts


@pytest.mark.parametrize("damage", ["absent", "cut", "column"])
def test_a_set_that_is_not_there_or_damaged_names_its_file(tmp_path: Path, damage: str) -> None:
    if damage == "absent":
        with pytest.raises(DataSetError, match=r"there is no .*--data names the folder"):
            SETS["kuairand-pure"].source(tmp_path, 10)
        return
    file = pure(tmp_path) / "kuairand-pure" / "impressions.csv.gz"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    else:
        with gzip.open(file, "wt", encoding="utf-8") as out:
            out.write("user_id,video_id\n4,0\n")
    with pytest.raises(DataSetError, match=r"impressions\.csv\.gz .*fetch it again"):
        SETS["kuairand-pure"].source(tmp_path, 10)

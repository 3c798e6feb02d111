"""Public data sets as events: hand-written files in their formats, and the real ones where they are at hand."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from streamer.errors import DataSetError
from streamer.events import EVENT_TYPES, Dislike, Event, EventDecoder, Feedback, Impression, Play, encode
from streamer.replay.datasets import DATASETS, kuairand, movielens, open_bandit
from tests.data import FIXTURES, shared_data

FOLDERS = {"kuairand": "kuairand", "open-bandit": "open-bandit", "movielens": "movielens"}
LATER_THAN_ALL = 2_000_000_000_000


def test_a_kuairand_row_is_a_play_with_its_feedback() -> None:
    made = list(kuairand.events(FIXTURES / "kuairand"))
    assert made[:2] == [
        (
            "plays",
            Play(
                user_id="kuairand-7",
                ts=1_650_000_000_000,
                tz_offset_min=480,
                duration_s=45.0,
                content_id="502",
                playback_id="1650000000000",
                played_s=1.2,
            ),
        ),
        (
            "dislikes",
            Dislike(
                user_id="kuairand-7",
                ts=1_650_000_000_000,
                tz_offset_min=480,
                duration_s=45.0,
                action="dislike",
                content_id="502",
            ),
        ),
    ]
    given = [(e.user_id, e.content_id, e.kind) for _, e in made if isinstance(e, Feedback)]
    assert given == [
        ("kuairand-8", "501", "like"),
        ("kuairand-8", "501", "like"),
        ("kuairand-7", "501", "like"),
        ("kuairand-7", "501", "comment"),
        ("kuairand-7", "501", "share"),
        ("kuairand-8", "503", "comment"),
    ]


def test_a_kuairand_duration_of_zero_is_no_duration_and_a_repeated_row_no_second_playback() -> None:
    plays = [e for _, e in kuairand.events(FIXTURES / "kuairand") if isinstance(e, Play) and e.user_id == "kuairand-8"]
    assert plays[0] == plays[1]
    assert plays[0].duration_s is None


def test_open_bandit_logs_are_one_stream_of_displayed_products_with_clicks() -> None:
    made = list(open_bandit.events(FIXTURES / "open-bandit"))
    ten = 1_574_553_610_000
    assert [(topic, e.ts - ten, e.content_id) for topic, e in made] == [
        ("impressions", 500, "men-0"),
        ("impressions", 10_000, "men-1"),
        ("impressions", 20_250, "men-1"),
        ("feedback", 20_250, "men-1"),
        ("impressions", 30_000, "men-0"),
    ]
    shown = [e for _, e in made if isinstance(e, Impression)]
    assert [e.position for e in shown] == [0, 1, 2, 0]
    assert {(e.media, e.visible_ms) for e in shown} == {("product", 1000)}
    assert shown[0].user_id == shown[1].user_id == shown[2].user_id != shown[3].user_id


def test_an_open_bandit_item_has_the_same_tags_under_both_policies() -> None:
    made = [e for _, e in open_bandit.events(FIXTURES / "open-bandit")]
    assert made[0].tags == made[-1].tags
    assert made[0].tags == tuple(f"feature_{n}-{('1' + c * 16)[:12]}" for n, c in ((1, "a"), (2, "b"), (3, "c")))


def test_a_single_open_bandit_log_can_be_read() -> None:
    made = list(open_bandit.events(FIXTURES / "open-bandit" / "random" / "men" / "men.csv"))
    assert [topic for topic, _ in made] == ["impressions", "impressions"]


def test_movielens_ratings_are_whole_stars_rounded_up_with_genres_as_tags() -> None:
    made = list(movielens.events(FIXTURES / "movielens"))
    assert [(t, e.user_id, e.ts, e.value, e.tags) for t, e in made if isinstance(e, Feedback)] == [
        ("feedback", "movielens-2", 1_000_000_000_000, 2, ()),
        ("feedback", "movielens-1", 1_000_000_100_000, 1, ("Children",)),
        ("feedback", "movielens-1", 1_000_000_200_000, 4, ("Drama", "Film-Noir")),
        ("feedback", "movielens-2", 1_000_000_300_000, 5, ("Drama", "Film-Noir")),
    ]
    assert {e.creator_id for _, e in made} == {None}


def test_films_give_movielens_directors_and_running_times() -> None:
    made = [e for _, e in movielens.events(FIXTURES / "movielens", FIXTURES / "ranklens-movies")]
    assert [(e.creator_id, e.duration_s) for e in made] == [
        (None, None),
        (None, None),
        ("Ada Example (tmdb 77)", 5400.0),
        ("Ada Example (tmdb 77)", 5400.0),
    ]


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_fixture_event_survives_the_wire(name: str) -> None:
    check_wire(list(DATASETS[name].events(FIXTURES / FOLDERS[name])))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kuairand", "holds no processed_standard_kcore_15.csv"),
        ("open-bandit", "expected {policy}/{campaign}/{campaign}.csv"),
        ("movielens", "holds no ratings.csv"),
    ],
)
def test_a_folder_without_the_files_says_which_are_expected(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataSetError) as error:
        DATASETS[name].events(tmp_path)
    assert message in str(error.value)
    with pytest.raises(DataSetError, match="does not exist"):
        DATASETS[name].events(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "message"),
    [
        ("kuairand", kuairand.FILE, "duration_ms", "length", "has no column duration_ms"),
        ("kuairand", kuairand.FILE, "1650000060000", "noon", "line 2: column time_ms must be a whole number"),
        ("kuairand", kuairand.FILE, "31500", "-1", "line 2: column play_time_ms must be a number >= 0, found '-1'"),
        ("kuairand", kuairand.FILE, "\t0\t0\n8", "\t0\t2\n8", "line 3: column label must be 0 or 1, found '2'"),
        ("open-bandit", "bts/men/men.csv", "10.500000+00:00", "10.500000", "column timestamp must be an ISO 8601"),
        ("open-bandit", "bts/men/men.csv", ",0,1,0,0.5,", ",9,1,0,0.5,", "must be an item of item_context.csv"),
        ("open-bandit", "bts/men/item_context.csv", "item_feature_2", "x", "has no column item_feature_2"),
        ("movielens", "ratings.csv", ",3.5,", ",3.7,", "column rating must be 0.5 to 5 in half stars, found '3.7'"),
        ("movielens", "ratings.csv", "2,12,", "2,13,", "column movieId must be a film of movies.csv, found '13'"),
        ("movielens", "ratings.csv", "1,11,0.5,1000000100", "1,11,0.5", "line 3: 3 cells, the header has 4"),
    ],
)
def test_a_damaged_file_is_named_with_line_and_column(
    name: str, file: str, old: str, new: str, message: str, tmp_path: Path
) -> None:
    shutil.copytree(FIXTURES / FOLDERS[name], tmp_path / name)
    damaged = tmp_path / name / file
    text = damaged.read_text()
    assert old in text
    damaged.write_text(text.replace(old, new, 1))
    with pytest.raises(DataSetError) as error:
        DATASETS[name].events(tmp_path / name)
    assert message in str(error.value)
    assert str(damaged) in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"\xff\xfe\x00", "not a delimited UTF-8"),
        (b"userId,movieId,rating,timestamp\n", "no rows"),
    ],
)
def test_a_file_without_rows_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "movielens", tmp_path / "movielens")
    (tmp_path / "movielens" / "ratings.csv").write_bytes(content)
    with pytest.raises(DataSetError, match=message):
        movielens.events(tmp_path / "movielens")


def test_films_in_another_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / "movies.json").write_text('[{"title":"no director"}]')
    with pytest.raises(DataSetError, match="not ranklens-movies' list of films"):
        movielens.events(FIXTURES / "movielens", tmp_path)


def test_all_of_kuairand_is_41828_plays() -> None:
    made = list(kuairand.events(shared_data("kuairand")))
    check_wire(made)
    assert Counter(topic for topic, _ in made) == {"plays": 41_828, "dislikes": 8_083, "feedback": 35_329}
    kinds = Counter(e.kind for _, e in made if isinstance(e, Feedback))
    assert kinds == {"like": 33_745, "comment": 1_258, "share": 326}
    assert len({e.user_id for _, e in made}) == 664
    assert sum(isinstance(e, Play) and e.duration_s is None for _, e in made) == 7_738


def test_all_of_open_bandit_is_40000_impressions() -> None:
    made = list(open_bandit.events(shared_data("open-bandit")))
    check_wire(made)
    assert Counter(topic for topic, _ in made) == {"impressions": 40_000, "feedback": 207}
    assert len({e.user_id for _, e in made}) == 317
    tags: dict[str | None, set[tuple[str, ...]]] = {}
    for _, event in made:
        tags.setdefault(event.content_id, set()).add(event.tags)
    assert len(tags) == 80
    assert all(len(variants) == 1 for variants in tags.values())


def test_all_of_movielens_is_100836_ratings_two_thirds_with_a_director() -> None:
    made = list(movielens.events(shared_data("ml-latest-small"), shared_data("ranklens-movies")))
    check_wire(made)
    assert Counter(topic for topic, _ in made) == {"feedback": 100_836}
    assert len({e.user_id for _, e in made}) == 610
    assert sum(e.creator_id is not None for _, e in made) == 65_725


def check_wire(made: list[tuple[str, Event]]) -> None:
    """In event-time order, and each as it was after encoding, decoding and all of its checks."""
    assert all(a[1].ts <= b[1].ts for a, b in pairwise(made))
    decoders = {topic: EventDecoder(topic, max_future_ms=0) for topic in EVENT_TYPES}
    for topic, event in made:
        assert decoders[topic].decode(event.user_id.encode(), encode(event), LATER_THAN_ALL) == event

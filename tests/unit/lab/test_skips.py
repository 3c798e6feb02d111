"""What a skip says of later videos, on a tiny file of KuaiRand-Pure's format."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.__main__ import app
from lab.evaluation.sets.kuairand_pure import SPLIT_MS
from lab.skips.later import later_videos, measured
from lab.skips.sightings import WENT, read

HEAD = "user_id,video_id,time_ms,tab,is_click,long_view,play_time_ms,duration_ms"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One user: four videos of one tag met before May, each another way; one of it and two others met later."""
    before = [
        f"7,a,{SPLIT_MS - 9},1,0,0,1900,100000",  # skipped within 2 s
        f"7,b,{SPLIT_MS - 8},1,0,0,2000,100000",  # skipped later
        f"7,c,{SPLIT_MS - 7},1,1,0,19000,100000",  # left before 2·√100 = 20 s
        f"7,d,{SPLIT_MS - 6},1,1,1,20000,100000",  # stayed with
        f"7,e,{SPLIT_MS - 5},0,1,1,20000,100000",  # not in the feed
    ]
    later = [
        f"7,f,{SPLIT_MS},1,1,1,9000,100000",
        f"7,g,{SPLIT_MS + 1},1,0,0,1000,100000",
        f"7,h,{SPLIT_MS + 2},1,1,1,90000,100000",
    ]
    videos = ["video_id,tag", *(f'{name},"1,9"' for name in "abcdef"), "g,2", "h,"]
    for name, lines in (("impressions", [HEAD, *later, *before]), ("videos", videos)):
        (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
    return tmp_path


def test_exposures_of_the_feed_are_told_apart_by_how_they_went(folder: Path) -> None:
    (own,) = read(folder).values()
    assert [WENT[sighting.went] for sighting in own[:4]] == list(WENT)
    assert [sighting.video for sighting in own] == ["a", "b", "c", "d", "f", "g", "h"]
    # 3 of 7 clicked, of this video nobody else did or did not: usual
    assert own[0].usual[1] == pytest.approx(4 / 7)


def test_a_later_video_is_held_against_those_that_share_a_tag_and_the_users_rate_elsewhere(folder: Path) -> None:
    (own,) = read(folder).values()
    f, g = later_videos(own)  # h has no tag
    assert (f.counts, g.counts) == ((1, 1, 1, 1), (0, 0, 0, 0))
    # of g and h, which share no tag with f, one was clicked where 2 · 4/7 were usual
    assert f.expected[1] == pytest.approx(4 / 7 * (1 + 3) / (8 / 7 + 3))
    later, _ = measured([own])
    assert [(each.before, each.videos) for each in later] == [("none that shares a tag", 1)]


def test_the_command_tells_it(folder: Path) -> None:
    told = CliRunner(env={"COLUMNS": "150"}).invoke(app, ["skips", "--data", str(folder)])
    assert told.exit_code == 0
    assert "none that shares a tag" in told.stdout

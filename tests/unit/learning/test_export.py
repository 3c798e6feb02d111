"""Labels to files: nothing lost, nothing twice, nothing of erased users, wherever a run ends."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from random import Random

import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.errors import ExportError, StateTooNew
from streamer.events import DAY_MS
from streamer.learning.examples.export import Export, Summary
from streamer.learning.examples.folder import Folder, read_manifest
from streamer.profile import Label
from streamer.testing.broker import MemoryScanner
from tests.unit.learning.examples import DAY_0, SETTINGS, Told, example, label


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "out")


def expected(*labels: Label) -> list[tuple[str, int, str]]:
    return sorted({(each.user_id, each.start, item.content_id) for each in labels for item in each.examples})


MANY = [label(f"u{n % 7}", DAY_0 + n * DAY_MS // 8, example(f"c{n}"), example(f"d{n}")) for n in range(40)]


def test_every_example_is_a_row_in_its_days_folder(told: Told) -> None:
    told.tell(*MANY)
    done = told.export()
    assert (done.labels, done.examples) == (40, 80)
    assert told.rows() == expected(*MANY)
    read = ds.dataset(told.out, format="parquet", partitioning="hive").to_table()
    assert read.num_rows == 80
    assert set(read["day"].to_pylist()) == {f"2024-10-0{n}" for n in range(4, 9)}


def test_a_row_says_what_its_example_says(told: Told) -> None:
    odd = example("c", tags=(), creator_id=None, position=None, outcome=None, signals={"dislike": -1.5}, weight=-1.5)
    told.tell(label("u", DAY_0, odd, session_id="s"))
    told.export()
    (table,) = told.tables()
    (row,) = table.to_pylist()
    assert (row["session_id"], row["tags"], row["creator_id"], row["outcome"], row["offset"]) == (
        "s",
        [],
        None,
        None,
        0,
    )
    assert (row["signals"], row["weight"], row["confidence"]) == ([("dislike", -1.5)], -1.5, 25.4)


def test_a_later_run_adds_what_is_new_and_nothing_else(told: Told) -> None:
    told.tell(*MANY[:10])
    told.export()
    told.tell(*MANY[10:])
    assert told.export().labels == 30
    assert told.export() == Summary()
    assert told.rows() == expected(*MANY)


@pytest.mark.parametrize("runs", [1, 2])
def test_labels_that_come_twice_are_written_once(told: Told, runs: int) -> None:
    told.tell(*MANY)
    if runs == 2:
        told.export()
    told.tell(*MANY[25:])
    done = told.export()
    assert done.repeats == 15
    assert told.rows() == expected(*MANY)
    assert sum(table.num_rows for table in told.tables()) == 80


def test_sessions_that_differ_in_name_or_part_alone_are_no_repeats(told: Told) -> None:
    told.tell(label("u", DAY_0), label("u", DAY_0, session_id=""), label("u", DAY_0, session_id="s"))
    told.tell(label("u", DAY_0, part=1), label("v", DAY_0))
    assert told.export().repeats == 0
    assert sum(table.num_rows for table in told.tables()) == 5


@pytest.mark.parametrize("exported_before", [False, True])
def test_what_a_worker_has_forgotten_is_gone_and_what_comes_after_stays(told: Told, exported_before: bool) -> None:
    told.tell(label("gone", DAY_0), label("stays", DAY_0))
    if exported_before:
        told.export()
    told.forgotten("gone")
    told.tell(label("gone", DAY_0 + DAY_MS))
    assert told.export().erased == 1
    assert told.rows() == [("gone", DAY_0 + DAY_MS, "c"), ("stays", DAY_0, "c")]
    assert read_manifest(told.out).erasing == {}


@pytest.mark.parametrize("exported_before", [False, True])
def test_a_request_holds_before_a_worker_has_met_it(told: Told, exported_before: bool) -> None:
    told.tell(label("gone", DAY_0), label("gone", DAY_0 + 5 * 60_000), label("stays", DAY_0))
    if exported_before:
        told.export()
    told.ask_to_forget("gone", DAY_0 + 60_000)
    assert told.export().erased == 1
    assert told.rows() == [("gone", DAY_0 + 5 * 60_000, "c"), ("stays", DAY_0, "c")]


def test_of_erased_users_no_byte_is_left_in_the_folder(told: Told) -> None:
    told.tell(label("erased-user", DAY_0), label("stays", DAY_0), label("erased-user", DAY_0 + DAY_MS))
    told.export()
    told.forgotten("erased-user")
    told.export()
    files = [file for file in told.out.rglob("*") if file.is_file()]
    assert [file for file in files if b"erased-user" in file.read_bytes()] == []


class Killed(BaseException):
    """The process ends here."""


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 10_000))
def test_a_run_killed_at_any_write_is_gone_on_with_as_if_it_had_not_been(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = Random(seed)
    told = Told(tmp_path_factory.mktemp("killed"))
    stay = [each for each in MANY if each.user_id != "u3"]
    fsync, left = os.fsync, 0

    def counted(file: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        fsync(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", counted)
        told.tell(*MANY[:20])
        for step in range(12):
            left = rng.randrange(12)
            if step == 4:
                told.tell(*MANY[10:])
                told.forgotten("u3")
            try:
                told.export(rng.choice([3, 9, 1000]))
            except Killed:
                continue
    told.export()
    assert told.rows() == expected(*stay)
    assert sum(table.num_rows for table in told.tables()) == 2 * len(stay)
    on_disk = {str(file.relative_to(told.out)) for file in told.out.rglob("*.parquet")}
    assert on_disk == set(read_manifest(told.out).files)


def test_files_cut_short_or_gone_are_read_again(told: Told) -> None:
    told.tell(*MANY)
    told.export()
    first, second, *_ = sorted(told.out.rglob("*.parquet"))
    first.write_bytes(first.read_bytes()[:100])
    second.unlink()
    (told.out / "day=2024-10-04" / "stranger.parquet").write_bytes(b"half")
    done = told.export()
    assert (done.lost, done.leftovers) == (2, 2)
    assert told.rows() == expected(*MANY)


def test_records_that_are_no_labels_are_counted_and_told(told: Told) -> None:
    told.broker.append(SETTINGS.topics.labels, [(b"u", b"{", ())])  # type: ignore[list-item]
    told.broker.append(SETTINGS.topics.labels, [(None, None, ())])  # type: ignore[list-item]
    told.tell(label("u", DAY_0))
    done = told.export()
    assert (done.unreadable, done.labels) == (2, 1)
    assert done.why_unreadable.startswith("labels[0]@0: ")


def test_records_that_the_topic_no_longer_has_are_counted(told: Told) -> None:
    told.tell(*MANY[:4])
    told.export()
    told.tell(*MANY[4:10])
    told.broker.delete_before("labels", 7)
    assert told.export().missed == 3


def test_a_topic_made_anew_is_told(told: Told) -> None:
    told.tell(*MANY)
    told.export()
    told.broker.logs["labels"].clear()
    with pytest.raises(ExportError, match=r"made anew .* export to another folder"):
        told.export()


def test_a_label_of_a_newer_schema_ends_the_run(told: Told) -> None:
    newer = Label(schema=2, user_id="u", session_id=None, start=0, last=0, cohort=None, part=0, parts=1, examples=())
    told.tell(newer)
    with pytest.raises(StateTooNew, match="upgrade"):
        told.export()


def test_a_folder_that_is_something_else_is_not_touched(told: Told) -> None:
    told.out.mkdir()
    (told.out / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="is no export"):
        told.export()
    assert [file.name for file in told.out.iterdir()] == ["mine.txt"]


def test_a_folder_of_another_topic_or_version_is_refused(told: Told) -> None:
    told.export()
    other = Export(SETTINGS.model_copy(update={"topic_prefix": "other-"}), told.out)
    with pytest.raises(ExportError, match="is an export of labels with 1 partitions, not of other-labels"):
        asyncio.run(other.run(MemoryScanner(told.broker)))
    manifest = told.out / "_export.json"
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(ExportError, match="of version 2"):
        told.export()


def test_two_exports_to_one_folder_at_a_time_are_refused(told: Told) -> None:
    with Folder.open(told.out, "labels", 1), pytest.raises(ExportError, match="another process"):
        told.export()


def test_a_topic_without_labels_makes_an_empty_export(told: Told) -> None:
    assert told.export() == Summary()
    assert told.rows() == []

"""The table of the population's totals: saved, recovered, told again, each delta counts once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.engine.kafka.records import Record
from streamer.engine.population.totals import TotalsTable
from streamer.engine.population.totals_mark import KEY, TotalsMark, decode_mark, encode_mark, hold_to
from streamer.errors import StateCorrupt, StateForeign, StateTooNew
from streamer.events import CLAIM
from streamer.population import Deltas, Key
from streamer.population.sums import BINS, CreatorSums, Sums, TagSums
from streamer.population.telling import PART_KEYS, Place, Source, tell
from streamer.settings import Settings

GORE, NEWS, BAIT = Key("tag", "gore"), Key("tag", "news"), Key("creator", "bait")
ONE, TWO = Source(0, "one"), Source(1, "two")


def told(source: Source, number: int, *changes: tuple[Key, Sums]) -> list[tuple[bytes, bytes]]:
    """What a checkpoint tells."""
    deltas = Deltas()
    for key, sums in changes:
        deltas.add(key, sums)
    return list(tell(source, number, deltas))


def log_of(*tellings: Iterable[tuple[bytes, bytes]]) -> list[Record]:
    """The topic, after these one after another."""
    records = [record for telling in tellings for record in telling]
    return [Record(offset, key, value, 0) for offset, (key, value) in enumerate(records)]


def many(sign: int) -> list[tuple[Key, Sums]]:
    """Changes that make three records."""
    return [(Key("tag", f"tag-{n}"), TagSums(users=sign)) for n in range(2 * PART_KEYS + 1)]


def appended(changelog: Sequence[Record], table: TotalsTable, most: int | None = None) -> list[Record]:
    """The changelog after the table is saved, or only so many of its records."""
    entries = [entry for step in table.take_changes() for entry in step][:most]
    return [*changelog, *(Record(0, key, value, 0, tuple(headers)) for key, value, headers in entries)]


def recovered(changelog: Iterable[Record], deltas_end: int) -> TotalsTable:
    table = TotalsTable("group")
    table.recover(changelog, deltas_end)
    return table


def counted(records: Iterable[Record]) -> TotalsTable:
    table = TotalsTable("group")
    table.count(records)
    return table


TELLINGS = [
    told(ONE, 1, (GORE, TagSums(users=1)), (NEWS, TagSums(likes=1))),
    told(TWO, 1, (GORE, TagSums(users=2, dislikes=1))),
    told(ONE, 2, *many(1)),
    told(ONE, 3, (GORE, TagSums(users=-1)), (BAIT, CreatorSums([1] + [0] * (BINS - 1), starts=3))),
    told(TWO, 2, (BAIT, CreatorSums([-1] + [0] * (BINS - 1), starts=1)), *many(-1)),
    told(ONE, 4, (NEWS, TagSums(likes=-1)), (BAIT, CreatorSums([0] * BINS, starts=1))),
]
LOG = log_of(*TELLINGS)


def sums(table: TotalsTable) -> dict[Key, Sums]:
    """What the totals are, but for those that nobody has."""
    return {key: found for key, found in table.totals.items() if not table.totals.is_over(key)}


def test_deltas_add_up_and_only_what_changed_is_saved() -> None:
    table = counted(log_of(*TELLINGS[:2]))
    first = table.take_changes()
    table.count(LOG[2:])
    assert sums(table) == {GORE: TagSums(users=2, dislikes=1)}
    assert [record.key for record in first.totals] == [b'["tag","gore"]', b'["tag","news"]']
    assert table.next_offset == len(LOG)
    assert [record.key for record in table.take_changes().mark] == [KEY]
    assert table.take_changes() == ([], [], [])


TRUTH = sums(counted(LOG))


@given(
    lives=st.lists(
        st.tuples(st.integers(0, len(LOG)), st.integers(0, len(LOG)), st.none() | st.integers(0, 900)), max_size=4
    )
)
def test_a_crash_anywhere_in_saving_and_reading_again_from_any_earlier_offset_counts_each_delta_once(
    lives: list[tuple[int, int, int | None]],
) -> None:
    """Of each life: read again from where, to where, and how many records of what it then saves arrive (None: all)."""
    changelog: list[Record] = []
    for earlier, reads, arrive in [*lives, (0, len(LOG), None)]:
        table = recovered(changelog, len(LOG))
        at = min(earlier, 0 if table.mark is None else table.mark.deltas_end)
        table.count(LOG[at:reads])
        changelog = appended(changelog, table, arrive)
    assert sums(recovered(changelog, len(LOG))) == TRUTH


@given(data=st.data())
def test_what_workers_tell_again_wholly_or_in_part_counts_once_whoever_tells_it(data: st.DataObject) -> None:
    """A worker that crashes tells its last checkpoints again, and a zombie whatever it was about to tell."""
    sent: list[tuple[bytes, bytes]] = []
    for source in (ONE, TWO):
        own = [telling for telling in TELLINGS if telling[0][0] == str(source.partition).encode()]
        records = [record for telling in own for record in telling]
        for at in range(len(records) + 1):
            back = data.draw(st.integers(0, at), label="goes back")
            sent += records[at - back : data.draw(st.integers(at - back, at), label="as far as")]
            sent += records[at : at + 1]
    table = counted(log_of(sent))
    assert sums(table) == TRUTH
    assert table.repeated == len(sent) - len(LOG)


def test_the_same_changes_make_the_same_records_in_whatever_order_they_were_found() -> None:
    assert told(ONE, 2, *many(1)) == told(ONE, 2, *reversed(many(1)))
    assert len(told(ONE, 2, *many(1))) == 3
    assert len(told(ONE, 2)) == 1  # so that no number is missing


def test_what_nobody_has_any_more_is_deleted_after_the_mark_that_says_it_is_counted() -> None:
    table = counted(log_of(*TELLINGS[:1]))
    changelog = appended([], table)
    table.count(LOG[1:])
    saving = table.take_changes()
    gone = {b'["tag","news"]', b'["creator","bait"]'}
    assert gone <= {record.key for record in saving.over}
    assert {record.value for record in saving.over} == {None}
    assert gone <= {record.key for record in saving.totals}  # as nothing, first
    assert set(table.totals.tags) == {"gore"}
    assert not table.totals.creators
    entries = [entry for step in saving[:2] for entry in step]
    changelog += [Record(0, key, value, 0, tuple(headers)) for key, value, headers in entries]
    after_a_crash = recovered(changelog, len(LOG)).take_changes().over
    assert gone & {record.key for record in after_a_crash} == {b'["tag","news"]'}  # nobody knows who had the creator


@pytest.mark.parametrize("restart", [False, True])
def test_what_became_of_a_creator_s_items_stays_though_nobody_has_it_yet(restart: bool) -> None:
    nobody, somebody = [0] * BINS, [1] + [0] * (BINS - 1)
    log = log_of(told(ONE, 1, (BAIT, CreatorSums(nobody, plays=1))), told(TWO, 1, (BAIT, CreatorSums(somebody))))
    table = counted(log[:1])
    changelog = appended([], table)
    if restart:
        table = recovered(changelog, len(log))
        assert table.take_changes().over == []
    table.count(log[1:])
    assert sums(table)[BAIT] == CreatorSums(somebody, plays=1)


def test_a_part_that_is_missing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    whole = log_of(told(ONE, 1, *many(1)), told(ONE, 2, (GORE, TagSums(users=1))))
    counted(whole)
    assert caplog.text == ""
    for missing in range(len(whole) - 1):
        caplog.clear()
        counted(whole[:missing] + whole[missing + 1 :])
        assert "are missing" in caplog.text


def test_of_a_changelog_made_anew_everything_counts() -> None:
    table = counted(log_of(told(Source(0, "old"), 7, (GORE, TagSums(users=1))), told(ONE, 1, (GORE, TagSums(users=2)))))
    assert table.totals.tags["gore"].users == 3


def test_after_the_topic_of_deltas_was_made_anew_its_deltas_count(caplog: pytest.LogCaptureFixture) -> None:
    changelog = appended([], counted(LOG))
    again = recovered(changelog, deltas_end=2)
    again.count(log_of(told(ONE, 5, (GORE, TagSums(users=5)))))
    assert again.totals.tags["gore"].users == TRUTH[GORE].users + 5  # type: ignore[union-attr]
    assert "made anew" in caplog.text


def one_key_records(*changes: tuple[Key, Sums]) -> list[Record]:
    """What workers told before deltas said which they are: a record a key."""
    log: list[Record] = []
    for key, change in changes:
        deltas = Deltas()
        deltas.add(key, change)
        log += [Record(len(log), key, value, 0) for key, value in deltas.take()]
    return log


def test_what_an_older_version_told_and_saved_goes_on_counting() -> None:
    """Its totals have no mark: each says by a header how far it has counted, also one that was deleted."""
    at = (3).to_bytes(8)
    stored = [
        Record(0, b'["tag","gore"]', bytes.fromhex("92019503010000ce0007a120"), 0, (("a", at),)),
        Record(1, b'["tag","news"]', None, 0, (("a", at),)),
    ]
    told_before = bytes.fromhex("920195010000000a")
    log = [Record(n, key, told_before, 0) for n, key in enumerate([b'["tag","gore"]', b'["tag","news"]'] * 3)]
    table = recovered(stored, len(log))
    table.count(log)
    assert table.totals.tags == {"gore": TagSums(4, 1, 0, 0, 500_010), "news": TagSums(1, 0, 0, 0, 10)}
    again = recovered(appended(stored, table), len(log))
    again.count([*log, *(record._replace(offset=6) for record in LOG[:1])])
    assert again.totals.tags == {"gore": TagSums(5, 1, 0, 0, 500_010), "news": TagSums(1, 0, 1, 0, 10)}


def test_what_does_not_decode_is_passed_over_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    rubbish = [Record(0, b"?", b"?", 0), Record(1, None, b"x", 0), Record(2, b'["tag","gore"]', None, 0)]
    claim = Record(3, CLAIM.encode(), None, 0)
    table = recovered([Record(0, b"rubbish", b"rubbish", 0), claim], 9)
    table.count([*rubbish, claim, LOG[0]._replace(offset=4)])
    assert (table.corrupt, table.totals.tags["gore"], table.next_offset) == (4, TagSums(users=1), 5)
    assert "passed over" in caplog.text


@pytest.mark.parametrize("newer", [b"\x92\x63\x95\x01\x01\x01\x01\x01", b"\x94\x63\x00\x00\x00"], ids=["old", "new"])
def test_deltas_of_a_newer_version_are_not_passed_over(newer: bytes) -> None:
    with pytest.raises(StateTooNew, match="upgrade"):
        TotalsTable().count([LOG[0]._replace(value=newer)])


def test_totals_have_an_owner() -> None:
    mark = decode_mark(encode_mark(TotalsMark(1, "theirs", 5, {ONE: Place(3, 0, 1)})))
    assert mark.counted == {ONE: Place(3, 0, 1)}
    hold_to(Settings(group="theirs"), mark)
    hold_to(Settings(group="ours", former_group="theirs"), mark)
    hold_to(Settings(group="ours"), None)
    with pytest.raises(StateForeign, match="former_group=theirs"):
        hold_to(Settings(group="ours"), mark)


def test_a_new_table_says_whose_it_is_before_anything_is_counted() -> None:
    [mark] = TotalsTable("ours").take_changes().mark
    assert decode_mark(mark.value or b"").group == "ours"


def test_a_mark_that_is_newer_or_unreadable_is_refused() -> None:
    with pytest.raises(StateTooNew, match="upgrade"):
        recovered([Record(0, KEY, b"\x94\x63\x00\x00\x00", 0)], 0)
    with pytest.raises(StateCorrupt, match="find out"):
        recovered([Record(0, KEY, b"?", 0)], 0)

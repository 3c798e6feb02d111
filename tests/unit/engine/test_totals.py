"""The table of the population's totals: saved and recovered at any moment, each delta counts once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.engine.kafka.records import Record
from streamer.engine.population.totals import TotalsTable
from streamer.errors import StateTooNew
from streamer.events import CLAIM
from streamer.population import Deltas, Key
from streamer.population.sums import CreatorSums, TagSums

GORE, NEWS = Key("tag", "gore"), Key("tag", "news")


def deltas_of(*changes: tuple[Key, TagSums | CreatorSums]) -> list[Record]:
    """Every change as a record of its own, as if each came from another checkpoint."""
    log: list[Record] = []
    for key, sums in changes:
        deltas = Deltas()
        deltas.add(key, sums)
        log += [Record(len(log), key, value, 0) for key, value in deltas.take()]
    return log


def saved(table: TotalsTable, changelog: Sequence[Record] = ()) -> list[Record]:
    """The changelog after the table is saved."""
    entries = table.take_changes()
    return [*changelog, *(Record(0, key, value, 0, tuple(headers)) for key, value, headers in entries)]


def recovered(changelog: Iterable[Record], deltas_end: int) -> TotalsTable:
    table = TotalsTable()
    table.recover(changelog, deltas_end)
    return table


LOG = deltas_of(
    (GORE, TagSums(users=1)), (NEWS, TagSums(likes=1)), (GORE, TagSums(users=2, dislikes=1)), (GORE, TagSums(users=-1))
)


def test_deltas_add_up_and_only_what_changed_is_saved() -> None:
    table = TotalsTable()
    table.count(LOG[:2])
    first = saved(table)
    table.count(LOG[2:])
    assert table.totals.tags == {"gore": TagSums(users=2, dislikes=1), "news": TagSums(likes=1)}
    assert {record.key for record in first} == {b'["tag","gore"]', b'["tag","news"]'}
    assert [record.key for record in saved(table)] == [b'["tag","gore"]']
    assert saved(table) == []
    assert table.next_offset == 4


@given(saved_at=st.lists(st.integers(0, 4), max_size=3), read_from=st.integers(0, 4), torn=st.integers(0, 2))
def test_a_crash_anywhere_and_reading_again_from_any_earlier_offset_counts_each_delta_once(
    saved_at: list[int], read_from: int, torn: int
) -> None:
    """
    deltas     0   1   2   3
    counted    ────────►             saved, perhaps torn: only some of the totals arrived
    crash; from `read_from`, at or before the last whole save:
    again          ────────►
    """
    changelog: list[Record] = []
    table, at = TotalsTable(), 0
    for position in sorted(saved_at):
        table.count(LOG[at:position])
        at = position
        changelog = saved(table, changelog)
    table.count(LOG[at:])
    changelog += saved(table)[:torn]
    again = recovered(changelog, len(LOG))
    again.count(LOG[min(read_from, at) :])
    assert again.totals.tags == {"gore": TagSums(users=2, dislikes=1), "news": TagSums(likes=1)}


def test_a_total_that_came_to_nothing_is_a_tombstone_that_still_says_how_far_it_counted() -> None:
    log = deltas_of((GORE, TagSums(users=1)), (GORE, TagSums(users=-1)))
    table = TotalsTable()
    table.count(log)
    [record] = saved(table)
    assert record.value is None
    again = recovered([record], len(log))
    again.count(log)
    assert again.totals.tags.get("gore", TagSums()).empty


def test_after_the_topic_of_deltas_was_made_anew_its_deltas_count(caplog: pytest.LogCaptureFixture) -> None:
    table = TotalsTable()
    table.count(LOG)
    changelog = saved(table)
    again = recovered(changelog, deltas_end=2)
    again.count(LOG[:2])
    assert again.totals.tags["gore"].users == 3
    assert "made anew" in caplog.text


def test_what_does_not_decode_is_passed_over_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    rubbish = [Record(0, b"?", b"?", 0), Record(1, None, b"x", 0), Record(2, b'["tag","gore"]', None, 0)]
    claim = Record(3, CLAIM.encode(), None, 0)
    table = recovered([Record(0, b"rubbish", b"rubbish", 0), claim], 9)
    table.count([*rubbish, claim, LOG[0]._replace(offset=4)])
    assert (table.corrupt, table.totals.tags, table.next_offset) == (4, {"gore": TagSums(users=1)}, 5)
    assert "passed over" in caplog.text


def test_deltas_of_a_newer_version_are_not_passed_over() -> None:
    newer = LOG[0]._replace(value=b"\x92\x63" + b"\x95" + b"\x01" * 5)
    with pytest.raises(StateTooNew, match="upgrade"):
        TotalsTable().count([newer])
